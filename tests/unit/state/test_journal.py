"""The journal: durable lines, a torn last line that is reported, damage elsewhere that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from daylily_ec.errors import CorruptFile
from daylily_ec.state.journal import Journal, read
from daylily_ec.util.clock import Clock


def write(path: Path, clock: Clock) -> bytes:
    journal = Journal(path, clock)
    journal.append("started", run_id="r1")
    journal.append("apply", "network")
    journal.append("applied", "network", outputs={"public_subnet_id": "subnet-1"})
    return path.read_bytes()


def test_lines_keep_their_order_and_data(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path / "j.jsonl", clock)
    view = read(tmp_path / "j.jsonl")
    assert [line["event"] for line in view.lines] == ["started", "apply", "applied"]
    assert view.lines[2]["outputs"] == {"public_subnet_id": "subnet-1"}
    assert view.torn == b""


def test_a_journal_cut_at_any_byte_keeps_its_whole_lines_and_reports_the_rest(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "j.jsonl"
    raw = write(path, clock)
    for length in range(len(raw) + 1):
        path.write_bytes(raw[:length])
        view = read(path)
        whole = raw[:length].count(b"\n")
        assert len(view.lines) == whole
        assert view.torn == raw[:length].split(b"\n")[-1]


def test_going_on_after_a_torn_line_drops_it_and_says_so(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "j.jsonl"
    raw = write(path, clock)
    path.write_bytes(raw[:-10])
    Journal(path, clock).append("resumed")
    events = [line["event"] for line in read(path).lines]
    assert events == ["started", "apply", "torn-line-dropped", "resumed"]


@pytest.mark.parametrize("damage", [b"not json", b"[]", b'{"step": "no event"}'])
def test_damage_before_the_last_line_is_refused(tmp_path: Path, clock: Clock, damage: bytes) -> None:
    path = tmp_path / "j.jsonl"
    raw = write(path, clock)
    path.write_bytes(damage + b"\n" + raw)
    with pytest.raises(CorruptFile, match=r"j\.jsonl.*line 1"):
        read(path)
