"""How the real program is called and how its answers are read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from daylily_ec.errors import ClusterFailed, ToolchainError
from daylily_ec.pcluster.runner import DRY_RUN_PASSED, Pcluster
from tests.unit.pcluster.fakes import NAME, Program

ENV = {"PATH": "/usr/bin", "DYEC_PCLUSTER": "/opt/pcluster/bin/pcluster"}
CONFIG = Path("/tmp/c.yaml")
ERRORS = [
    {"level": "ERROR", "type": "SubnetsValidator", "message": "subnet-1 does not exist"},
    {"level": "WARNING", "type": "EfaValidator", "message": "could be faster"},
    {"level": "ERROR", "type": "AdditionalIamPolicyValidator", "message": "policy p not found"},
]


def api(program: Program, profile: str | None = "daylily") -> Pcluster:
    return Pcluster(profile, "us-west-2", run=program, env=ENV)


def test_a_dry_run_that_passes_ends_with_status_one() -> None:
    program = Program({"message": DRY_RUN_PASSED, "validationMessages": ERRORS[1:2]}, returncode=1)
    (finding,) = api(program).dry_run(NAME, CONFIG)
    assert (finding.level, finding.kind) == ("WARNING", "EfaValidator")
    argv, env = program.calls[0]
    assert argv == [
        "/opt/pcluster/bin/pcluster", "create-cluster", "-n", "majors", "-c", "/tmp/c.yaml", "--dryrun", "true",
        "--region", "us-west-2",
    ]  # fmt: skip
    assert (env["AWS_PROFILE"], env["AWS_REGION"], env["AWS_DEFAULT_REGION"]) == ("daylily", "us-west-2", "us-west-2")
    assert env["PATH"].split(os.pathsep) == ["/opt/pcluster/bin", str(Path(sys.executable).parent), "/usr/bin"]


def test_without_a_profile_none_is_set() -> None:
    program = Program({"message": DRY_RUN_PASSED}, returncode=1)
    api(program, None).dry_run(NAME, CONFIG)
    assert "AWS_PROFILE" not in program.calls[0][1]


@pytest.mark.weakness("W-46")
@pytest.mark.parametrize("message", ["Invalid cluster configuration.", DRY_RUN_PASSED + "!"])
def test_a_refusal_shows_every_finding(message: str) -> None:
    program = Program({"message": message, "configurationValidationErrors": ERRORS}, returncode=1)
    with pytest.raises(ClusterFailed) as caught:
        api(program).dry_run(NAME, CONFIG)
    for finding in ERRORS:
        assert f"{finding['level']} {finding['type']}: {finding['message']}" in caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize("stdout", ["", "no json", '{"message": '])
def test_an_answer_that_is_no_json_shows_stderr(stdout: str) -> None:
    program = Program(stdout, returncode=1, stderr="Traceback\nRuntimeError: node is too old\n")
    with pytest.raises(ClusterFailed, match="node is too old"):
        api(program).dry_run(NAME, CONFIG)


def test_create_returns_the_stack_and_never_suppresses_a_validator() -> None:
    program = Program(
        'banner\n{"cluster": {"cloudformationStackArn": "arn:stack", "clusterStatus": "CREATE_IN_PROGRESS"}}'
    )
    assert api(program).create(NAME, CONFIG, rollback=True) == "arn:stack"
    assert api(program).create(NAME, CONFIG, rollback=False) == "arn:stack"
    first, second = (argv for argv, _ in program.calls)
    assert first[first.index("--rollback-on-failure") + 1] == "true"
    assert second[second.index("--rollback-on-failure") + 1] == "false"
    assert not any("suppress" in word or "validation-failure-level" in word for word in first + second)


def test_create_that_is_refused_says_why() -> None:
    program = Program({"message": "Bad Request: Cluster majors already exists."}, returncode=1)
    with pytest.raises(ClusterFailed, match="already exists"):
        api(program).create(NAME, CONFIG, rollback=True)


def test_failures_and_deletion_are_read() -> None:
    program = Program({"failures": [{"failureCode": "FsxMountFailure", "failureReason": "Failed to mount FSX."}]})
    (failure,) = api(program).failures(NAME)
    assert (failure.code, failure.reason) == ("FsxMountFailure", "Failed to mount FSX.")
    assert api(Program({"cluster": {"clusterStatus": "DELETE_IN_PROGRESS"}})).delete(NAME) == "DELETE_IN_PROGRESS"
    with pytest.raises(ClusterFailed, match="no such"):
        api(Program({"message": "no such cluster"}, returncode=1)).delete(NAME)


def test_the_program_beside_python_is_preferred_to_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ToolchainError):
        Pcluster(None, "us-west-2", env={"PATH": str(tmp_path / "empty")}).binary()
    (tmp_path / "pcluster").touch()
    assert Pcluster(None, "us-west-2", env={"PATH": "/usr/bin"}).binary() == str(tmp_path / "pcluster")
