"""A local cloud with the four storage buckets, and a configuration that names them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from daylily_ec.cli.main import main
from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.profile import environment
from daylily_ec.preflight.roles import parse_roles
from tests.permissions.recording import Witness

ROOT = Path(__file__).resolve().parents[3]
NODES = UpOptions(manager="tests.integration.localcloud_aws.fake_nodes:create_manager")
VALUES = {
    "cluster_name": "day-demo",
    "reference_s3_uri": "s3://refs-usw2/",
    "control_data_s3_uri": "s3://control-usw2/",
    "stage_s3_uri": "s3://lab-usw2/staged_external_data",
    "export_destination_s3_uri": "s3://lab-usw2/derived",
    "budget_email": "ops@example.org",
}


@dataclass(frozen=True)
class Account:
    """The local cloud as an operator meets it."""

    layout: Layout

    def client(self, service: str, region: str = "us-west-2") -> Any:
        """A boto3 client of the operator; the environment names the profile."""
        return boto3.Session(profile_name="daylily-local", region_name=region).client(service)

    def rows(self) -> list[dict[str, Any]]:
        """The request log."""
        lines = self.layout.requests.read_text().splitlines() if self.layout.requests.exists() else []
        return [json.loads(line) for line in lines]

    def calls(self) -> list[str]:
        """Names of the API calls."""
        return [row["action"] for row in self.rows()]


@dataclass(frozen=True)
class Ran:
    """How one command line ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        read: dict[str, Any] = json.loads(self.stdout)
        return read


class Operator:
    """Runs command lines in this process."""

    def __init__(self, account: Account, capture: pytest.CaptureFixture[str], directory: Path) -> None:
        self.account, self.capture, self.directory = account, capture, directory
        self.before = 0
        self.witness = Witness()

    def config(self, **values: str) -> Path:
        """A configuration file; an empty value leaves the key out."""
        path = self.directory / "cluster.yaml"
        lines = [f'    {key}: [USESETVALUE, "", "{value}"]' for key, value in {**VALUES, **values}.items() if value]
        path.write_text("ephemeral_cluster:\n  config:\n" + "\n".join(lines) + "\n")
        return path

    def run(self, *arguments: str | Path) -> Ran:
        """One command line; `calls` afterwards are its own."""
        self.before = len(self.account.calls())
        self.capture.readouterr()
        words = [str(argument) for argument in arguments]
        self.witness.skip(self.account.rows())
        code = main(words)
        self.witness.look(self.account.rows(), words)
        shown = self.capture.readouterr()
        return Ran(code, shown.out, shown.err)

    @property
    def calls(self) -> list[str]:
        """API calls of the last command line."""
        return self.account.calls()[self.before :]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    layout = Layout(tmp_path_factory.mktemp("cloud") / "daylily" / "local")
    up(layout, NODES)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(layout).items():
            patch.setenv(name, value)
        _fill(Account(layout))
        yield Account(layout)
    down(layout)


def _fill(account: Account) -> None:
    s3 = account.client("s3")
    for bucket in ("refs-usw2", "control-usw2", "lab-usw2"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    account.client("s3", "us-east-1").create_bucket(Bucket="refs-use1")
    buckets = {"reference": "refs-usw2", "control_data": "control-usw2"}
    for role in parse_roles(ROOT / "config" / "storage_roles.yaml"):
        for prefix in role.holds:
            s3.put_object(Bucket=buckets[role.name], Key=f"{prefix}/README", Body=b"here")
        if role.marker_object:
            s3.put_object(Bucket=buckets[role.name], Key=role.marker_object, Body=role.marker_text.encode())


@pytest.fixture
def operator(
    account: Account, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Operator:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Operator(account, capsys, tmp_path)
