"""Preparing data is deterministic; the fallback to simulated reads is never silent; damage is noticed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from daylily_ec.demo import cache, reads
from daylily_ec.demo.data import LOW_DEPTH_USE, ensure_data, load, prepare
from daylily_ec.errors import CorruptFile


@pytest.fixture(scope="module")
def sequenced() -> reads.Sequenced:
    small = reads.simulated(3, pairs=1400)
    return reads.Sequenced(reads.REAL, small.genome, small.pairs)


def content(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def names(path: Path) -> set[str]:
    return {line.split("/")[0] for line in gzip.open(path, "rt").read().splitlines()[::4]}


def unreachable() -> reads.Sequenced:
    raise reads.IndexUnreachable("no route to the index")


def unexpected() -> reads.Sequenced:
    raise AssertionError("nothing was to be loaded")


def test_preparing_twice_gives_the_same_bytes(tmp_path: Path, sequenced: reads.Sequenced) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        prepare(sequenced, tmp_path / name)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert len(content(tmp_path / "a")) == 10


def test_samples_are_disjoint_and_mates_stay_together(tmp_path: Path, sequenced: reads.Sequenced) -> None:
    prepare(sequenced, tmp_path)
    data = load(tmp_path)
    seen: set[str] = set()
    for sample in data.samples:
        mine = names(sample.r1)
        assert mine == names(sample.r2)
        assert len(mine) == sample.pairs
        assert not mine & seen
        seen |= mine
    assert [(sample.name, sample.use) for sample in data.samples] == [
        ("S1", "sample"), ("S2", "sample"), ("S3-lowdepth", LOW_DEPTH_USE),
    ]  # fmt: skip


def test_simulation_is_reproducible_and_follows_the_genome() -> None:
    first, second = reads.simulated(9, pairs=50), reads.simulated(9, pairs=50)
    assert first == second
    assert first.source == reads.SIMULATED
    exact = sum(pair[0].split(b"\n")[1].decode() in first.genome for pair in first.pairs)
    assert exact > 30


def test_unreachable_index_falls_back_and_says_so(tmp_path: Path, sequenced: reads.Sequenced) -> None:
    notes: list[str] = []
    small = reads.Sequenced(reads.SIMULATED, sequenced.genome, sequenced.pairs)
    data = ensure_data(tmp_path, notes.append, real=unreachable, simulated=lambda: small)
    assert (data.source, data.is_real, data.reason) == ("simulated", False, "no route to the index")
    assert any("simulated" in note and "no route" in note for note in notes)


def test_real_reads_win_as_soon_as_the_index_answers(tmp_path: Path, sequenced: reads.Sequenced) -> None:
    ensure_data(tmp_path, print, real=unreachable, simulated=lambda: sequenced)
    assert ensure_data(tmp_path, print, real=lambda: sequenced, simulated=unexpected).is_real


def test_cached_data_are_used_without_loading(tmp_path: Path, sequenced: reads.Sequenced) -> None:
    first = ensure_data(tmp_path, print, real=lambda: sequenced)
    assert ensure_data(tmp_path, print, real=unexpected, simulated=unexpected) == first


def test_damaged_cache_is_made_again(tmp_path: Path, sequenced: reads.Sequenced) -> None:
    data = ensure_data(tmp_path, print, real=lambda: sequenced)
    before = data.reference.read_bytes()
    data.reference.write_text(">ecoli10k\nACGT\n")
    assert ensure_data(tmp_path, print, real=lambda: sequenced).reference.read_bytes() == before


def test_content_of_another_hash_is_an_error_not_a_reason_to_simulate(tmp_path: Path) -> None:
    def forged() -> reads.Sequenced:
        raise CorruptFile("another SHA-256")

    with pytest.raises(CorruptFile):
        ensure_data(tmp_path, print, real=forged, simulated=unexpected)


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/daylily/demo"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/daylily/demo"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/daylily/demo"),
    ],
)
def test_cache_root_follows_the_base_directory_rules(environ: dict[str, str], wanted: str) -> None:
    assert cache.cache_root(environ) == Path(wanted)
