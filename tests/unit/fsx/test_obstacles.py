"""What FSx will not export, named before anything starts."""

from __future__ import annotations

import os

import pytest

from daylily_ec.fsx.manifest import Record
from daylily_ec.fsx.obstacles import Obstacle, Rules, Why

DIRECTORY = "/fsx/analysis_results/ubuntu/a1"


def entry(path: str, kind: str = "f", target: str = "") -> Record:
    return Record(path, kind, 0, 0, "0644", target=target)


def whys(record: Record, prefix_bytes: int = 0, *, allow: bool = False) -> list[Why]:
    return [found.why for found in Rules(DIRECTORY, prefix_bytes, allow).obstacles([record])]


@pytest.mark.parametrize("kind", ["f", "d", "l"])
def test_ordinary_entries_pass(kind: str) -> None:
    assert whys(entry("a/ü b\n.txt", kind, "../x")) == []


@pytest.mark.parametrize("kind", ["p", "s", "b", "c"])
def test_special_files(kind: str) -> None:
    assert whys(entry("odd", kind)) == [Why.SPECIAL]


def test_names_that_are_not_utf8() -> None:
    (found,) = Rules(DIRECTORY).obstacles([entry(os.fsdecode(b"caf\xe9"))])
    assert (found.why, found.path) == (Why.NOT_UTF8, "caf\\xe9")


@pytest.mark.parametrize(("prefix", "path", "kind", "too_long"), [
    (24, "x" * 1000, "f", False), (25, "x" * 1000, "f", True), (24, "x" * 1000, "d", True),
    (23, "x" * 1000, "d", False), (0, "é" * 512, "f", False), (1, "é" * 512, "f", True),
])  # fmt: skip
def test_keys_are_measured_in_bytes_with_the_destination(prefix: int, path: str, kind: str, too_long: bool) -> None:
    assert whys(entry(path, kind), prefix) == [Why.KEY_TOO_LONG] * too_long


@pytest.mark.parametrize(("path", "reserved"), [
    ("_daylily_monitor", True), ("_daylily_monitor/x", True), ("_daylily_monitors", False),
    ("a/_daylily_monitor", False),
])  # fmt: skip
def test_the_name_of_receipts_is_kept(path: str, reserved: bool) -> None:
    assert whys(entry(path)) == [Why.RESERVED] * reserved


@pytest.mark.parametrize(("target", "leads"), [
    ("/fsx/run_dir_mounts/run1", True), ("/fsx/run_dir_mounts/run1/Data/x.bcl", True), ("/fsx/run_dir_mounts", True),
    ("/fsx//run_dir_mounts/./run1", True), ("/fsx/x/../run_dir_mounts/run1", True),
    ("../../../../../../run_dir_mounts/run1", True), ("../../../../../run_dir_mounts/run1", False),
    ("/fsx/run_dir_mounts2/x", False), ("/fsx/references/x", False), ("run_dir_mounts", False), ("..", False),
])  # fmt: skip
def test_links_into_run_mounts(target: str, leads: bool) -> None:
    link = entry("repo/config/other_links/run1", "l", target)
    assert whys(link) == [Why.RUN_LINK] * leads
    assert whys(link, allow=True) == []


@pytest.mark.parametrize(("path", "is_expected"), [
    ("repo/config/run_dir_links/run1", True), ("repo/config/run_dir_links/a/run1", False),
    ("config/run_dir_links/run1", False), ("a/repo/config/run_dir_links/run1", False), ("run1", False),
])  # fmt: skip
def test_the_links_of_a_launch_are_exported_as_links(path: str, is_expected: bool) -> None:
    assert whys(entry(path, "l", "/fsx/run_dir_mounts/run1")) == [Why.RUN_LINK] * (not is_expected)


def test_an_obstacle_survives_its_document() -> None:
    found = Obstacle(Why.SPECIAL, "a\\xff", "it is a socket")
    assert Obstacle.from_json({"why": found.why.value, "path": found.path, "reason": found.reason}) == found
    assert str(found) == "a\\xff: it is a socket"
