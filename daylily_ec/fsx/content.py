"""What a run directory must hold, by the platform that wrote it.

Sources: Illumina, "Sequencing output files" (RunInfo.xml, RunParameters.xml, InterOp, Data/Intensities/BaseCalls);
Oxford Nanopore, MinKNOW's output directory (final_summary, sequencing_summary, reads as POD5, FASTQ or BAM, report);
PacBio, "Sequel II/Revio data files" (consensus read set, BAM, metadata); Ultima Genomics' run folders (reads, metrics).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from daylily_ec.fsx.policy import Platform


@dataclass(frozen=True, slots=True)
class Marker:
    """Something by which a run is known: at least one file whose path below the mount matches; `advised` may lack."""

    name: str
    pattern: re.Pattern[str]
    advised: bool = False


def _marker(name: str, pattern: str, *, advised: bool = False) -> Marker:
    return Marker(name, re.compile(pattern, re.DOTALL), advised)


_BELOW = r"(?:.*/)?"
MARKERS: Mapping[Platform, tuple[Marker, ...]] = {
    Platform.ILMN: (
        _marker("RunInfo.xml", r"RunInfo\.xml"),
        _marker("RunParameters.xml", r"[Rr]unParameters\.xml"),
        _marker("InterOp/*.bin", r"InterOp/.+\.bin"),
        _marker("Data/Intensities/BaseCalls", r"Data/Intensities/BaseCalls/.+"),
    ),
    Platform.ONT: (
        _marker("final_summary*", rf"{_BELOW}final_summary[^/]*"),
        _marker("sequencing_summary*", rf"{_BELOW}sequencing_summary[^/]*"),
        _marker("reads (pod5, fast5, fastq or bam)", rf"{_BELOW}[^/]+\.(?:pod5|fast5|fastq|fastq\.gz|fq\.gz|bam)"),
        _marker("report*", rf"{_BELOW}report[^/]*", advised=True),
    ),
    Platform.ULTIMA: (
        _marker("reads (cram, bam or fastq)", rf"{_BELOW}[^/]+\.(?:cram|bam|ucram|fastq\.gz|fq\.gz)"),
        _marker("metrics", rf"(?i:{_BELOW}[^/]*(?:metric|stats)[^/]*\.(?:csv|json|h5|txt))"),
        _marker("*LibraryInfo.xml", rf"{_BELOW}[^/]*LibraryInfo\.xml", advised=True),
    ),
    Platform.PACBIO: (
        _marker("read set (*.consensusreadset.xml or *.subreadset.xml)",
                rf"{_BELOW}[^/]+\.(?:consensusreadset|subreadset)\.xml"),
        _marker("reads (*.bam)", rf"{_BELOW}[^/]+\.bam"),
        _marker("*.metadata.xml or *.sts.xml", rf"{_BELOW}[^/]+\.(?:metadata|sts)\.xml", advised=True),
    ),
    Platform.STAGING: (
        _marker("*_samples.tsv", r"[^/]*_samples\.tsv"),
        _marker("*_units.tsv", r"[^/]*_units\.tsv"),
    ),
    Platform.OTHER: (_marker("any file", r".+"),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """Per marker its smallest file, the markers that have none, and those without which a run may be."""

    platform: Platform
    found: Mapping[str, str]
    missing: tuple[str, ...] = ()
    advised: tuple[str, ...] = ()


def judge(platform: Platform, files: Iterable[tuple[str, int]]) -> Content:
    """Look at every file (path below the mount, bytes) for the markers of a platform."""
    markers = MARKERS[platform]
    smallest: dict[str, tuple[int, str]] = {}
    for path, size in files:
        for marker in markers:
            if marker.pattern.fullmatch(path):
                smallest[marker.name] = min(smallest.get(marker.name, (size, path)), (size, path))
    lacking = [marker for marker in markers if marker.name not in smallest]
    return Content(
        platform,
        {marker.name: smallest[marker.name][1] for marker in markers if marker.name in smallest},
        tuple(marker.name for marker in lacking if not marker.advised),
        tuple(marker.name for marker in lacking if marker.advised),
    )
