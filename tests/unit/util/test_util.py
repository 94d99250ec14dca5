from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daylily_ec.domain.ids import MountId
from daylily_ec.errors import DeadlinePassed, ToolchainError
from daylily_ec.util.clock import duration, file_stamp, timestamp, wait_until
from daylily_ec.util.files import write_atomic, write_new
from daylily_ec.util.jsonio import dumps
from daylily_ec.util.pool import gather
from daylily_ec.util.proc import run
from tests.conftest import FakeClock


def test_wait_returns_what_was_seen_and_reports_each_poll(clock: FakeClock) -> None:
    states = iter(["a", "b", "c"])
    seen: list[str] = []
    result = wait_until(lambda: next(states), done=lambda s: s == "c", what="x", deadline=60, every=5, clock=clock,
                        observe=lambda s, _: seen.append(s))  # fmt: skip
    assert result == "c"
    assert seen == ["a", "b", "c"]


def test_wait_says_what_it_last_saw(clock: FakeClock) -> None:
    with pytest.raises(DeadlinePassed, match=r"the export: not done .* last seen: EXECUTING"):
        wait_until(lambda: "EXECUTING", done=lambda _: False, what="the export", deadline=30, every=10, clock=clock)
    assert clock.time == pytest.approx(30, abs=1)


def test_wait_polls_once_more_at_the_deadline(clock: FakeClock) -> None:
    assert wait_until(lambda: clock.time >= 29, done=bool, what="x", deadline=30, every=20, clock=clock)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0s"), (59.9, "59s"), (187, "3m07s"), (3720, "1h02m")])
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_time_formats() -> None:
    moment = datetime(2026, 2, 11, 14, 37, 22, 999, tzinfo=UTC)
    assert timestamp(moment) == "2026-02-11T14:37:22Z"
    assert file_stamp(moment) == "20260211143722"


def test_a_crash_inside_a_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "state.json"
    write_atomic(target, "old")

    def crash(_: int) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="power cut"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert target.stat().st_mode & 0o777 == 0o600


def test_two_files_of_one_second_never_overwrite(tmp_path: Path) -> None:
    first = write_new(tmp_path / "c_20260211143722.yaml.init", "1")
    second = write_new(tmp_path / "c_20260211143722.yaml.init", "2")
    assert (first.name, second.name) == ("c_20260211143722.yaml.init", "c_20260211143722-2.yaml.init")
    assert (first.read_text(), second.read_text()) == ("1", "2")


def test_json_is_sorted_and_plain() -> None:
    @dataclass(frozen=True)
    class Thing:
        b: MountId
        a: tuple[Path, ...]
        when: datetime

    document = dumps(Thing(MountId("m"), (Path("/x"),), datetime(2026, 1, 1, tzinfo=UTC)))
    assert document == '{\n  "a": [\n    "/x"\n  ],\n  "b": "m",\n  "when": "2026-01-01T00:00:00Z"\n}\n'


def test_gather_keeps_the_order_and_raises_the_first_error() -> None:
    assert gather(lambda n: n * 2, range(40)) == [n * 2 for n in range(40)]
    with pytest.raises(ZeroDivisionError):
        gather(lambda n: 1 // n, [1, 0, 2])


def test_a_missing_program_is_a_toolchain_error() -> None:
    with pytest.raises(ToolchainError, match="no-such-program"):
        run(["no-such-program"], timeout=5)
    assert run([sys.executable, "-c", "print('x', end='')"], timeout=30).stdout == "x"
