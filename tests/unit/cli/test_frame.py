from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import typer

from daylily_ec.cli import main as cli
from daylily_ec.cli.frame import FRAME, App
from daylily_ec.cli.render import emit, pairs
from daylily_ec.errors import AwsError, Refused

probe = App("Probe.")


@probe.command("run")
def _run(words: list[str]) -> None:
    if words[0] == "refuse":
        raise Refused("A job runs: 12.", hint="--kill-jobs", details={"jobs": [12]}, evidence={"job": 12})
    if words[0] == "crash":
        raise RuntimeError("boom")
    if words[0] == "interrupt":
        raise KeyboardInterrupt
    if words[0] == "session":
        sys.exit(int(words[1]))
    if words[0] == "aws":
        raise AwsError("fsx:DescribeFileSystems failed")
    emit({"words": words})


@probe.callback()
def _group() -> None:
    """A group."""


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "app", probe)


def call(capsys: Any, *argv: str) -> tuple[int, str, str]:
    code = cli.main(list(argv))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("argv", [("--json", "run", "x"), ("run", "--json", "x"), ("run", "x", "--json")])
def test_json_is_accepted_in_any_place(capsys: Any, argv: tuple[str, ...]) -> None:
    code, out, _ = call(capsys, *argv)
    assert (code, json.loads(out)) == (0, {"words": ["x"]})


def test_json_as_an_argument_after_dashes_is_left_alone(capsys: Any) -> None:
    code, out, _ = call(capsys, "run", "x", "--", "--json")
    assert code == 0
    assert "--json" in out
    assert not FRAME.json


@pytest.mark.parametrize(
    ("word", "code", "error"),
    [("refuse", 1, "refused"), ("aws", 2, "aws_error"), ("crash", 1, "internal"), ("interrupt", 130, "interrupted")],
)
def test_every_failure_is_one_document(capsys: Any, word: str, code: int, error: str) -> None:
    exit_code, out, err = call(capsys, "--json", "run", word)
    assert exit_code == code
    assert json.loads(out)["error"]["code"] == error
    assert "Traceback" not in err


@pytest.mark.parametrize("code", [0, 3, 130])
def test_a_session_s_own_exit_code_is_no_interruption(capsys: Any, code: int) -> None:
    assert call(capsys, "run", "session", str(code)) == (code, "", "")


def test_people_see_evidence_message_and_hint(capsys: Any) -> None:
    code, out, err = call(capsys, "run", "refuse")
    assert (code, out) == (1, "")
    assert err.splitlines() == ["{'job': 12}", "", "Error: A job runs: 12.", "Try: --kill-jobs"]


@pytest.mark.parametrize("argv", [("--nonsense",), ("run",), ("rnu",), ("run", "--cluster")])
def test_usage_errors_are_64_and_json_when_asked(capsys: Any, argv: tuple[str, ...]) -> None:
    code, out, _ = call(capsys, *argv, "--json")
    assert code == 64
    assert json.loads(out)["error"]["code"] == "usage"


def test_debug_shows_the_traceback(capsys: Any) -> None:
    code, _, err = call(capsys, "run", "refuse", "--debug")
    assert code == 1
    assert "Traceback" in err


def test_an_aborted_prompt_is_an_interruption(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer.main, "get_command", lambda _: Aborting())
    assert call(capsys, "run")[0] == 130


class Aborting:
    def main(self, **_: Any) -> None:
        raise typer.Abort


def test_pairs_leave_out_what_is_empty() -> None:
    assert pairs({"a": 1, "long name": ("x", "y"), "none": None}) == "a          1\nlong name  x, y\n"
