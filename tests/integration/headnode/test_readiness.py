"""The readiness script on a node that lacks one thing after the other."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from daylily_ec.domain.checks import Status
from daylily_ec.headnode.readiness import Finding, overrides, parse
from daylily_ec.headnode.remote import RemoteScript
from tests.integration.headnode.node import Node

ASSETS = "references/runtime_assets"
GOOD = "#!/bin/sh\necho fine\n"


@pytest.fixture
def ready(node: Node) -> Node:
    """A node on which every test holds, but for what belongs to the machine (its cfnconfig)."""
    host = os.uname().nodename.partition(".")[0]
    for name in ("analysis_results", "references/genomic_data", f"{ASSETS}/cached_envs/conda",
                 f"resources/environments/conda/ubuntu/{host}",
                 f"resources/environments/containers/ubuntu/{host}"):  # fmt: skip
        (node.fsx / name).mkdir(parents=True, exist_ok=True)
    (node.fsx / ASSETS / "tool_specific_resources").mkdir()
    for name in ("cached_envs/apptainer_1.4.5_amd64.deb", "tool_specific_resources/cromwell_87.jar",
                 "tool_specific_resources/womtool_87.jar"):  # fmt: skip
        (node.fsx / ASSETS / name).write_text("content\n")
    (node.fsx / "data").symlink_to(node.fsx / "references")
    for name in ("mountpoint", "sinfo", "squeue", "sbatch", "scancel", "dyec", "day-clone", "conda"):
        node.program(name, GOOD)
    with (node.home / ".bash_profile").open("a") as profile:
        profile.write("export DAYLILY_EC_HEADNODE_BOOTSTRAPPED=1\n. ~/.bashrc\n")
    (node.home / ".bashrc").write_text("[ ! -t 0 ] || stty -ixon\n")
    return node


def findings(node: Node) -> tuple[Finding, ...]:
    script = RemoteScript.packaged("readiness")
    result = node.remote.run(script, {"DYEC_FSX": str(node.fsx), "DYEC_USER": "ubuntu"}, 60)
    return parse(result.require_success("readiness").stdout)


def bad(node: Node) -> dict[str, Finding]:
    return {item.name: item for item in findings(node) if item.status is not Status.PASS}


def test_only_the_machine_itself_is_no_head_node(ready: Node) -> None:
    assert set(bad(ready)) == {"node"}


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (None, {}),
        ('{"overrides": {}}', {}),
        ('{"release": "1"}', {}),
        ('{"overrides": {"one": "2.1.0", "two": "main"}}', {"one": "2.1.0", "two": "main"}),
    ],
)
def test_the_versions_that_the_node_was_configured_to_clone(
    ready: Node, record: str | None, found: dict[str, str]
) -> None:
    folder = ready.home / ".config/daylily"
    folder.mkdir(parents=True)
    if record is not None:
        (folder / "headnode.json").write_text(record)
    assert overrides(findings(ready)) == found


def test_a_record_that_cannot_be_read_is_no_record_without_overrides(ready: Node) -> None:
    folder = ready.home / ".config/daylily"
    folder.mkdir(parents=True)
    (folder / "headnode.json").write_text("{")
    assert "overrides" in bad(ready)


LACKS = {
    "analysis-root": "analysis_results", "references": "references/genomic_data", "data-link": "data",
    "apptainer": f"{ASSETS}/cached_envs/apptainer_1.4.5_amd64.deb",
    "cromwell": f"{ASSETS}/tool_specific_resources/cromwell_87.jar",
    "womtool": f"{ASSETS}/tool_specific_resources/womtool_87.jar", "conda-cache": f"{ASSETS}/cached_envs/conda",
    "conda-environments": "resources/environments/conda", "containers": "resources/environments/containers",
}  # fmt: skip


@pytest.mark.weakness("H10")
@pytest.mark.parametrize(("name", "path"), LACKS.items())
def test_exactly_the_test_of_what_is_missing_is_named(ready: Node, name: str, path: str) -> None:
    place = ready.fsx / path
    if place.is_symlink() or place.is_file():
        place.unlink()
    else:
        shutil.rmtree(place)
    assert set(bad(ready)) == {"node", name}


@pytest.mark.parametrize(
    ("name", "program"),
    [("fsx", "mountpoint"), ("slurm", "sinfo"), ("dyec", "dyec"), ("day-clone", "day-clone")],
)  # fmt: skip
def test_a_program_that_fails_is_named_with_its_own_words(ready: Node, name: str, program: str) -> None:
    ready.program(program, "#!/bin/sh\necho 'it is broken' >&2; exit 3\n")
    found = bad(ready)
    assert set(found) == {"node", name}
    assert name == "fsx" or "it is broken" in found[name].found


def test_missing_bootstrap_conda_flow_control_and_old_assets_are_named(ready: Node) -> None:
    profile = ready.home / ".bash_profile"
    profile.write_text(profile.read_text().replace("BOOTSTRAPPED=1", "BOOTSTRAPPED="))
    (ready.home / ".bashrc").write_text("")
    (ready.root / "bin/conda").unlink()
    (ready.fsx / "runtime_assets").mkdir()
    assert set(bad(ready)) == {"node", "bootstrap", "conda", "flow-control", "runtime-assets"}


def test_the_check_changes_nothing(ready: Node) -> None:
    def tree() -> list[tuple[str, int]]:
        return sorted((str(path), path.lstat().st_mtime_ns) for path in Path(ready.root).rglob("*")
                      if "tmp" not in path.parts[len(ready.root.parts):])  # fmt: skip

    before = tree()
    bad(ready)
    assert tree() == before
