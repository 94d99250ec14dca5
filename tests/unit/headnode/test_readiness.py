"""What the answers of the readiness check mean."""

from __future__ import annotations

import pytest

from daylily_ec.config.resources import resource
from daylily_ec.domain.checks import Status
from daylily_ec.errors import Refused, RemoteCommandFailed
from daylily_ec.headnode.readiness import TESTS, Readiness, failures, parse, require

ALL_GOOD = "".join(f"{name} ok as it should be\n" for name in TESTS)


def without(name: str, line: str = "") -> str:
    return ALL_GOOD.replace(f"{name} ok as it should be\n", line)


def test_every_test_of_the_script_has_a_fix_and_none_is_missing() -> None:
    script = resource("config/headnode/readiness.sh").read_text()
    named = [line.split()[1] for line in script.splitlines() if line.startswith("check ")]
    assert named == list(TESTS)
    assert all(test.fix for test in TESTS.values())


def test_a_node_that_is_ready_has_the_tools_of_a_launch() -> None:
    launch = resource("config/headnode/workflow_launch.sh").read_text()
    needed = launch.partition("for tool in ")[2].partition(";")[0].split()
    (ready,) = (line for line in resource("config/headnode/readiness.sh").read_text().splitlines()
                if line.startswith("check tools on_path "))  # fmt: skip
    assert "tmux" in needed
    assert set(needed) <= set(ready.split()[3:])


def test_what_holds_passes_and_needs_no_fix() -> None:
    findings = parse(ALL_GOOD)
    assert [finding.name for finding in findings] == list(TESTS)
    assert {(finding.status, finding.found, finding.fix) for finding in findings} == {
        (Status.PASS, "as it should be", "")
    }
    assert require(Readiness("demo-1", findings)).status is Status.PASS


@pytest.mark.parametrize("name", list(TESTS))
def test_each_test_is_named_with_what_was_found_and_its_fix(name: str) -> None:
    (finding,) = [item for item in parse(without(name, f"{name} bad not there\n")) if item.status is not Status.PASS]
    assert (finding.name, finding.status, finding.found) == (name, TESTS[name].otherwise, "not there")
    assert finding.fix == TESTS[name].fix


@pytest.mark.parametrize("name", list(TESTS))
def test_a_test_without_an_answer_does_not_hold(name: str) -> None:
    (finding,) = [item for item in parse(without(name)) if item.status is not Status.PASS]
    assert (finding.name, finding.found) == (name, "no answer")


@pytest.mark.parametrize("line", ["disk ok big", "user maybe", "user", "Segmentation fault"])
def test_an_answer_that_is_not_understood_is_no_pass(line: str) -> None:
    with pytest.raises(RemoteCommandFailed, match="not understood"):
        parse(ALL_GOOD + line)


def test_a_launch_is_refused_with_every_failed_test_by_name() -> None:
    text = without("dyec", "dyec bad dyec is not on PATH\n").replace("fsx ok as it should be", "fsx bad not mounted")
    readiness = Readiness("demo-1", parse(text))
    with pytest.raises(
        Refused, match=r"demo-1 is not ready: fsx \(not mounted\); dyec \(dyec is not on PATH\)"
    ) as info:
        require(readiness)
    assert info.value.code == "head_node_not_ready"
    assert [item.name for item in failures(readiness.findings)] == ["fsx", "dyec"]
    assert readiness.status is Status.FAIL


def test_a_warning_does_not_stop_a_launch() -> None:
    readiness = Readiness("demo-1", parse(without("conda", "conda bad no conda\n")))
    assert require(readiness).status is Status.WARN
