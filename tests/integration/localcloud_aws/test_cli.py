"""`dyec local` as an operator types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.localcloud_aws.conftest import ROOT

DYEC = (sys.executable, "-c", "from daylily_ec.cli.main import run; run()")


class Operator:
    """A person with a home directory."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def types(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        variables = {"HOME": str(self.home), "PATH": "/usr/bin:/bin:/usr/sbin", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*DYEC, *arguments], env=variables, capture_output=True, text=True, timeout=90, check=False
        )


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    person = Operator(tmp_path)
    yield person
    person.types("local", "down")


@pytest.mark.weakness("W-32")
def test_up_status_env_reset_down(operator: Operator) -> None:
    started = json.loads(operator.types("--json", "local", "up", "--node-mount", "/usr/share:/opt/share").stdout)
    assert started["outcome"] == "CREATED"
    again = operator.types("local", "up")
    assert again.stdout.startswith(f"Found at {started['endpoint']}"), again.stderr
    state = json.loads(operator.types("local", "status", "--json").stdout)
    assert (state["running"], state["endpoint"], state["spot_prices"]) == (True, started["endpoint"], "simulated")
    exported = operator.types("local", "env").stdout
    assert "export AWS_PROFILE=daylily-local\n" in exported
    evaluated = subprocess.run(["bash", "-euc", f'{exported}printf %s "$AWS_PROFILE"'], capture_output=True, text=True,
                               check=True)  # fmt: skip
    assert (evaluated.stdout, evaluated.stderr) == ("daylily-local", "")
    assert json.loads(operator.types("--json", "local", "env").stdout)["environment"]["AWS_REGION"] == "us-west-2"
    assert operator.types("local", "reset").stdout.startswith(f"Running at {started['endpoint']}")
    nobody = operator.types("local", "shell", "--cluster", "nobody")
    assert (nobody.returncode, "nobody" in nobody.stderr) == (1, True)
    assert operator.types("local", "down").stdout.startswith("Stopped")
    assert list(operator.home.iterdir()) == []


def test_without_a_daemon_every_command_says_what_to_do(operator: Operator) -> None:
    for command in (["env"], ["reset"], ["shell", "--cluster", "any"]):
        done = operator.types("local", *command)
        assert done.returncode == 4
        assert done.stderr.splitlines()[-1] == "Try: dyec local up"
    assert "Not running" in operator.types("local", "status").stdout
    assert operator.types("local", "down").stdout.startswith("Nothing ran")
    assert list(operator.home.iterdir()) == []
