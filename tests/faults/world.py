"""One local cloud for a sweep: emptied and prepared again before every point, and counted afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import botocore.session

from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.profile import environment
from tests.faults import child, client_hook, pcluster_recorder
from tests.faults.scenario import CREATE, Scenario
from tests.integration.create.account import REGION, Buckets, write_config
from tests.permissions.recording import Witness

CLUSTER = "sweep"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class World:
    """The cloud, a fresh home directory per point, and the operator in it."""

    layout: Layout
    endpoint: str
    base: Path
    pcluster: Path
    nursery: Copies
    scenario: Scenario = CREATE
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def directory(self) -> Path:
        """Where records and artifacts lie."""
        return self.home / "config" / "daylily"

    def fresh(self) -> None:
        """Account, node and home as the scenario finds them."""
        self.nursery.say("fresh")
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self._kept_home, self.home)

    @property
    def _kept_home(self) -> Path:
        return self.base / "kept-home"

    def prepare(self) -> None:
        """An account as an administrator leaves it, a home with nothing but a configuration, and the scenario's own."""
        self.home.mkdir(parents=True)
        write_config(self.config, CLUSTER, self.nursery.buckets)
        if self.scenario.prepare is not None:
            self.nursery.say("open")
            self.scenario.prepare(self)
            self.nursery.say("keep")
        shutil.copytree(self.home, self._kept_home)

    @property
    def config(self) -> Path:
        return self.home / "cluster.yaml"

    @property
    def variables(self) -> dict[str, str]:
        tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        place = {"PATH": tools, "HOME": str(self.home), "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "USER": "ann",
                 "XDG_CONFIG_HOME": str(self.home / "config"), "DYEC_PCLUSTER": str(self.pcluster),
                 "XDG_CACHE_HOME": str(self.base / "cache")}  # fmt: skip
        return {**place, **environment(self.layout)}

    def run(
        self, counter: client_hook.Counter | None = None, read_timeout: float = 0.0, words: list[str] | None = None
    ) -> child.Ended:
        """Run the scenario's command in a child that counts its calls and may die at one of them."""
        prepare: Callable[[], None] = partial(client_hook.install, counter or client_hook.Counter())
        words = words or self.scenario.command(self)
        ended = child.run(words, self.variables, self.home, prepare, read_timeout)
        Witness().look(self._mine(), words)
        return ended

    def client(self, service: str) -> Any:
        if service not in self.clients:
            core = botocore.session.Session(profile="daylily-local")
            core.set_config_variable("config_file", str(self.layout.aws_config))
            core.set_config_variable("credentials_file", str(self.layout.aws_credentials))
            self.clients[service] = boto3.Session(botocore_session=core, region_name=REGION).client(service)
        return self.clients[service]

    def control(self, method: str, name: str, document: object = None) -> str:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.endpoint}/_dyec/{name}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def fault(self, kind: str, call: int, *, for_good: bool = False, seconds: float = 2.0) -> None:
        """From now on dyec's `call`-th call meets the fault."""
        self.control("POST", "fault", {"kind": kind, "call": call, "for_good": for_good, "seconds": seconds})

    def met(self) -> dict[str, Any]:
        """What became of the fault; it is taken away."""
        report: dict[str, Any] = json.loads(self.control("GET", "fault"))
        self.control("DELETE", "fault")
        return report

    def calls(self) -> list[str]:
        """dyec's calls as the server counted them."""
        return [f"{row['service']}:{row['action']}" for row in self._mine()]

    def _mine(self) -> list[dict[str, Any]]:
        """dyec's rows of the request log; the others are the harness's own and the recorder's."""
        rows = [json.loads(line) for line in self.control("GET", "requests").splitlines()]
        return [row for row in rows if row["client"] == client_hook.MARKER]

    def inventory(self) -> dict[str, Any]:
        return self.scenario.inventory(self)

    def records(self) -> list[dict[str, Any]]:
        """Every state record of the home; an unreadable one is an error."""
        return [json.loads(path.read_text()) for path in sorted(self.directory.glob("state_*.json"))]


@contextmanager
def world(base: Path, scenario: Scenario = CREATE) -> Iterator[World]:
    """A local cloud of its own below `base`, as the scenario finds it."""
    layout = Layout(base / "daylily" / "local")
    command = [sys.executable, "-m", "tests.faults.nursery", "--root", str(layout.root), "--manager",
               scenario.manager]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
                               env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        nursery = Copies(process, Buckets(**told["buckets"]))
        place = World(layout, told["endpoint"], base, _program(base / "pcluster"), nursery, scenario)
        place.prepare()
        yield place
    finally:
        process.communicate(timeout=30)


@dataclass(frozen=True)
class Copies:
    """The process that hands out untouched copies of the account."""

    process: subprocess.Popen[str]
    buckets: Buckets

    def say(self, word: str) -> None:
        """One of its words: `open`, `keep`, `fresh`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"


def _program(path: Path) -> Path:
    """The recorder as a program of its own."""
    source = Path(pcluster_recorder.__file__).read_text()
    path.write_text(f"#!{sys.executable} -ISs\n{source}")
    path.chmod(0o755)
    return path
