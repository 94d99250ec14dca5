"""What the four storage roles must hold before the demonstration's preflight, as data for whoever uploads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.demo.data import GENOME, DemoData
from daylily_ec.demo.samples import TRUTH_KEY

REFERENCE_VERSION = "0.7.131c"
REFERENCE_KEY = f"genomic_data/organism_references/E_coli/{GENOME}/{GENOME}.fasta"
PREFIXES: Mapping[str, str] = {
    "reference": "", "control_data": "", "staging": "staged_external_data", "export_destination": "derived",
}  # fmt: skip
"""Key prefix that each role's URI carries."""

MARKED = (
    "genomic_data/organism_references/H_sapiens/hg38",
    "genomic_data/organism_annotations/H_sapiens/hg38",
    "runtime_assets/cluster_boot_config",
    "runtime_assets/cached_envs",
    "runtime_assets/tool_specific_resources",
    "runtime_assets/budget_tags",
)
"""Reference prefixes that must not be empty; the demonstration has no content for them and says so."""

NOTICE = f"""\
This prefix is part of the reference layout and has no content in the demonstration,
whose only genome is {GENOME}: 10,000 bases of Escherichia coli K-12.  No human data are here.
"""


@dataclass(frozen=True, slots=True)
class Upload:
    """One object: the key relative to its role's prefix, and its bytes."""

    key: str
    body: bytes


def _reference(data: DemoData) -> tuple[Upload, ...]:
    return (
        Upload("s3_reference_data_version.info", f"{REFERENCE_VERSION}\n".encode()),
        *(Upload(f"{prefix}/README.txt", NOTICE.encode()) for prefix in MARKED),
        Upload(REFERENCE_KEY, data.reference.read_bytes()),
    )


def _file(key: str, path: Path) -> Upload:
    return Upload(f"{key}/{path.name}", path.read_bytes())


def role_objects(data: DemoData) -> dict[str, tuple[Upload, ...]]:
    """Uploads by role: `reference`, `control_data`, `staging`, `export_destination`."""
    truth = tuple(_file(TRUTH_KEY, path) for path in sorted(data.truth.iterdir()))
    provenance = f"Reads and truth of {GENOME}; source of the reads: {data.source}.\n".encode()
    return {
        "reference": _reference(data),
        "control_data": (Upload(f"genomic_data/organism_reads/E_coli/{GENOME}/README.txt", provenance), *truth),
        "staging": (Upload("README.txt", b"Samples are staged below this prefix.\n"),),
        "export_destination": (Upload("README.txt", b"Analyses are exported below this prefix.\n"),),
    }
