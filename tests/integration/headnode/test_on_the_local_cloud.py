"""The commands as a user types them, against a cluster that the real pcluster made on the local cloud."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.e2e.canaries import CANARIES, hits
from tests.e2e.cloud import Cloud, Done
from tests.integration.localcloud_aws.cluster_config import REGION, configuration, prepare

pytestmark = pytest.mark.e2e
CLUSTER = "hn-demo"
STAGE = "remote_stage_20260211T143722Z_0a1b2c3d"
STAGE_DIR = f"/fsx/staging/staged_external_sequencing_data/{STAGE}"
CATALOG = """\
command_catalog_version: 2
default_repository: demo
repositories:
  demo: {https_url: 'file:///home/ubuntu/origin', default_ref: 2.0.26, relative_path: work}
"""
DAY_RUN = """#!/bin/bash
sbatch --wait -p i8 -o job.out --wrap 'echo job $SLURM_JOB_ID of $(wc -l < config/units.tsv)'
cat job.out
"""


class Desk(Cloud):
    """An operator with a running cluster and a stage in S3."""

    bucket = ""

    def on(self, *argv: str, timeout: float = 120) -> Done:
        words = list(argv)
        at = words.index("--") if "--" in words else len(words)
        words[at:at] = ["--cluster", CLUSTER, "--region", REGION]
        return self.dyec(*words, timeout=timeout)

    def launch(self, analysis: str, *more: str) -> Done:
        return self.on("--json", "workflow", "launch", "--analysis-id", analysis, "--executing-entity", "ubuntu",
                       "--catalog-config", "catalog.yaml", "--stage-dir", STAGE_DIR, "--stage-s3-uri",
                       f"s3://{self.bucket}/staged", *more)  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    # A short path: the sockets in a box have a limit of 108 characters.
    made = Desk(tmp_path_factory.mktemp("h"))
    made.up()
    try:
        _cluster(made)
        yield made
    finally:
        made.down()


def _cluster(desk: Desk) -> None:
    def client(service: str) -> Any:
        return boto3.client(service, endpoint_url=desk.endpoint, region_name=REGION, aws_access_key_id="x",
                            aws_secret_access_key="x", config=Config(s3={"addressing_style": "path"}))  # fmt: skip

    given = prepare(client, CLUSTER)
    desk.bucket = given.bucket
    (desk.home / "cluster.json").write_text(json.dumps(configuration(given)))
    (desk.home / "catalog.yaml").write_text(CATALOG)
    for name, text in (("samples", "SAMPLEID\nS1\n"), ("units", "RUNID\nR1\n")):
        client("s3").put_object(Bucket=given.bucket, Key=f"staged/{STAGE}/x_{name}.tsv", Body=text.encode())
    client("s3").put_object(Bucket=given.bucket, Key="references/genomic_data/README", Body=b"none\n")
    made = desk.run("pcluster", "create-cluster", "-n", CLUSTER, "-c", "cluster.json", "--region", REGION)
    assert made.code == 0, made.out
    stack = client("cloudformation")
    deadline = time.monotonic() + 120
    while stack.describe_stacks(StackName=CLUSTER)["Stacks"][0]["StackStatus"] != "CREATE_COMPLETE":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    origin = Path("/home/ubuntu/origin")
    # This cluster was not made by dyec, so what its boot and configuration leave behind is put there by hand.
    script = f"""
        mkdir -p /fsx/analysis_results ~/.local/bin && ln -sfn /fsx/references /fsx/data
        for name in dyec day-clone; do ln -sf /bin/true ~/.local/bin/$name; done
        echo 'export DAYLILY_EC_HEADNODE_BOOTSTRAPPED=1 PATH="$HOME/.local/bin:$PATH"' >> ~/.bash_profile
        mkdir -p {origin}/bin && cd {origin} && echo true > dyoainit && echo true > bin/day_activate
        cat > bin/day_run <<'EOF'\n{DAY_RUN}\nEOF
        chmod +x bin/day_run && git init -q && git add -A
        git -c user.name=t -c user.email=t@example.org commit -qm first && git tag 2.0.26
    """
    done = desk.on("headnode", "run", "--", "bash", "-c", script)
    assert done.code == 0, done.err


def test_commands_run_as_ubuntu_and_their_words_stay_words(desk: Desk) -> None:
    done = desk.on("headnode", "run", "--", "printf", "%s|", "a b", "$(id)", "'", "é")
    assert (done.code, done.out) == (0, "a b|$(id)|'|é|")
    assert desk.on("headnode", "run", "--", "id", "-un").out == "ubuntu\n"


def test_a_failing_command_is_one_document_with_its_code_and_stderr(desk: Desk) -> None:
    done = desk.on("--json", "headnode", "run", "--", "bash", "-c", "echo why >&2; exit 7")
    assert done.code == 2
    details = done.document["error"]["details"]
    assert (details["exit_code"], details["stderr"]) == (7, "why\n")


@pytest.mark.parametrize("size", [2_499, 23_999, 24_001, 150_000])
def test_long_output_is_exact(desk: Desk, size: int) -> None:
    done = desk.on(
        "headnode", "run", "--", "bash", "-c", f"base64 -w 0 /dev/urandom | head -c {size} | tee /dev/stderr"
    )
    assert len(done.out) == size
    assert done.err == done.out


def test_info_and_the_way_to_connect(desk: Desk) -> None:
    info = desk.on("--json", "headnode", "info").document
    assert (info["agent"], info["head_node"]["state"]) == ("Online", "running")
    line = desk.on("headnode", "connect", "--dry-run").out
    assert line.endswith(f"--target {info['head_node']['instance_id']} --document-name SSM-SessionManagerRunShell\n")


def test_a_login_is_opened_once_the_preferences_lead_to_the_cluster_user(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("session-manager-plugin", "aws"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s\\n" "$*"\nexit 130\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setitem(desk.extra, "PATH", f"{tmp_path}:{desk.env['PATH']}")
    instance = desk.on("--json", "headnode", "info").document["head_node"]["instance_id"]
    session = desk.on("headnode", "connect")
    # Its own exit code, not an interruption of dyec.
    assert session.code == 130, session.err
    assert "Interrupted" not in session.err
    wanted = f"ssm start-session --region {REGION} --target {instance} --document-name SSM-SessionManagerRunShell"
    assert session.out.replace("--profile daylily-local ", "") == f"{wanted}\n"


def test_a_workflow_is_launched_followed_and_read(desk: Desk) -> None:
    dry = desk.launch("a1", "--dry-run")
    assert dry.document["stage"]["outcome"] is None
    desk.forget()
    launched = desk.launch("a1")
    assert launched.code == 0, launched.out
    assert launched.document["stage"]["outcome"] == "CREATED"
    attached = "fsx:CreateDataRepositoryAssociation"
    assert desk.mutations() == ["ssm:SendCommand", "ssm:SendCommand", attached, "ssm:SendCommand"]
    ended = desk.on("--json", "workflow", "status", "--session", "a1", "--wait", "--timeout", "60")
    assert (ended.code, ended.document["state"], ended.document["exit_code"]) == (0, "SUCCEEDED", 0)
    log = desk.on("workflow", "logs", "--session", "a1").out
    assert "of 2" in log
    assert desk.on("--json", "headnode", "jobs").document["jobs"][0]["state"] == "COMPLETED"


@pytest.mark.weakness("H1")
def test_a_second_launch_adopts_the_stage_and_replaces_only_when_told(desk: Desk) -> None:
    refused = desk.launch("a1")
    assert (refused.code, refused.document["error"]["code"]) == (1, "analysis_dir_exists")
    again = desk.launch("a1", "--replace-existing-analysis-dir", "--dy-command", "sleep 60")
    assert again.code == 0, again.out
    assert again.document["stage"]["outcome"] == "ADOPTED"
    busy = desk.launch("a2", "--session-name", "a1")
    assert busy.document["error"]["code"] == "session_exists"
    assert desk.on("headnode", "run", "--", "tmux", "kill-session", "-t", "=a1").code == 0
    stopped = desk.on("--json", "workflow", "status", "--session", "a1", "--wait", "--timeout", "60")
    assert (stopped.code, stopped.document["error"]["details"]["state"]) == (2, "STOPPED")


@pytest.mark.weakness("M3")
def test_files_over_every_limit_go_there_and_back(desk: Desk) -> None:
    sheet = desk.home / "sheet.tsv"
    sheet.write_bytes(random.Random(5).randbytes(5_000_000))
    sent = desk.on("--json", "headnode", "upload", str(sheet), "--to", "/fsx/scratch/sheet.tsv")
    assert sent.code == 0, sent.out
    assert sent.document["outcome"] == "CREATED"
    fetched = desk.on("--json", "headnode", "download", "/fsx/scratch/sheet.tsv", "--to", str(desk.home / "back"))
    assert fetched.code == 0, fetched.out
    assert (desk.home / "back").read_bytes() == sheet.read_bytes()
    assert desk.on("headnode", "upload", str(sheet), "--to", "/fsx/scratch/sheet.tsv").code == 0
    sheet.write_text("other")
    refused = desk.on("--json", "headnode", "upload", str(sheet), "--to", "/fsx/scratch/sheet.tsv")
    assert refused.document["error"]["code"] == "target_exists"


def test_no_secret_is_shown_or_kept(desk: Desk) -> None:
    big = desk.home / "big"
    big.write_bytes(random.Random(6).randbytes(300_000))
    env = {key: value for key, value in desk.env.items() if key not in ("AWS_PROFILE", "AWS_CONFIG_FILE")}
    env |= {**CANARIES, "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0000", "AWS_ENDPOINT_URL": desk.endpoint}
    target = ["--region", REGION, "--cluster", CLUSTER]
    commands = [
        ["headnode", "run", *target, "--", "env"], ["headnode", "run", *target, "--", "bash", "-c", "env >&2; exit 3"],
        ["headnode", "info", *target], ["headnode", "jobs", *target], ["headnode", "doctor", *target],
        ["headnode", "fsx-usage", *target], ["headnode", "connect", *target, "--dry-run"],
        ["headnode", "upload", str(big), "--to", "~/big", *target],
        ["headnode", "download", "~/big", "--to", str(desk.home / "big2"), "--force", *target],
        ["headnode", "download", "~/nix", *target], ["headnode", "jobs", "--region", REGION],
        ["headnode", "jobs", "--region", REGION, "--cluster", "no-such-one"],
    ]  # fmt: skip
    shown = b""
    for command, more in zip(commands, itertools.cycle(([], ["--json"], ["--debug"])), strict=False):
        done = desk.run("dyec", *more, *command, env=env)
        shown += done.out.encode() + done.err.encode()
    assert b"day" in shown
    # The state of this machine, the local cloud's files, and the files of the node itself.
    kept = {path: path.read_bytes() for path in (desk.home / ".config").rglob("*") if path.is_file()}
    assert [path for path in kept if path.name == "big" and "rootfs" in path.parts]
    found = hits({desk.home / "shown": shown, **kept})
    print(f"P15: {len(CANARIES)} secrets, 4 encodings, {len(commands)} commands, {len(kept)} files: {len(found)} hits")
    assert found == []
