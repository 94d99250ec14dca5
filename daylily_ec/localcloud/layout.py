"""Where the local cloud keeps its files: everything below one root, so that removing the root removes all of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one local cloud."""

    root: Path

    @property
    def server_file(self) -> Path:
        """JSON record of the running daemon; present once it answers."""
        return self.root / "server.json"

    @property
    def log(self) -> Path:
        """What the daemon prints."""
        return self.root / "server.log"

    @property
    def requests(self) -> Path:
        """One JSON line per API call."""
        return self.root / "requests.jsonl"

    @property
    def aws_config(self) -> Path:
        """Shared AWS configuration file with the local profile."""
        return self.root / "aws" / "config"

    @property
    def aws_credentials(self) -> Path:
        """Shared AWS credentials file with the local profile."""
        return self.root / "aws" / "credentials"

    @property
    def git(self) -> Path:
        """Bare repositories that the control path serves as git remotes."""
        return self.root / "git"

    @property
    def parents_made(self) -> Path:
        """JSON list of the directories above the root that were missing before, outermost last."""
        return self.root / "parents.json"

    @property
    def lock(self) -> Path:
        """Held while a daemon is started or stopped; beside the root because the root itself comes and goes."""
        return self.root.parent / f".{self.root.name}.lock"


def default_layout(environ: Mapping[str, str] = os.environ) -> Layout:
    """The operator's local cloud: `daylily/local` below `XDG_CONFIG_HOME` or `~/.config`."""
    config = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    return Layout(Path(config) / "daylily" / "local")
