"""Shell completion: the script, and what completing yields."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run(*arguments: str, **environment: str) -> str:
    code = "import sys; from daylily_ec.cli.main import run; sys.argv[0] = 'dyec'; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )  # fmt: skip
    return done.stdout


def complete(line: str) -> list[str]:
    words = line.split(" ")
    return run(COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), _DYEC_COMPLETE="complete_bash").split()


@pytest.mark.parametrize(
    ("line", "yields"),
    [
        ("dyec clu", ["cluster"]),
        ("dyec cluster ", ["list", "describe", "wait"]),
        ("dyec cluster describe --reg", ["--region"]),
        ("dyec workflow la", ["launch"]),
        ("dyec nothing", []),
    ],
)
def test_commands_and_options_are_completed(line: str, yields: list[str]) -> None:
    assert complete(line) == yields


def test_values_are_completed() -> None:
    assert "DELETE_COMPLETE" in complete("dyec cluster wait --status D")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_is_printed(shell: str) -> None:
    assert "_DYEC_COMPLETE=complete_" in run("--show-completion", shell)


def test_bash_accepts_the_script() -> None:
    script = run("--show-completion", "bash")
    shown = subprocess.run(["bash", "-c", f"{script}\ncomplete -p dyec"], capture_output=True, text=True, check=True)
    assert "_dyec_completion" in shown.stdout
