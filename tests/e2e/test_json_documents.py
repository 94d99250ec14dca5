"""On success, too, every command prints one JSON document: one life cycle with each of them, and the demonstration."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import pytest

from tests.contract.commands import leaves
from tests.e2e.cloud import Cloud
from tests.e2e.prepared import prepared

pytestmark = pytest.mark.e2e

LIFE = """
version
info
resources-dir
runtime identity
local up
local status
local env
local account
config init --config mine.yaml
config show
config validate
catalog list
catalog show illumina_run_qc
catalog validate
repositories list
repositories commands
preflight --region-az us-west-2d --non-interactive
plan --region-az us-west-2d
create --region-az us-west-2d --non-interactive
cluster list
cluster describe --cluster $CLUSTER_NAME
cluster wait --cluster $CLUSTER_NAME
state list
state show --cluster $CLUSTER_NAME
headnode info --cluster $CLUSTER_NAME
headnode run --cluster $CLUSTER_NAME -- true
headnode jobs --cluster $CLUSTER_NAME
headnode doctor --cluster $CLUSTER_NAME
headnode configure --cluster $CLUSTER_NAME --no-conda
headnode connect --cluster $CLUSTER_NAME --dry-run
headnode upload README.md --cluster $CLUSTER_NAME --to /home/ubuntu/read.md
headnode download /home/ubuntu/read.md --cluster $CLUSTER_NAME --to read.md
samples stage etc/analysis_samples_template.tsv --reference-s3-uri $REFERENCE_S3_URI \
    --control-data-s3-uri $CONTROL_DATA_S3_URI --stage-s3-uri $STAGE_S3_URI --config-dir stage-config
mounts create $RUN_FOLDER_S3_URI --cluster $CLUSTER_NAME --mount-id RUN9
mounts list --cluster $CLUSTER_NAME
mounts describe --cluster $CLUSTER_NAME --mount-id RUN9
mounts ensure $RUN_FOLDER_S3_URI --cluster $CLUSTER_NAME --mount-id RUN9
mounts verify --cluster $CLUSTER_NAME --mount-id RUN9 --platform ILMN
mounts delete --cluster $CLUSTER_NAME --mount-id RUN9
mount rundir $RUN_FOLDER_S3_URI --cluster $CLUSTER_NAME --mount-id RUN8
workflow launch --cluster $CLUSTER_NAME --no-input-staging --dy-command 'sleep 600' \\
    --analysis-id a1 --executing-entity reader
workflow list --cluster $CLUSTER_NAME
workflow attach --cluster $CLUSTER_NAME --session a1 --dry-run
workflow stop --cluster $CLUSTER_NAME --session a1 --cancel-jobs
workflow resume --cluster $CLUSTER_NAME --session a1 --dry-run --dy-command true
workflow launch --cluster $CLUSTER_NAME --no-input-staging --dy-command 'date > when' \\
    --analysis-id a2 --executing-entity reader
workflow status --cluster $CLUSTER_NAME --session a2 --wait
workflow logs --cluster $CLUSTER_NAME --session a2 --lines 5
export --cluster $CLUSTER_NAME --source-path /fsx/analysis_results/reader/a2 --output-dir export \
    --destination-s3-uri $EXPORT_S3_URI/analysis_results/reader/a2/
exports list --cluster $CLUSTER_NAME
exports status --cluster $CLUSTER_NAME --source-path /fsx/analysis_results/reader/a2
exports verify export/fsx_export.yaml
workflow launch --cluster $CLUSTER_NAME --no-input-staging --dy-command 'date > when' \
    --analysis-id a3 --executing-entity reader
workflow status --cluster $CLUSTER_NAME --session a3 --wait
exports preflight $A3
exports attach $A3
exports detach --association-id $ASSOCIATION_ID
exports attach $A3
exports run $A3 --no-wait
exports wait --cluster $CLUSTER_NAME --source-path /fsx/analysis_results/reader/a3
exports finish --cluster $CLUSTER_NAME --source-path /fsx/analysis_results/reader/a3
delete --cluster $CLUSTER_NAME --yes --lose-results
local reset
local down
"""
"""In this order; variables are those of `dyec local account`, the association of the command before, and A3."""
A3 = """--cluster $CLUSTER_NAME --source-path /fsx/analysis_results/reader/a3
    --destination-s3-uri $EXPORT_S3_URI/analysis_results/reader/a3/"""
UNLIKE_THE_OTHERS = {
    "demo": "a life cycle of its own, below",
    "local doctor": "judges this machine: its exit code is the machine's",
    "local shell": "hands the terminal over to a shell",
    "headnode init": "runs on the head node; test_headnode_setup.py reads its document there",
    "headnode fsx-usage": "needs a Lustre client",
}


def lines() -> list[str]:
    return LIFE.replace("\\\n", "").strip().splitlines()


def named(line: str) -> str:
    """The command that a line calls."""
    return max((leaf.name for leaf in leaves() if f"{line} ".startswith(f"{leaf.name} ")), key=len)


def test_every_command_is_run_or_has_a_reason() -> None:
    assert {named(line) for line in lines()} | set(UNLIKE_THE_OTHERS) == {leaf.name for leaf in leaves()}


def filled(line: str, variables: Mapping[str, str]) -> str:
    return Template(Template(line).safe_substitute(A3=A3)).substitute(variables)


def document(cloud: Cloud, words: list[str]) -> Any:
    done = cloud.dyec("--json", *words)
    assert done.code == 0, f"{words}: {done.err[-2000:]}{done.out[-2000:]}"
    return done.document


def test_a_life_cycle_in_documents(tmp_path: Path) -> None:
    with prepared(tmp_path) as cloud:
        for line in lines():
            found = document(cloud, shlex.split(filled(line, cloud.extra)))
            cloud.extra |= {"ASSOCIATION_ID": found["association_id"]} if "association_id" in found else {}
            assert isinstance(found, dict), line
            assert "error" not in found, line


def test_the_demonstration_in_a_document(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    found = document(Cloud(home), ["demo", "--workdir", str(tmp_path / "work")])
    assert (found["status"], {phase["status"] for phase in found["phases"]}) == ("success", {"ok"})
    assert Path(found["receipt"]).is_file()
