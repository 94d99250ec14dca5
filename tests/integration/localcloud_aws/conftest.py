"""One local cloud for each file of this directory, and the three clients that people use: boto3, `aws`, `pcluster`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest

from daylily_ec.localcloud.daemon import UpOptions, down, up
from daylily_ec.localcloud.layout import Layout
from daylily_ec.localcloud.profile import environment
from tests.integration.localcloud_aws.shapes import check_answer

_BOTO3: Any = boto3
_BOTOCORE: Any = botocore.session
FAKE_NODES = "tests.integration.localcloud_aws.fake_nodes:create_manager"
ROOT = Path(__file__).resolve().parents[3]
NODES = UpOptions(manager=FAKE_NODES)


@dataclass(frozen=True)
class Cloud:
    """A running local cloud with the clients that talk to it."""

    layout: Layout
    endpoint: str
    home: Path

    @property
    def variables(self) -> dict[str, str]:
        """The whole environment of a child process: nothing of the caller's AWS settings."""
        tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {"PATH": tools, "HOME": str(self.home), "LC_ALL": "C.UTF-8", **environment(self.layout)}

    def client(self, service: str) -> Any:
        """A boto3 client that refuses answers of the wrong shape."""
        core: Any = _BOTOCORE.Session(profile="daylily-local")
        core.set_config_variable("config_file", str(self.layout.aws_config))
        core.set_config_variable("credentials_file", str(self.layout.aws_credentials))
        made = _BOTO3.Session(botocore_session=core, region_name="us-west-2").client(service)
        made.meta.events.register("after-call.*", check_answer)
        return made

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a program as an operator who has sourced `dyec local env`."""
        return subprocess.run(
            command, env=self.variables, cwd=self.home, capture_output=True, text=True, timeout=timeout, check=False
        )

    def pcluster(self, *arguments: str) -> dict[str, Any]:
        """Run the real pcluster and read its answer."""
        done = self.run("pcluster", *arguments)
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def control(self, method: str, name: str, document: object = None) -> str:
        """Talk to the control path."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.endpoint}/_dyec/{name}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def calls(self) -> list[dict[str, Any]]:
        """The request log."""
        return [json.loads(line) for line in self.control("GET", "requests").splitlines()]


def eventually(read: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float = 60) -> Any:
    """Ask until the answer is the wanted one; the last answer is in the failure."""
    deadline = time.monotonic() + seconds
    while not wanted(value := read()):
        assert time.monotonic() < deadline, f"still {value!r} after {seconds} s"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    directory = tmp_path_factory.mktemp("cloud")
    layout = Layout(directory / "daylily" / "local")
    started = up(layout, NODES)
    home = directory / "home"
    home.mkdir()
    yield Cloud(layout, started.endpoint, home)
    down(layout)
