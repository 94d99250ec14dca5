"""An operator who runs `dyec` as child processes against a local cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session

from daylily_ec.config.settings import cache_dir
from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.profile import environment
from tests.integration.create.account import REGION, ZONE, Buckets, prepare_account, write_config
from tests.permissions.recording import Witness

ROOT = Path(__file__).resolve().parents[3]
NO_NODES = UpOptions(manager="tests.integration.localcloud_aws.fake_nodes:create_manager")
"""Head nodes are only pretended: quick, and their boots can be slowed and broken over the control path."""
READS = ("Get", "List", "Describe", "Head", "Simulate")


@dataclass(frozen=True)
class Ended:
    """A finished command line."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Operator:
    """One person with a home directory, and the account behind the profile."""

    layout: Layout
    endpoint: str
    home: Path
    buckets: Buckets
    witness: Witness = field(default_factory=Witness)

    @property
    def variables(self) -> dict[str, str]:
        tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        place = {"PATH": tools, "HOME": str(self.home), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "USER": "ann"}
        kept = {"XDG_CACHE_HOME": str(cache_dir().parent)}  # downloads; everything else is this person's own
        return {**place, **kept, "XDG_CONFIG_HOME": str(self.home / "config"), **environment(self.layout)}

    @property
    def directory(self) -> Path:
        """Where records and artifacts lie."""
        return self.home / "config" / "daylily"

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "daylily_ec", *arguments], env={**self.variables, **more}, cwd=self.home,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def dyec(self, *arguments: str, **more: str) -> Ended:
        self.witness.skip(self.rows())
        child = self.start(*arguments, **more)
        out, err = child.communicate(timeout=300)
        self.witness.look(self.rows(), arguments)
        return Ended(child.returncode, out, err)

    def rows(self) -> list[dict[str, Any]]:
        """The request log."""
        return [json.loads(line) for line in self.control("GET", "requests").splitlines()]

    def pcluster(self, *arguments: str) -> Any:
        done = subprocess.run(
            ["pcluster", *arguments], env=self.variables, cwd=self.home, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        return json.loads(done.stdout)

    def config(self, cluster: str, **values: str) -> str:
        return str(write_config(self.home / f"{cluster}.yaml", cluster, self.buckets, **values))

    def create(self, cluster: str, *flags: str, **more: str) -> Ended:
        return self.dyec(*self.command(cluster, *flags), **more)

    def command(self, cluster: str, *flags: str, **values: str) -> list[str]:
        base = ["create", "--region-az", ZONE, "--config", self.config(cluster, **values), "--non-interactive"]
        return [*base, "--pass-on-warn", "--json", *flags]

    def client(self, service: str) -> Any:
        core = botocore.session.Session(profile="daylily-local")
        core.set_config_variable("config_file", str(self.layout.aws_config))
        core.set_config_variable("credentials_file", str(self.layout.aws_credentials))
        return boto3.Session(botocore_session=core, region_name=REGION).client(service)

    def control(self, method: str, name: str, document: object = None) -> str:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.endpoint}/_dyec/{name}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def mutations(self) -> list[str]:
        """Calls since the last look that are no reads; forgets them."""
        calls = self.rows()
        self.control("DELETE", "requests")
        return [f"{call['service']}:{call['action']}" for call in calls if not str(call["action"]).startswith(READS)]

    def stacks(self) -> list[str]:
        return sorted(stack["StackName"] for stack in self.client("cloudformation").describe_stacks()["Stacks"])

    def record(self, cluster: str) -> dict[str, Any]:
        """The only record of a cluster."""
        (path,) = self.directory.glob(f"state_{cluster}_*.json")
        read: dict[str, Any] = json.loads(path.read_text())
        return read


@contextmanager
def operator_at(directory: Path, options: UpOptions) -> Iterator[Operator]:
    """A local cloud of its own below `directory` with a prepared account, and its operator; down afterwards."""
    layout = Layout(directory / "daylily" / "local")
    started = up(layout, options)
    home = directory / "home"
    home.mkdir()
    try:
        administrator = Operator(layout, started.endpoint, home, Buckets("", "", "", ""))
        yield Operator(layout, started.endpoint, home, prepare_account(administrator.client))
    finally:
        down(layout)
