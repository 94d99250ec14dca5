"""How much a catalog holds, for those who ask only whether it is valid.

Judging one takes longer than everything else that `preflight` computes: its data model alone is a quarter of that
command.  So the facts of the last valid catalog are kept in the user's cache directory, under the hash of its text and
of the code that judged it; anything else, and every catalog that was refused, is judged again.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from daylily_ec.catalog.source import read_catalog
from daylily_ec.config.settings import cache_dir
from daylily_ec.util.files import write_atomic
from daylily_ec.util.jsonio import dumps

_JUDGES = ("catalog", "domain")
"""The packages that decide what a valid catalog is."""


@dataclass(frozen=True, slots=True)
class CatalogFacts:
    """Schema version, the repository taken when none is named, and how many repositories and commands there are."""

    command_catalog_version: int
    default_repository: str
    repository_count: int
    command_count: int


def catalog_facts(path: Path | None = None) -> CatalogFacts:
    """Of the catalog that `load_catalog` reads, and with its errors."""
    text, source = read_catalog(path)
    kept, key = cache_dir() / "catalog.json", _key(text)
    return _known(kept, key) or _judged(text, source, kept, key)


def _key(text: str) -> str:
    package = Path(__file__).resolve().parents[1]
    code = [file.read_bytes() for folder in _JUDGES for file in sorted((package / folder).glob("*.py"))]
    return sha256(b"\0".join([text.encode(), *code])).hexdigest()


def _known(kept: Path, key: str) -> CatalogFacts | None:
    try:
        found = json.loads(kept.read_bytes())
        return CatalogFacts(**found["facts"]) if found["key"] == key else None
    except (OSError, ValueError, TypeError, KeyError):  # none yet, or damaged: judging again costs time and no more
        return None


def _judged(text: str, source: str, kept: Path, key: str) -> CatalogFacts:
    from daylily_ec.catalog.loader import parse_catalog

    catalog = parse_catalog(text, source)
    facts = CatalogFacts(
        catalog.command_catalog_version, catalog.default_repository, len(catalog.repositories), len(catalog.commands())
    )
    with contextlib.suppress(OSError):  # a cache directory that cannot be written makes nothing fail
        write_atomic(kept, dumps({"key": key, "facts": asdict(facts)}))
    return facts
