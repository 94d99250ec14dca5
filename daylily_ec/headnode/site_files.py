"""The two YAML files of a head node, and the record of what is installed there.  Runs on the node, by configure.

`~/.config/daylily/` gets `daylily_cli_global.yaml` and `daylily_available_repositories.yaml` of the installed release.
A file that somebody edited on the node is kept; repository overrides are applied to the copy that is there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.config.resources import resource
from daylily_ec.config.settings import config_dir
from daylily_ec.errors import DyecError, ValidationError
from daylily_ec.headnode.identity import RECORD, NodeInstall
from daylily_ec.util.files import write_atomic
from daylily_ec.util.jsonio import dumps

CATALOG = "daylily_available_repositories.yaml"
SETTINGS = "daylily_cli_global.yaml"
VARIABLE = "DYEC_SETTINGS"


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """What configure asks for; `catalog` replaces the packaged catalog, `overrides` are `key` -> reference.

    `overrides` None: those that the node has stay.
    """

    install: NodeInstall
    catalog: str | None = None
    overrides: Mapping[str, str] | None = None

    @classmethod
    def parse(cls, text: str) -> SiteFiles:
        """From the JSON document that configure sends."""
        document = json.loads(text)
        return cls(NodeInstall.from_json(document["install"]), document["catalog"], document["overrides"])

    @property
    def text(self) -> str:
        """The document for `parse`."""
        return json.dumps({"install": self.install.to_json(), "catalog": self.catalog, "overrides": self.overrides},
                          sort_keys=True)  # fmt: skip


def apply(wanted: SiteFiles, folder: Path) -> tuple[str, str]:
    """Write what differs; `done` or `unchanged`, and what each file became.

    `ValidationError` for a file that is no catalog and for an override without its repository; nothing is written.
    """
    known = NodeInstall.load(folder / RECORD)
    sums = dict(known.files) if known is not None else {}
    overrides = wanted.overrides if wanted.overrides is not None else (known.overrides if known is not None else {})
    packaged = resource(f"config/{CATALOG}").read_text(encoding="utf-8")
    sources = {
        SETTINGS: resource(f"config/{SETTINGS}").read_text(encoding="utf-8"),
        CATALOG: wanted.catalog if wanted.catalog is not None else packaged,
    }
    bases = {name: _base(folder / name, text, sums.get(name, "")) for name, text in sources.items()}
    texts = {SETTINGS: bases[SETTINGS].text, CATALOG: _overridden(bases[CATALOG].text, overrides, folder / CATALOG)}
    changed = [name for name, text in texts.items() if _write(folder / name, text)]
    files = {name: sums.get(name, "") if bases[name].edited else _sha256(text) for name, text in texts.items()}
    record = wanted.install.with_files(overrides, files)
    if known is None or record.without_time() != known.without_time():
        changed.append(RECORD)
        write_atomic(folder / RECORD, dumps(record), 0o644)
    words = [f"{name} kept (edited on this node)" for name, base in bases.items() if base.edited]
    words += [f"{name} {'written' if name in changed else 'unchanged'}" for name in texts if not bases[name].edited]
    words += [f"{key} at {ref}" for key, ref in sorted(overrides.items())]
    return "done" if changed else "unchanged", "; ".join(words)


@dataclass(frozen=True, slots=True)
class _Base:
    """What a file is made from, and whether somebody edited it since it was installed."""

    text: str
    edited: bool


def _base(path: Path, source: str, installed: str) -> _Base:
    try:
        present = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _Base(source, False)
    edited = present != source and _sha256(present) != installed
    return _Base(present if edited else source, edited)


def _overridden(text: str, overrides: Mapping[str, str], path: Path) -> str:
    """The catalog with other default references; every other value and every comment stays."""
    from ruamel.yaml import YAML

    from daylily_ec.catalog.loader import parse_catalog

    repositories = parse_catalog(text, str(path)).repositories
    for key in overrides:
        if key not in repositories:
            raise ValidationError(f"{path} has no repository {key!r} to override.", code="unknown_repository",
                                  hint=f"Known: {', '.join(sorted(repositories))}.")  # fmt: skip
    if all(repositories[key].default_ref == ref for key, ref in overrides.items()):
        return text
    yaml = YAML(typ="rt")
    yaml.preserve_quotes, yaml.width = True, 1_000_000
    document: Any = yaml.load(text)
    for key, ref in overrides.items():
        document["repositories"][key]["default_ref"] = ref
    out = io.StringIO()
    yaml.dump(document, out)
    parse_catalog(out.getvalue(), str(path))
    return out.getvalue()


def _write(path: Path, text: str) -> bool:
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    write_atomic(path, text, 0o644)
    return True


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> int:
    """Apply what `DYEC_SETTINGS` asks for and print one line for configure."""
    try:
        status, found = apply(SiteFiles.parse(os.environ[VARIABLE]), config_dir())
    except DyecError as error:
        sys.stderr.write(" ".join(filter(None, (error.message, error.hint))) + "\n")
        return 1
    sys.stdout.write(f"{status} {found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
