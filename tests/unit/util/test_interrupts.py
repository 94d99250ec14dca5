from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from daylily_ec.cli import main as program
from daylily_ec.util.interrupts import repeat_lost_interrupts

_LOSE = """
import os, signal, time
{install}

class Callback:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

try:
    {lose}
    time.sleep({rest})
    print("went on")
except KeyboardInterrupt:
    print("interrupted")
"""
_INSTALL = "from daylily_ec.util.interrupts import repeat_lost_interrupts; repeat_lost_interrupts()"


def _run(install: str, rest: float, lose: str) -> tuple[str, str]:
    script = _LOSE.format(install=install, rest=rest, lose=lose)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip(), done.stderr


def test_an_interrupt_is_lost_without_the_hook() -> None:
    out, err = _run("", 0, "Callback()")
    assert out == "went on"
    assert "Exception ignored" in err


def test_a_lost_interrupt_arrives_in_the_wait_that_follows() -> None:
    assert _run(_INSTALL, 50, "Callback()") == ("interrupted", "")


def test_other_unraisable_exceptions_are_shown_as_ever() -> None:
    out, err = _run(_INSTALL + '\nclass Wrong:\n    def __del__(self):\n        raise ValueError("told")', 0, "Wrong()")
    assert out == "went on"
    assert "Exception ignored" in err
    assert "ValueError: told" in err


def test_the_program_installs_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(program, "main", lambda: 0)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    with pytest.raises(SystemExit):
        program.run()
    assert sys.unraisablehook.__module__ == repeat_lost_interrupts.__module__
