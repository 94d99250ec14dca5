"""How outputs and times are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daylily_ec.localcloud.ssm.moment import iso, iso_duration
from daylily_ec.localcloud.ssm.output import CUT, combined, first


@pytest.mark.parametrize(("size", "cut"), [(99, False), (100, True), (101, True), (5000, True)])
def test_first(size: int, cut: bool) -> None:
    shown = first(b"x" * size, 100)
    assert shown == ("x" * (100 - len(CUT)) + CUT if cut else "x" * size)


def test_first_never_shows_half_a_character() -> None:
    shown = first("é".encode() * 100, 101)
    assert shown == "é" * 40 + CUT


def test_bytes_that_are_no_text() -> None:
    assert first(b"a\xffb", 100) == "a\ufffdb"


@pytest.mark.parametrize("out", [0, 10, 1200, 2400, 5000])
@pytest.mark.parametrize("err", [0, 10, 1200, 2400, 5000])
def test_combined_fits_and_marks_what_was_cut(out: int, err: int) -> None:
    shown = combined(b"o" * out, b"e" * err)
    assert len(shown) <= 2500
    assert ("---Output truncated---" in shown) == (shown.count("o") < out + shown.count("---Output"))
    title = "----------ERROR-------"
    assert (title in shown) == (err > 0)
    assert shown.startswith("o" * min(out, 1100))


def test_combined_keeps_the_short_one_whole() -> None:
    assert combined(b"o" * 9000, b"short").endswith("\n---Output truncated---\n----------ERROR-------\nshort")
    assert combined(b"short", b"e" * 9000).startswith("short\n----------ERROR-------\neee")


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "PT0S"),
        (timedelta(milliseconds=5), "PT0.005S"),
        (timedelta(seconds=20), "PT20S"),
        (timedelta(minutes=2, seconds=1.5), "PT2M1.5S"),
        (timedelta(hours=1, milliseconds=271), "PT1H0.271S"),
        (timedelta(seconds=-1), "PT0S"),
    ],
)
def test_duration(span: timedelta, text: str) -> None:
    assert iso_duration(span) == text


def test_moment() -> None:
    assert iso(datetime(2023, 5, 7, 22, 13, 33, 797_999, UTC)) == "2023-05-07T22:13:33.797Z"
