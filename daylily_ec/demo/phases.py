"""Runs the phases of the demonstration: real commands as child processes, timed, their output kept."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daylily_ec.demo.cache import cache_root
from daylily_ec.errors import DyecError
from daylily_ec.util.proc import Finished

TAIL_LINES = 60


class PhaseFailed(DyecError):
    """A phase of the demonstration failed; the message carries its output."""

    code = "demo_failed"


@dataclass(frozen=True, slots=True)
class Phase:
    """One finished phase; `status` is `ok` or `failed`, `proved` what its success shows."""

    name: str
    command: str
    seconds: float
    status: str
    proved: str = ""


@dataclass
class Stage:
    """Runs phases one after another in `workdir` with `env`, and remembers them."""

    workdir: Path
    env: dict[str, str]
    announce: Callable[[str, str], None]
    programs: Mapping[str, Path] = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)

    def command(self, name: str, argv: Sequence[str], *, proved: str = "") -> str:
        """Run a command line; its standard output, or `PhaseFailed` with everything it said."""
        shown = shlex.join(argv)
        self.announce(name, shown)
        start = time.monotonic()
        done = self.attempt(argv)
        self._log(name, f"$ {shown}\n{done.stderr}{done.stdout}")
        good = done.returncode == 0
        self._record(name, shown, start, proved, good)
        if not good:
            said = _tail(done.stderr + done.stdout)
            raise PhaseFailed(
                f"{name}: {shown}\nended with exit code {done.returncode}:\n{said}",
                hint=f"Read {self._log_path(name)}.", details={"output": said, "phases": self.phases},
            )  # fmt: skip
        return done.stdout

    def attempt(self, argv: Sequence[str]) -> Finished:
        """Run a command line that may fail; on Ctrl-C the child is stopped first."""
        real = [str(self.programs.get(argv[0], argv[0])), *argv[1:]]
        with subprocess.Popen(real, env=self.env, cwd=self.workdir, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace") as child:  # fmt: skip
            try:
                out, err = child.communicate()
            except KeyboardInterrupt:
                child.terminate()
                child.wait()
                raise
        return Finished(tuple(argv), child.returncode, out, err)

    def json(self, name: str, argv: Sequence[str], *, proved: str = "") -> Any:
        """Run a command that prints one JSON document, and return it."""
        return json.loads(self.command(name, argv, proved=proved))

    def step(self, name: str, words: str, work: Callable[[], str]) -> None:
        """Run a function as a phase; what it returns is what it proved."""
        self.announce(name, words)
        start = time.monotonic()
        try:
            proved = work()
        except DyecError as error:
            self._record(name, words, start, "", False)
            error.details["phases"] = self.phases
            raise
        self._record(name, words, start, proved, True)

    def _record(self, name: str, command: str, start: float, proved: str, good: bool) -> None:
        seconds = round(time.monotonic() - start, 1)
        self.phases.append(Phase(name, command, seconds, "ok" if good else "failed", proved if good else ""))

    def _log_path(self, name: str) -> Path:
        return self.workdir / "logs" / f"{name.replace(' ', '-')}.log"

    def _log(self, name: str, text: str) -> None:
        path = self._log_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as out:
            out.write(text)


def _tail(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-TAIL_LINES:])


def child_environment(workdir: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for the commands: a home of their own, the caller's cache, nothing of the caller's AWS settings."""
    kept = {key: value for key, value in base.items() if not key.startswith(("AWS_", "DAY_", "DAYLILY_", "XDG_"))}
    home = workdir / "home"
    home.mkdir(parents=True, exist_ok=True)
    places = {"XDG_CONFIG_HOME": str(home / ".config"), "XDG_CACHE_HOME": str(cache_root(base).parents[1])}
    return {**kept, **places, "HOME": str(home), "PYTHONUNBUFFERED": "1"}
