"""The demonstration's workflow as a git repository that any git client can clone over plain HTTP."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.errors import ToolchainError

TAG = "2.0.26"
BRANCH = "main"
IDENTITY = "Daylily demonstration <demo@daylily.invalid> 1767225600 +0000"
"""Author and committer of the one commit: fixed, with a fixed date, so that its id depends on the files alone."""

MESSAGE = f"Daylily demo workflow {TAG}\n"
CATALOG_PLACEHOLDER = "@DEMO_REPOSITORY_URL@"
UNWANTED = frozenset({"__pycache__", ".snakemake", "results"})


@dataclass(frozen=True, slots=True)
class Repository:
    """A bare repository at `path`; the tag `TAG` points to `commit`."""

    path: Path
    commit: str


def _files(source: Path) -> list[Path]:
    found = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    return sorted((path for path in found if not UNWANTED & set(path.parts)), key=Path.as_posix)


def _mode(path: Path) -> str:
    """From the name, not from the file system: an installed wheel may have lost the executable bit."""
    is_program = path.suffix == ".sh" or path.as_posix() == "bin/day_run"
    return "100755" if is_program else "100644"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def import_stream(source: Path) -> bytes:
    """The input of `git fast-import` that makes one commit of all files below `source`, and the tag."""
    head = f"commit refs/heads/{BRANCH}\nmark :1\nauthor {IDENTITY}\ncommitter {IDENTITY}\n".encode()
    parts = [head, _data(MESSAGE.encode())]
    for path in _files(source):
        parts += [f"M {_mode(path)} inline {path.as_posix()}\n".encode(), _data((source / path).read_bytes())]
    return b"".join([*parts, f"\nreset refs/tags/{TAG}\nfrom :1\n\ndone\n".encode()])


def _git(path: Path, *arguments: str, stdin: bytes | None = None) -> str:
    """Run git on `path` without any of the user's configuration."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_DIR": str(path)}
    try:
        done = subprocess.run(["git", *arguments], input=stdin, capture_output=True, env=environ, check=False)
    except FileNotFoundError as exc:
        raise ToolchainError("git is not installed", hint="Install it: apt-get install git") from exc
    if done.returncode != 0:
        raise ToolchainError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode().strip()


def make_repository(source: Path, path: Path) -> Repository:
    """Make the bare repository `path` (replaced when it exists) from the files below `source`.

    The same files always give the same commit id.  A plain file server can serve the result; such a server knows
    no shallow clones, so clients must clone without `--depth`.
    """
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    _git(path, "init", "--quiet", "--bare", "--object-format=sha1", f"--initial-branch={BRANCH}", str(path))
    _git(path, "fast-import", "--quiet", "--done", stdin=import_stream(source))
    _git(path, "update-server-info")
    return Repository(path, _git(path, "rev-parse", f"refs/tags/{TAG}"))


def catalog_text(template: Path, url: str) -> str:
    """The demonstration's repository catalog with `url` as the address of its one repository."""
    text = template.read_text()
    if CATALOG_PLACEHOLDER not in text:
        raise ValueError(f"{template} has no {CATALOG_PLACEHOLDER}")
    return text.replace(CATALOG_PLACEHOLDER, url)
