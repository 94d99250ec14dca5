"""Commands, the queue, and the way to log in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.session_documents import SessionPreferences
from daylily_ec.errors import InvalidValue, MissingInput, Refused, RemoteCommandFailed, ValidationError
from daylily_ec.headnode.remote import RemoteResult
from daylily_ec.workflow.run_on_headnode import (
    RunCommand,
    connect_command,
    list_queue,
    prepare_connect,
    require_success,
    run_command,
)
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, REGION, World
from tests.unit.launch.fakes import Node


def services(clock: FakeClock, node: Node) -> Services:
    made = World(clock).services()
    made.headnodes = node
    return made


def test_words_travel_as_parameters(clock: FakeClock) -> None:
    node = Node(answers=[RemoteResult(7, "out", "why")])
    result = run_command(services(clock, node), RunCommand(CLUSTER, ("echo", "$(x) y")))
    ((name, env),) = node.asked
    assert (name, env) == ("run_command", {"DYEC_ARGC": "2", "DYEC_ARG_0": "echo", "DYEC_ARG_1": "$(x) y"})
    assert (result.command, result.exit_code) == ("echo '$(x) y'", 7)
    with pytest.raises(RemoteCommandFailed, match="why") as info:
        require_success(result)
    assert info.value.details["exit_code"] == 7


def test_no_command_is_refused(clock: FakeClock) -> None:
    with pytest.raises(MissingInput):
        run_command(services(clock, Node()), RunCommand(CLUSTER, ()))
    with pytest.raises(InvalidValue):
        run_command(services(clock, Node()), RunCommand("no", ("x",)))
    with pytest.raises(ValidationError, match="more than 120,000 bytes"):
        run_command(services(clock, Node()), RunCommand(CLUSTER, ("x" * 120_001,)))


def test_a_slurm_that_does_not_answer_is_no_empty_queue(clock: FakeClock) -> None:
    with pytest.raises(RemoteCommandFailed, match="slurm_load_jobs"):
        list_queue(services(clock, Node(answers=[RemoteResult(1, "", "slurm_load_jobs error")])), CLUSTER)
    found = list_queue(services(clock, Node(answers=[RemoteResult(0, '{"jobs": [], "errors": []}', "")])), CLUSTER)
    assert found.jobs == ()


@pytest.mark.parametrize(("profile", "words"), [(None, ""), ("team", "--profile team ")])
def test_the_login_command_is_exact(clock: FakeClock, profile: str | None, words: str) -> None:
    made = services(clock, Node())
    made.context = AwsContext(profile, REGION)
    assert connect_command(made, CLUSTER).line == (
        f"aws ssm start-session {words}--region us-west-2 --target i-0123 --document-name SSM-SessionManagerRunShell"
    )


class Documents:
    """Session Manager's preferences."""

    def __init__(self, found: SessionPreferences | None) -> None:
        self.found = found

    def preferences(self) -> SessionPreferences | None:
        return self.found


def test_a_login_is_prepared_only_with_the_right_preferences(clock: FakeClock) -> None:
    made = services(clock, Node())
    made.session_documents = Documents(SessionPreferences(True, "ubuntu", "cd ~ && exec bash -l"))
    assert prepare_connect(made, CLUSTER).instance_id == "i-0123"
    made.session_documents = Documents(None)
    with pytest.raises(Refused, match="nobody has set"):
        prepare_connect(made, CLUSTER)


def test_no_login_without_a_running_head_node(clock: FakeClock) -> None:
    world = World(clock)
    assert world.clusters.view is not None
    world.clusters.view = replace(world.clusters.view, head_node=None)
    with pytest.raises(ValidationError, match="absent"):
        connect_command(world.services(), CLUSTER)
