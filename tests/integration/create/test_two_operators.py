"""Two operators, one name: one machine, two machines, two people.  Each sentence of the rule is a test."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.create.desk import Operator

pytestmark = pytest.mark.e2e
SLOW_BOOT_S = 25


def wait_for(condition: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def elsewhere(operator: Operator, home: Path) -> Operator:
    """The same caller on another machine, whose configuration directory knows nothing."""
    home.mkdir()
    return replace(operator, home=home)


def status(operator: Operator, cluster: str) -> str:
    return str(operator.record(cluster)["status"]) if any(operator.directory.glob(f"state_{cluster}_*")) else ""


@pytest.fixture
def twice(operator: Operator) -> Iterator[Operator]:
    operator.control("POST", "boot", {"cluster": "twice", "delay": SLOW_BOOT_S})
    child = operator.start(*operator.command("twice"))
    wait_for(lambda: status(operator, "twice") == "SUBMITTED")
    yield operator
    out, err = child.communicate(timeout=200)
    assert child.returncode == 0, err
    assert json.loads(out)["outcome"] == "CREATED"


@pytest.mark.weakness("W-56")
def test_one_stack_whoever_comes_second(twice: Operator, tmp_path: Path) -> None:
    second = twice.create("twice")
    assert second.code == 1
    error = second.document["error"]
    assert (error["code"], error["details"]["holder"]["purpose"]) == ("busy", "create")

    deleting = twice.dyec("delete", "--cluster", "twice", "--region", "us-west-2", "--yes", "--json")
    assert deleting.document["error"]["code"] == "busy"

    (stack,) = twice.client("cloudformation").describe_stacks(StackName="twice")["Stacks"]
    tags = {tag["Key"]: tag["Value"] for tag in stack["Tags"]}
    assert tags["dyec:run-id"] == twice.record("twice")["run_id"]

    stranger = elsewhere(twice, tmp_path / "stranger")
    refused = stranger.dyec(*stranger.command("twice", max_count_8I="2"))
    assert refused.code == 1
    message = refused.document["error"]["message"]
    for fact in (stack["StackId"], tags["dyec:owner"], "with another configuration", "started 20"):
        assert fact in message

    same = elsewhere(twice, tmp_path / "same")
    adopted = same.create("twice")
    assert adopted.code == 0, adopted.err
    assert adopted.document["outcome"] == "ADOPTED"
    (line,) = (line for line in adopted.err.splitlines() if "Going on with the cluster that exists" in line)
    for fact in (stack["StackId"], tags["dyec:owner"], "started 20", tags["dyec:run-id"]):
        assert fact in line
    assert twice.stacks().count("twice") == 1


OUTLIVED = """\
#!/bin/sh
# The pcluster of a killed run, which goes on: it submits the cluster before the next run has its configuration checked.
case "$*" in
*--dryrun*)
    sed "$EDIT" "$5" > "$HOME/outlived.yaml"
    pcluster create-cluster -n "$3" -c "$HOME/outlived.yaml" --region us-west-2 >&2 ;;
esac
exec pcluster "$@"
"""


@pytest.mark.weakness("W-56")
def test_a_cluster_that_comes_before_the_dry_run_is_judged_like_any_that_exists(operator: Operator) -> None:
    program = operator.home / "outlived"
    program.write_text(OUTLIVED)
    program.chmod(0o755)
    ended = operator.create("outlived", DYEC_PCLUSTER=str(program), EDIT="")
    assert ended.code == 0, ended.err
    assert (ended.document["outcome"], status(operator, "outlived")) == ("ADOPTED", "COMPLETE")
    assert "Going on with the cluster that exists: arn:" in ended.err
    assert operator.stacks().count("outlived") == 1

    refused = operator.create("foreign", DYEC_PCLUSTER=str(program), EDIT="/dyec:owner/{n;s/: .*/: bob/}")
    assert (refused.code, refused.document["error"]["code"]) == (1, "cluster_exists")
    assert refused.document["error"]["details"]["owner"] == "bob"


def test_ctrl_c_detaches_with_130_and_the_named_command_goes_on(operator: Operator) -> None:
    operator.control("POST", "boot", {"cluster": "detached", "delay": 15})
    child = operator.start(*operator.command("detached"))
    wait_for(lambda: status(operator, "detached") == "SUBMITTED")
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    error = json.loads(out)["error"]
    assert error["code"] == "interrupted"
    assert "AWS goes on making it" in error["message"]
    words = error["details"]["resume_command"].split()
    assert words[:2] == ["dyec", "create"]
    ended = operator.dyec(*words[1:], "--non-interactive", "--json")
    assert ended.code == 0, ended.err
    assert (ended.document["outcome"], status(operator, "detached")) == ("ADOPTED", "COMPLETE")


def test_credentials_that_expire_in_the_middle_leave_the_run_open(operator: Operator) -> None:
    operator.control("POST", "boot", {"cluster": "expired", "delay": 15})
    child = operator.start(*operator.command("expired"))
    wait_for(lambda: status(operator, "expired") == "SUBMITTED")
    operator.control("POST", "fault", {"kind": "expired", "call": 1, "for_good": True})
    try:
        out, _ = child.communicate(timeout=60)
    finally:
        operator.control("DELETE", "fault")
    assert child.returncode == 2
    error = json.loads(out)["error"]
    assert error["code"] == "credentials_expired"
    assert error["hint"].startswith("Log in again (aws sso login --profile daylily-local), then: dyec create ")
    assert status(operator, "expired") == "SUBMITTED"
    ended = operator.dyec(*error["details"]["resume_command"].split()[1:], "--non-interactive", "--json")
    assert (ended.code, status(operator, "expired")) == (0, "COMPLETE"), ended.err


def test_a_deadline_ends_the_wait_and_not_the_cluster(operator: Operator) -> None:
    operator.control("POST", "boot", {"cluster": "patient", "delay": 15})
    ended = operator.create("patient", "--timeout", "0")
    assert ended.code == 2
    error = ended.document["error"]
    assert error["code"] == "deadline"
    assert "to wait longer" in error["hint"]
    assert operator.create("patient").document["outcome"] == "ADOPTED"
