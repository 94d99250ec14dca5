"""`headnode init`: project, users, budget, and the shell code."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from daylily_ec.aws.budgets import Budget, Budgets
from daylily_ec.aws.context import AwsContext, Client, Identity
from daylily_ec.aws.s3 import ObjectText
from daylily_ec.errors import AccessDenied, MissingInput, Refused, ValidationError
from daylily_ec.headnode.cluster_facts import read_facts
from daylily_ec.workflow.init_headnode import Ask, Initialised, InitRequest, init_head_node
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.ensure.fakes import FakeBudgets
from tests.unit.fsx.fakes import World

PROJECT = "da-us-west-2d-majors"
ME = pwd.getpwuid(os.geteuid()).pw_name
CONFIG = """\
HeadNode:
  CustomActions:
    OnNodeConfigured:
      Script: s3://ref/data/runtime_assets/cluster_boot_config/0.1.0-abc/post.sh
Tags:
  - {Key: aws-parallelcluster-project, Value: da-us-west-2d-majors}
"""


@dataclass
class Table:
    """The table of projects, with the conditional writes of S3; `rival` is written by somebody else first."""

    text: str | None
    rival: str = ""
    key: str = ""

    def read_text(self, bucket: str, key: str) -> ObjectText | None:
        self.key = f"{bucket}/{key}"
        return None if self.text is None else ObjectText(self.text, str(hash(self.text)))

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        if self.text is not None:
            return False
        self.text = body.decode()
        return True

    def put_if_match(self, bucket: str, key: str, body: bytes, etag: str) -> bool:
        if self.rival:
            self.text, self.rival = f"{self.text}{self.rival}", ""
        if self.text is None or etag != str(hash(self.text)):
            return False
        self.text = body.decode()
        return True


@dataclass
class Node:
    """The files of a head node, the table, and the budgets."""

    folder: Path
    table: Table
    budgets: FakeBudgets
    services: Services

    def init(self, project: str = "", *, skip: bool = False, email: str = "", ask: Ask | None = None) -> Initialised:
        request = InitRequest(project, skip, email, ask, self.folder / "cfnconfig", self.folder / "config.yaml")
        return init_head_node(self.services, request)


@pytest.fixture
def node(clock: FakeClock, tmp_path: Path) -> Node:
    (tmp_path / "cfnconfig").write_text("cfn_node_type=HeadNode\nstack_name=majors\ncfn_region=us-west-2\n")
    (tmp_path / "config.yaml").write_text(CONFIG)
    budgets, table = FakeBudgets(), Table(f"other\tubuntu\n{PROJECT}\tubuntu,{ME}\n")
    budgets.create(Budget(PROJECT, Decimal(200), (), {}, Decimal(50)), (75,), "ops@example.org")
    made = World(clock).services()
    made.s3, made.budgets = table, budgets  # type: ignore[assignment]
    return Node(tmp_path, table, budgets, made)


def test_project_users_and_budget_of_the_cluster(node: Node) -> None:
    found = node.init()
    assert (found.cluster, found.region, found.project, found.member) == ("majors", "us-west-2", PROJECT, True)
    assert found.budget_text == "50 of 200 USD used this month (25.0 %)"
    assert (found.email, found.bucket, found.warnings) == ("ops@example.org", "ref", ())
    assert node.table.key == "ref/data/runtime_assets/budget_tags/pcluster-project-budget-tags.tsv"


def test_a_user_who_is_not_listed_is_warned(node: Node) -> None:
    node.table.text = f"{PROJECT}\tsomebody\n"
    found = node.init()
    assert not found.member
    assert f"{ME} is not among the users of project {PROJECT}: somebody" in found.warnings


def test_a_project_without_a_row_is_refused_unless_skipped(node: Node) -> None:
    with pytest.raises(Refused, match=r"Project mine is not in the table of projects \(known: da-us"):
        node.init("mine")
    assert node.init("mine", skip=True).budget_text == "none"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("config.yaml", CONFIG.replace("parallelcluster-project", "other"), "no tag aws-parallelcluster-project"),
        ("config.yaml", CONFIG.replace("s3://", "https://"), "reference bucket of this cluster is not known"),
        ("cfnconfig", "cfn_node_type=HeadNode\nstack_name=majors\n", "region of this cluster is not known"),
    ],
)
def test_what_is_missing_is_named(node: Node, name: str, text: str, words: str) -> None:
    (node.folder / name).write_text(text)
    with pytest.raises(MissingInput, match=words):
        node.init()


def test_it_belongs_on_a_head_node(node: Node) -> None:
    (node.folder / "cfnconfig").unlink()
    with pytest.raises(ValidationError, match="no head node"):
        node.init()


@dataclass
class Paged:
    """botocore's client of Budgets with one budget a page."""

    names: tuple[str, ...]

    def get_paginator(self, operation: str) -> Paged:
        assert operation == "describe_budgets"
        return self

    def paginate(self, **given: str) -> Iterator[dict[str, object]]:
        for name in self.names:
            yield {"Budgets": [{"BudgetName": name, "BudgetLimit": {"Amount": "200"}}]}


class Account(AwsContext):
    """One account whose budgets come in pages."""

    def __init__(self, *names: str) -> None:
        super().__init__(None, "us-west-2")
        self.names = names

    def client(self, service: str, region: str | None = None) -> Client:
        return Client(service, Paged(self.names))

    def identity(self) -> Identity:
        return Identity("123456789012", "arn:aws:iam::123456789012:user/ann")


@pytest.mark.weakness("L1")
def test_the_budget_is_found_on_any_page(node: Node) -> None:
    node.budgets.every = Budgets(Account("first", "second", PROJECT)).every  # type: ignore[method-assign]
    assert node.init().budget_text == "0 of 200 USD used this month (0.0 %)"


def test_nothing_is_created_without_a_yes(node: Node) -> None:
    node.table.text, before = None, list(node.budgets.kept)
    for ask in (None, lambda question: False):
        with pytest.raises(Refused):
            node.init(ask=ask)
    assert (node.table.text, list(node.budgets.kept)) == (None, before)


def test_a_missing_budget_and_row_are_created_once_beside_a_rival(node: Node) -> None:
    del node.budgets.kept[PROJECT]
    node.table.text, node.table.rival = "other\tubuntu\n", "theirs\tubuntu\n"
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    assert node.init(email="ops@example.org", ask=yes).member
    assert len(asked) == 1
    assert node.budgets.kept[PROJECT].amount == 200
    assert sorted(node.budgets.subscribers["daylily-global"]) == [25.0, 50.0, 75.0, 99.0]
    rows = (node.table.text or "").splitlines()
    assert "theirs\tubuntu" in rows
    assert [row.split("\t")[0] for row in rows].count(PROJECT) == 1


def test_a_budget_needs_an_address(node: Node) -> None:
    del node.budgets.kept[PROJECT]
    with pytest.raises(MissingInput, match="address"):
        node.init(ask=lambda question: True)


def test_budgets_that_may_not_be_seen_are_said_not_guessed(node: Node) -> None:
    def denied() -> tuple[Budget, ...]:
        raise AccessDenied("budgets:DescribeBudgets was denied")

    node.budgets.every = denied  # type: ignore[method-assign]
    found = node.init()
    assert (found.budget_text, found.budget) == ("none", None)
    assert "budgets:DescribeBudgets was denied" in found.warnings[0]


def test_the_shell_code_sets_everything_and_quotes_it(node: Node) -> None:
    name = "it's $(touch hacked); `x`"
    text = node.init(name, skip=True, email="o'brien@example.org").shell
    probe = f"set -eu\n{text}{text}" + 'printf "%s\\n" "$DAY_PROJECT" "$DAY_CONTACT_EMAIL" "$DAY_AWS_REGION" ' \
        '"$APPTAINER_HOME" "$APPTAINER_CACHEDIR" "$SINGULARITY_CACHEDIR" "$DAY_BIOME" "$reference_s3_uri" ' \
        '"$DAY_ROOT" "$ORIG_PATH"\ntype sqq > /dev/null\nalias dy-b day-build-env sq > /dev/null'  # fmt: skip
    done = subprocess.run(["bash", "-c", probe], cwd=node.folder, capture_output=True, text=True, check=False,
                          env={"PATH": "/usr/bin:/bin"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    cache = f"/fsx/tmp/apptainer_cache/{ME}"
    assert done.stdout.splitlines() == [
        name, "o'brien@example.org", "us-west-2", f"/fsx/tmp/apptainer_home/{ME}", cache, cache, "AWSPC", "ref",
        str(node.folder), "/usr/bin:/bin",
    ]  # fmt: skip
    assert not (node.folder / "hacked").exists()


def test_facts_need_a_file_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="cannot be read"):
        read_facts(tmp_path / "none")
    (tmp_path / "list").write_text("- 1\n")
    with pytest.raises(ValidationError, match="not a mapping"):
        read_facts(tmp_path / "list")
