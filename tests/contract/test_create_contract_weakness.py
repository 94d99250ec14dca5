"""Defects of the reference release on the way to a cluster: each is ruled out by a marked test, or it is explained."""

from __future__ import annotations

import ast
import dataclasses
import logging
import re
from pathlib import Path

import pytest

from daylily_ec.cli.frame import FRAME
from daylily_ec.cli.main import main
from daylily_ec.cli.render import paint
from daylily_ec.config.resources import locate, resource
from daylily_ec.workflow.create_request import ClusterCreated

ROOT = Path(__file__).resolve().parents[2]
CONCERNED = {f"W-{number:02}" for number in (*range(1, 50), *range(56, 62))}
ELSEWHERE = {
    "W-35": "administrators' policies are not made by creating a cluster; they come with the account's bootstrap",
}
"""Ids without a marked test, each with the reason."""


def marked() -> dict[str, list[str]]:
    """Tests by the id they are marked with: functions that pytest collects and that can fail, none that is skipped."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        for name, ids in marked_tests(source) if "weakness" in source else []:
            for id in ids:
                found.setdefault(id, []).append(f"{path.name}::{name}")
    return found


def marked_tests(source: str) -> list[tuple[str, list[str]]]:
    """Every test of a module with its ids; a marker of the module counts for each of its tests."""
    tree = ast.parse(source)
    assigned = (node for node in tree.body if isinstance(node, ast.Assign))
    common = [node.value for node in assigned if [ast.unparse(name) for name in node.targets] == ["pytestmark"]]
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    marks = {test.name: [ast.unparse(mark) for mark in (*common, *test.decorator_list)] for test in tests}
    return [(test.name, _ids(" ".join(marks[test.name]))) for test in tests
            if _can_fail(test) and not re.search(r"mark\.(skip|xfail)", " ".join(marks[test.name]))]  # fmt: skip


def _ids(marks: str) -> list[str]:
    return [id for given in re.findall(r"mark\.weakness\((.*?)\)", marks) for id in re.findall(r"W-\d+", given)]


def _can_fail(test: ast.FunctionDef) -> bool:
    parts = list(ast.walk(test))
    return any(isinstance(part, ast.Assert) for part in parts) or "pytest.raises" in ast.unparse(test)


def test_only_real_tests_are_counted() -> None:
    source = """
pytestmark = [pytest.mark.e2e, pytest.mark.weakness("W-05")]
# @pytest.mark.weakness("W-98")
@pytest.mark.weakness("W-01", "W-02")
def test_that_looks(): assert look()
@pytest.mark.weakness("W-03")
def test_that_cannot_fail(): look()
@pytest.mark.weakness("W-03")
def helper(): assert look()
@pytest.mark.skipif(True, reason="x")
@pytest.mark.weakness("W-04")
def test_that_is_skipped(): assert look()
"""
    assert marked_tests(source) == [("test_that_looks", ["W-05", "W-01", "W-02"])]


def test_every_defect_is_ruled_out_or_explained() -> None:
    have = set(marked())
    assert sorted(CONCERNED - have - ELSEWHERE.keys()) == []
    assert sorted(have & ELSEWHERE.keys()) == [], "explained away although a test exists"
    assert ELSEWHERE.keys() <= CONCERNED


def test_the_count_of_defects_ruled_out() -> None:
    assert len(CONCERNED) == 55
    assert len(CONCERNED & set(marked())) == 55 - len(ELSEWHERE)


@pytest.mark.weakness("W-31")
def test_no_color_reaches_every_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    FRAME.reset()
    assert paint("x", "31") == "\x1b[31mx\x1b[0m"
    assert main(["--no-color", "version"]) == 0
    assert paint("x", "31") == "x"
    FRAME.reset()
    monkeypatch.setenv("NO_COLOR", "")
    assert paint("x", "31") == "x"


@pytest.mark.weakness("W-34")
def test_a_config_directory_here_replaces_nothing_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "config/day_cluster/pcluster_env.yml"
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("foreign")
    monkeypatch.chdir(tmp_path)
    assert resource(name).read_text() != "foreign"
    assert locate(name).read_text() == "foreign", "a path that the operator names is the operator's"


@pytest.mark.weakness("W-48")
def test_pcluster_is_never_asked_for_lists() -> None:
    guilty = [path.name for path in (ROOT / "daylily_ec").rglob("*.py") if "list-clusters" in path.read_text()]
    assert guilty == []


@pytest.mark.weakness("W-57")
def test_debug_leaves_the_loggers_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = (logging.getLogger().level, list(logging.getLogger().handlers))
    assert main(["--debug", "version"]) == 0
    assert (logging.getLogger().level, logging.getLogger().handlers) == before
    assert not logging.getLogger("botocore").isEnabledFor(logging.DEBUG)
    FRAME.reset()


@pytest.mark.weakness("W-58")
@pytest.mark.parametrize("command", [["version"], ["info"], ["state", "list"]])
def test_looking_makes_no_directories(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    assert main(command) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.weakness("W-61")
def test_a_created_cluster_is_described_for_machines() -> None:
    fields = {field.name for field in dataclasses.fields(ClusterCreated)}
    assert {"head_node_ip", "head_node_instance_id", "fsx_ids", "state_path", "cluster_yaml_path", "next_command",
            "warnings", "elapsed_s"} <= fields  # fmt: skip
