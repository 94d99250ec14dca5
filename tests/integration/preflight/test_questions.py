"""Questions on a real terminal: one sitting, on stderr, only for what is missing."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.preflight.conftest import VALUES, Account, Operator

ANSWER_S = 60.0


@dataclass
class Terminal:
    """A child on a terminal of its own; everything it shows is kept."""

    process: subprocess.Popen[bytes]
    master: int
    shown: str = ""
    seen: int = 0

    def until(self, words: str) -> None:
        """Read until `words` appear behind what was waited for before."""
        while words not in self.shown[self.seen :]:
            ready, _, _ = select.select([self.master], [], [], ANSWER_S)
            assert ready, f"{words!r} did not appear in: {self.shown}"
            self.shown += self._read()
        self.seen = self.shown.index(words, self.seen) + len(words)

    def _read(self) -> str:
        try:
            data = os.read(self.master, 4096)
        except OSError:
            data = b""
        assert data, f"the command ended: {self.shown}"
        return data.decode()

    def say(self, line: str) -> None:
        """Type a line."""
        os.write(self.master, f"{line}\n".encode())

    def end(self) -> int:
        """Wait for the end; the exit code."""
        try:
            while select.select([self.master], [], [], ANSWER_S)[0]:
                self.shown += self._read()
        except AssertionError:
            pass
        os.close(self.master)
        return self.process.wait(ANSWER_S)

    def interrupt(self) -> int:
        """Press Ctrl-C until the command ends: one that comes just before a read begins is noticed after the read."""
        for _ in range(20):
            os.killpg(self.process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(3)
        return self.end()


def start(*arguments: str) -> Terminal:
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "daylily_ec", *arguments], stdin=slave, stdout=slave,
                               stderr=slave, start_new_session=True,
                               env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip
    os.close(slave)
    return Terminal(process, master)


def minimal(tmp_path: Path) -> Path:
    path = tmp_path / "minimal.yaml"
    path.write_text('ephemeral_cluster:\n  config:\n    cluster_name: [USESETVALUE, "", day-demo]\n')
    return path


@pytest.mark.weakness("W-07")
def test_only_what_is_missing_is_asked_in_one_sitting(
    operator: Operator, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAY_CONTACT_EMAIL", raising=False)
    before = len(account.calls())
    terminal = start("preflight", "--region-az", "us-west-2d", "--config", str(minimal(tmp_path)))
    terminal.until("5 values are open")
    for key in ("reference_s3_uri", "control_data_s3_uri", "stage_s3_uri", "export_destination_s3_uri"):
        terminal.until(f"{key} - ")
        assert account.calls()[before:] == []
        terminal.say(VALUES[key])
    terminal.until("budget_email - ")
    terminal.say("nobody")
    terminal.until("must be an e-mail address")
    terminal.say(VALUES["budget_email"])
    assert terminal.end() == 0, terminal.shown
    assert terminal.shown.count(": ") >= 5
    assert "fsx_fs_size - " not in terminal.shown
    assert "PASS" in terminal.shown


def test_an_interrupted_sitting_changes_nothing(operator: Operator, account: Account, tmp_path: Path) -> None:
    before = len(account.calls())
    terminal = start("preflight", "--region-az", "us-west-2d", "--config", str(minimal(tmp_path)))
    terminal.until("reference_s3_uri - ")
    assert terminal.interrupt() == 130
    assert account.calls()[before:] == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("", 1)])
def test_warnings_are_asked_about_on_a_terminal(operator: Operator, account: Account, answer: str, code: int) -> None:
    many = operator.config(max_count_192I="900")
    terminal = start("preflight", "--region-az", "us-west-2d", "--config", str(many))
    terminal.until("quota.spot_vcpu: At full scale")
    terminal.until("Go on all the same? [y/N]: ")
    terminal.say(answer)
    assert terminal.end() == code, terminal.shown
    assert ("Preflight has warnings" in terminal.shown) is bool(code)


def test_without_a_terminal_the_missing_keys_are_listed(operator: Operator, tmp_path: Path) -> None:
    ran = operator.run("preflight", "--region-az", "us-west-2d", "--config", minimal(tmp_path), "--json")
    assert ran.code == 1
    assert ran.document["error"]["details"]["missing"] == [
        "reference_s3_uri", "control_data_s3_uri", "stage_s3_uri", "export_destination_s3_uri", "budget_email",
    ]  # fmt: skip
