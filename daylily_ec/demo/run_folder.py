"""A tiny Illumina run folder, written from the demonstration's reads: two lanes, one tile each, real BCL files.

Base calls and qualities are those of the reads.  What reads do not tell is set: the index of a sample, and which
clusters pass (mean quality of at least `PASSING`).
BCL: number of clusters (4 bytes), then per cluster the base in the low two bits and its quality above them, 0 for N.
Filter: 0, version 3, number of clusters (4 bytes each), then one byte per cluster.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from daylily_ec.demo.data import DemoData, DemoSample
from daylily_ec.demo.objects import Upload

CYCLES = 16
"""Cycles of each of the two reads; the index has as many as `INDEXES` are long."""
CLUSTERS = 200
"""Clusters per lane at most."""
PASSING = 20
INDEXES = ("ACGTAC", "TGCATG")
"""Index of the sample in lane 1 and in lane 2."""
_INDEX_QUALITY = 37
_CODES = {"A": 0, "C": 1, "G": 2, "T": 3}
_CALLS = "Data/Intensities/BaseCalls"
_TILE = 1101


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster: bases and qualities of all cycles, index included."""

    bases: str
    qualities: tuple[int, ...]

    @property
    def passes(self) -> bool:
        """Whether its mean quality is good enough."""
        return sum(self.qualities) >= PASSING * len(self.qualities)


def run_folder(data: DemoData, run_id: str) -> tuple[Upload, ...]:
    """Every file of the folder `run_id`, by its path in it; the first two samples are lanes 1 and 2."""
    samples = data.samples[: len(INDEXES)]
    lanes = [tuple(_clusters(sample, index)) for sample, index in zip(samples, INDEXES, strict=True)]
    files = [
        Upload("RunInfo.xml", _run_info(run_id).encode()),
        Upload(
            "RunParameters.xml",
            f'<?xml version="1.0"?>\n<RunParameters><RunID>{run_id}</RunID></RunParameters>\n'.encode(),
        ),
        Upload("SampleSheet.csv", _sample_sheet(run_id, samples).encode()),
        Upload("RTAComplete.txt", b"complete\n"),
        Upload("InterOp/TileMetricsOut.bin", _tile_metrics(lanes)),
    ]
    for number, clusters in enumerate(lanes, 1):
        files += _lane(number, clusters)
    return tuple(files)


def _clusters(sample: DemoSample, index: str) -> Iterator[Cluster]:
    """The first pairs of which both reads are long enough."""
    pairs = zip(_reads(sample.r1), _reads(sample.r2), strict=True)
    for first, second in islice((pair for pair in pairs if min(len(read[0]) for read in pair) == CYCLES), CLUSTERS):
        qualities = (*first[1], *(_INDEX_QUALITY,) * len(index), *second[1])
        yield Cluster(first[0] + index + second[0], qualities)


def _reads(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Bases and qualities of the first cycles of every read."""
    with gzip.open(path, "rt") as lines:
        while record := list(islice(lines, 4)):
            bases, qualities = record[1].strip(), record[3].strip()
            yield bases[:CYCLES], tuple(ord(char) - 33 for char in qualities[:CYCLES])


def _lane(number: int, clusters: Sequence[Cluster]) -> list[Upload]:
    folder, tile = f"{_CALLS}/L{number:03}", f"s_{number}_{_TILE}"
    passing = bytes(cluster.passes for cluster in clusters)
    files = [Upload(f"{folder}/{tile}.filter", struct.pack("<III", 0, 3, len(clusters)) + passing)]
    for cycle in range(len(clusters[0].bases)):
        calls = bytes(_call(cluster.bases[cycle], cluster.qualities[cycle]) for cluster in clusters)
        content = gzip.compress(struct.pack("<I", len(clusters)) + calls, mtime=0)
        files.append(Upload(f"{folder}/C{cycle + 1}.1/{tile}.bcl.gz", content))
    return files


def _tile_metrics(lanes: Sequence[Sequence[Cluster]]) -> bytes:
    """InterOp's tile metrics, version 2 with records of 10 bytes: clusters (102) and those that pass (103) per lane."""
    body = b""
    for number, clusters in enumerate(lanes, 1):
        counts = ((102, len(clusters)), (103, sum(cluster.passes for cluster in clusters)))
        body += b"".join(struct.pack("<HHHf", number, _TILE, code, count) for code, count in counts)
    return struct.pack("<BB", 2, 10) + body


def _call(base: str, quality: int) -> int:
    return _CODES[base] | max(1, min(quality, 63)) << 2 if base in _CODES else 0


def _run_info(run_id: str) -> str:
    reads = [(CYCLES, "N"), (len(INDEXES[0]), "Y"), (CYCLES, "N")]
    rows = "".join(f'      <Read Number="{number}" NumCycles="{cycles}" IsIndexedRead="{index}"/>\n'
                   for number, (cycles, index) in enumerate(reads, 1))  # fmt: skip
    layout = f'<FlowcellLayout LaneCount="{len(INDEXES)}" SurfaceCount="1" SwathCount="1" TileCount="1"/>'
    return (f'<?xml version="1.0"?>\n<RunInfo Version="2">\n  <Run Id="{run_id}" Number="1">\n'
            f"    <Flowcell>DEMO</Flowcell>\n    <Instrument>DEMO</Instrument>\n    <Reads>\n{rows}    </Reads>\n"
            f"    {layout}\n  </Run>\n</RunInfo>\n")  # fmt: skip


def _sample_sheet(run_id: str, samples: Sequence[DemoSample]) -> str:
    rows = "".join(f"{lane},{sample.name},{index}\n"
                   for lane, (sample, index) in enumerate(zip(samples, INDEXES, strict=True), 1))  # fmt: skip
    return f"[Header]\nFileFormatVersion,2\nRunName,{run_id}\n\n[BCLConvert_Data]\nLane,Sample_ID,index\n{rows}"
