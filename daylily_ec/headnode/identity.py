"""What is installed on a head node: the record that configure leaves in `~/.config/daylily/headnode.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

RECORD = "headnode.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class NodeInstall:
    """One installation; `release` is `<version>-<12 digits of digest>`, `digest` the SHA-256 of its list of sums.

    `files` are the SHA-256 sums of the site files as they were installed.
    """

    release: str
    digest: str
    bundle: str
    python: str
    installed_at: str
    overrides: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NodeInstall:
        """From the document; unknown keys of later releases are ignored."""
        texts = {name: str(document.get(name, "")) for name in ("release", "digest", "bundle", "python")}
        maps = {name: {str(key): str(value) for key, value in dict(document.get(name) or {}).items()}
                for name in ("overrides", "files")}  # fmt: skip
        return cls(**texts, installed_at=str(document.get("installed_at", "")), **maps)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> NodeInstall | None:
        """The record, None when there is none that can be read: it is only ever made again."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            return cls.from_json(document) if isinstance(document, dict) else None
        except (OSError, ValueError, TypeError):
            return None

    def with_files(self, overrides: Mapping[str, str], files: Mapping[str, str]) -> NodeInstall:
        """This installation with the site files that it wrote."""
        return replace(self, overrides=dict(overrides), files=dict(files))

    def without_time(self) -> NodeInstall:
        """For comparing: the same installation at another time is the same."""
        return replace(self, installed_at="")

    def to_json(self) -> dict[str, object]:
        """The document."""
        return {
            "schema_version": SCHEMA, "release": self.release, "digest": self.digest, "bundle": self.bundle,
            "python": self.python, "installed_at": self.installed_at, "overrides": dict(self.overrides),
            "files": dict(self.files),
        }  # fmt: skip
