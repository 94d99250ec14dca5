"""Files cut at every byte (P5), writes killed at every call (P6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.damage import crashes, truncations


@pytest.mark.weakness("W-49")
def test_no_file_cut_at_any_byte_is_read_as_something_else(tmp_path: Path) -> None:
    found = truncations(tmp_path)
    assert {name: tally.problems for name, tally in found.items()} == dict.fromkeys(found, ())
    assert all(tally.tried > 100 for tally in found.values())


def test_a_write_killed_anywhere_leaves_the_old_content_or_the_new(tmp_path: Path) -> None:
    found = crashes(tmp_path)
    assert {name: tally.problems for name, tally in found.items()} == dict.fromkeys(found, ())
    assert all(tally.tried > 8 for tally in found.values())
