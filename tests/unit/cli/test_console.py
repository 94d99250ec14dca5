"""What a wait looks like: lines for a log, a living view for a terminal."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest

from daylily_ec.cli.console import Console
from daylily_ec.util.progress import PhaseView, WaitView

PHASES = (
    PhaseView("file system", "done", 60.0, 50.0),
    PhaseView("head node boots", "running", 30.0, 300.0),
    PhaseView("associations", "waiting"),
)


def view(state: str = "CREATE_IN_PROGRESS", events: tuple[str, ...] = (), lines: tuple[str, ...] = ()) -> WaitView:
    return WaitView("cluster majors", state, 90.0, 900.0, PHASES, events, lines)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Within the test: pytest puts its own stream there after the fixtures."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_log_gets_a_line_for_each_change_with_failures_and_boot_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.watching(view(events=("CREATE_COMPLETE Role (IAM::Role)",)))
    console.watching(view(lines=("step one",)))
    console.watching(view("CREATE_FAILED", events=("CREATE_FAILED HeadNode (EC2::Instance): no capacity",)))
    console.settled()
    assert capsys.readouterr().err.splitlines() == [
        "    cluster majors: CREATE_IN_PROGRESS  1m30s (usually 15m00s)",
        "    boot | step one",
        "    CREATE_FAILED HeadNode (EC2::Instance): no capacity",
        "    cluster majors: CREATE_FAILED  1m30s (usually 15m00s)",
    ]


def test_a_terminal_shows_phases_with_elapsed_and_expected_time_and_the_latest_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = at_a_terminal(monkeypatch)
    console = Console(now=lambda: 1000.0)
    console.watching(view(events=("CREATE_COMPLETE Role (IAM::Role)",), lines=tuple(f"line {n}" for n in range(9))))
    console.warn("a poll failed")
    console.settled()
    last = terminal.shown.split("cluster majors: ")[-1]
    assert "cluster majors: 1m30s · usually 15m00s, about 13m30s left · CREATE_IN_PROGRESS" in terminal.shown
    times = ("1m30s · usually 15m00s · CREATE_IN_PROGRESS", "30s · usually 5m00s, about 4m30s left")
    phases = ("✓ file system", "▶ head node boots", "· associations")
    for words in (*times, *phases, "CREATE_COMPLETE Role (IAM::Role)", "boot | line 8"):
        assert words in last, words
    assert "boot | line 2" not in last
    assert "a poll failed" in terminal.shown
    assert "Ctrl-C leaves" in terminal.shown
    assert "Ctrl-C leaves" not in last


def test_what_is_left_standing_shows_the_time_at_which_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, clock = at_a_terminal(monkeypatch), [1000.0]
    console = Console(now=lambda: clock[0])
    console.watching(view())
    clock[0] += 7
    console.settled()
    assert "cluster majors: 1m37s · usually 15m00s · CREATE_IN_PROGRESS" in terminal.shown.split("\n", 1)[-1]


def test_text_from_aws_cannot_change_the_view(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = at_a_terminal(monkeypatch)
    console = Console(now=lambda: 1000.0)
    console.watching(
        view(events=("CREATE_FAILED X: [bold]markup[/bold] [/nonsense]",), lines=("[red]no markup", "a\x1b]0;b"))
    )
    console.settled()
    assert "[bold]markup[/bold] [/nonsense]" in terminal.shown
    assert "boot | [red]no markup" in terminal.shown
    assert "boot | a?]0;b" in terminal.shown


def test_rich_is_loaded_only_for_a_living_view() -> None:
    code = "import sys, daylily_ec.cli.console; sys.exit(any(name.split('.')[0] == 'rich' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
