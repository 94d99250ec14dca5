"""`headnode configure` as a workflow: order, overrides, warnings, and how `create` uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import (
    CredentialsExpired,
    DeadlinePassed,
    DyecError,
    InvalidValue,
    NotFound,
    ToolchainError,
    ValidationError,
)
from daylily_ec.headnode.bundle import NodeTarget, Pins
from daylily_ec.headnode.readiness import TESTS
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.site_files import SiteFiles
from daylily_ec.workflow.configure_headnode import ConfigureRequest, configure_created, configure_head_node
from daylily_ec.workflow.repo_overrides import read_overrides
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, REGION, FakeS3, World
from tests.unit.headnode.test_bootstrap import ANSWER

KEY = "daylily-omics-analysis"
VIEW = ClusterView(CLUSTER, REGION, "CREATE_COMPLETE", "arn:stack", "2026-02-11T14:37:22Z")
STEPS = "fetch done 9 24 wheels\nconda unreachable 3 no route\nverify done 5 /home/ubuntu/.local/bin/dyec\n"
READY = "".join(f"{name} ok fine\n" for name in TESTS)


@dataclass
class Node:
    """`Remotes` and `Remote`: answers each script, or cannot be reached."""

    unreachable: DyecError | None = None
    steps: RemoteResult = field(default_factory=lambda: RemoteResult(0, STEPS, ""))
    release: str = ""
    ready: str = READY
    asked: list[str] = field(default_factory=list)
    settings: SiteFiles | None = None

    def connect(self, cluster: ClusterView) -> Remote:
        if self.unreachable is not None:
            raise self.unreachable
        return self

    def here(self, name: ClusterName) -> Remote | None:
        return None

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        self.asked.append(script.name)
        if script.name == "configure_probe":
            facts = {**ANSWER, "release": self.release}
            return RemoteResult(0, "".join(f"{name}={value}\n" for name, value in facts.items()), "")
        if script.name == "configure":
            self.settings = SiteFiles.parse(env["DYEC_SETTINGS"])
            return self.steps
        return RemoteResult(0, self.ready, "")


@dataclass
class Wheels:
    """One wheel, or none to be had."""

    folder: Path
    error: DyecError | None = None

    def wheels(self, target: NodeTarget, pins: Pins) -> tuple[Path, ...]:
        if self.error is not None:
            raise self.error
        (self.folder / "six-1.17.0-py2.py3-none-any.whl").write_bytes(b"six")
        return tuple(self.folder.glob("*.whl"))


@dataclass
class Journal:
    """Keeps the events."""

    events: list[str] = field(default_factory=list)

    def append(self, event: str, step: str = "", **data: object) -> None:
        self.events.append(event)


def services(clock: FakeClock, node: Node, wheels: Wheels) -> Services:
    made = World(clock).services()
    made.headnodes, made.wheels, made.s3 = node, wheels, FakeS3()
    return made


def test_it_probes_publishes_installs_and_says_what_does_not_hold(clock: FakeClock, tmp_path: Path) -> None:
    node = Node(ready=READY.replace("slurm ok fine", "slurm bad no controller"))
    done = configure_head_node(services(clock, node, Wheels(tmp_path)), ConfigureRequest(CLUSTER))
    assert node.asked == ["configure_probe", "configure", "readiness"]
    assert (done.outcome, done.published) == (Outcome.CREATED, 4)
    assert done.warnings == ("head node: optional step conda: unreachable: no route", "head node: slurm: no controller")
    assert node.settings is not None
    assert (node.settings.install.bundle, node.settings.overrides) == (done.bundle, None)


@pytest.mark.parametrize(("status", "outcome"), [("done", Outcome.UPDATED), ("unchanged", Outcome.UNCHANGED)])
def test_a_second_time_tells_what_changed(clock: FakeClock, tmp_path: Path, status: str, outcome: Outcome) -> None:
    steps = RemoteResult(0, f"fetch {status} 9 x\n", "")
    node = Node(steps=steps, release="0.1.0-old")
    made = services(clock, node, Wheels(tmp_path))
    assert configure_head_node(made, ConfigureRequest(CLUSTER)).outcome is outcome


def test_overrides_and_catalog_travel(clock: FakeClock, tmp_path: Path) -> None:
    node = Node()
    made = services(clock, node, Wheels(tmp_path))
    configure_head_node(made, ConfigureRequest(CLUSTER, overrides=(f"{KEY}:main",)))
    assert node.settings is not None
    assert node.settings.overrides == {KEY: "main"}
    with pytest.raises(ValidationError, match="not both"):
        configure_head_node(made, ConfigureRequest(CLUSTER, (f"{KEY}:main",), tmp_path / "x"))
    with pytest.raises(NotFound, match="no catalog file"):
        configure_head_node(made, ConfigureRequest(CLUSTER, catalog=tmp_path / "none.yaml"))


@pytest.mark.weakness("W-05")
def test_a_file_of_overrides_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "overrides"
    path.write_text(f"# pins of this run\n\n{KEY}:main  # the branch\n")
    assert read_overrides(path) == (f"{KEY}:main",)
    for text, words in (
        (f"{KEY}:main\nno-such:main\n", "line 2 'no-such:main': the catalog has no repository"),
        ("\njust words\n", "line 2 'just words': must be key:ref"),
        (f"{KEY}:-x\n", "line 1 .*git reference '-x'"),
        (f"{KEY}:a\n{KEY}:b\n", "line 2 .*was given a already"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidValue, match=words):
            read_overrides(path)
    with pytest.raises(NotFound):
        read_overrides(tmp_path / "none")


@pytest.mark.parametrize(
    "node", [Node(unreachable=DeadlinePassed("the agent did not register")),
             Node(steps=RemoteResult(70, "install failed 9 disk full\n", "disk full"))],
)  # fmt: skip
def test_create_goes_on_with_a_warning_that_says_how_to_repeat(clock: FakeClock, tmp_path: Path, node: Node) -> None:
    journal = Journal()
    (text,) = configure_created(services(clock, node, Wheels(tmp_path)), VIEW, (f"{KEY}:main",), journal)
    assert "The head node was not configured" in text
    assert f"dyec headnode configure --region {REGION} --cluster {CLUSTER} --repo-override {KEY}:main" in text
    assert journal.events == ["apply", "warning"]


def test_create_records_what_it_did(clock: FakeClock, tmp_path: Path) -> None:
    journal, node = Journal(), Node()
    found = configure_created(services(clock, node, Wheels(tmp_path)), VIEW, (), journal)
    assert [text for text in found if "conda" not in text] == []
    assert journal.events == ["apply", "applied"]


def test_no_wheels_is_a_warning_and_lost_credentials_are_not(clock: FakeClock, tmp_path: Path) -> None:
    lost = Wheels(tmp_path, ToolchainError("The wheels for the head node could not be fetched: no index"))
    assert "no index" in configure_created(services(clock, Node(), lost), VIEW, (), Journal())[0]
    expired = Node(unreachable=CredentialsExpired("ssm: the credentials are not valid any more"))
    with pytest.raises(CredentialsExpired):
        configure_created(services(clock, expired, Wheels(tmp_path)), VIEW, (), Journal())
