"""A fresh local cloud with a prepared account, for one run of one of the two programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.localcloud.account import Account
from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.profile import REGION, USER, environment
from daylily_ec.localcloud.storage import provide

ROOT = Path(__file__).resolve().parents[2]
ZONE = f"{REGION}d"
HEAD_NODES = "tests.integration.localcloud_aws.fake_nodes:create_manager"
"""Head nodes that boot at once and answer every command with success: what runs on them is not compared."""
POLICIES = ("DaylilyGlobalEClusterPolicy", f"DaylilyRegionalEClusterPolicy-{REGION}")
_ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
TIME_LIMIT_S = 600.0


@dataclass(frozen=True)
class Site:
    """One cloud, and the home of the operator who works with it."""

    name: str
    layout: Layout
    endpoint: str
    home: Path

    @property
    def account(self) -> Account:
        """The account behind the profile."""
        return Account(environment(self.layout))

    def variables(self, program: Sequence[str]) -> Mapping[str, str]:
        """Environment of a command: its own environment's tools first, then ours (`aws`), and a home of its own."""
        own, ours = (str(Path(name).parent) for name in (program[0], sys.executable))
        path = os.pathsep.join([own, ours, "/usr/local/bin", "/usr/bin", "/bin"])
        return {"PATH": path, "HOME": str(self.home), "USER": "ann", "LANG": "C.UTF-8", **environment(self.layout)}

    def run(self, program: Sequence[str], *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return subprocess.run(
            [*program, *arguments], env={**self.variables(program), **more}, cwd=self.home, capture_output=True,
            text=True, timeout=TIME_LIMIT_S, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def control(self, method: str, name: str, document: object = None) -> str:
        """Ask the control path."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.endpoint}/_dyec/{name}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def calls(self) -> list[dict[str, Any]]:
        """The API calls since the account was prepared."""
        return [json.loads(line) for line in self.control("GET", "requests").splitlines()]


@contextmanager
def fresh_site(name: str, directory: Path) -> Iterator[Site]:
    """A cloud of its own, with storage, and the operator's policies attached; taken down at the end."""
    layout = Layout(directory / name / "cloud")
    home = directory / name / "home"
    home.mkdir(parents=True)
    started = up(layout, UpOptions(manager=HEAD_NODES))
    try:
        site = Site(name, layout, started.endpoint, home)
        provide(site.account, "")
        _attach_policies(site.account)
        site.control("DELETE", "requests")
        yield site
    finally:
        down(layout)


def _attach_policies(account: Account) -> None:
    iam = account.client("iam")
    for name in POLICIES:
        arn = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(_ALLOW))["Policy"]["Arn"]
        iam.attach_user_policy(UserName=USER, PolicyArn=arn)
