"""Files to and from a head node: exact bytes proved by SHA-256, whole at their place or not at all.

Small ones travel in the command and its output; larger ones through the cluster's place in S3, or, when this machine
is the head node, not at all.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import InvalidValue, NotFound, Refused, RemoteCommandFailed, ValidationError
from daylily_ec.headnode.local import LocalRemote
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.store import MAX_PUT_BYTES, NodeStore
from daylily_ec.util.files import fsync_directory

INLINE_BYTES = 64 * 1024
"""Larger files go through S3: these are some four answers of Systems Manager."""
PATIENT_BYTES = 4 * 1024 * 1024
"""What goes without a place in S3, if slowly."""
TRANSFER_S = 3900
REFUSED = 8
"""Exit code of the scripts when they name a reason."""
_HINTS = {
    "target_exists": "Give --force to replace it, or another --to.",
    "target_is_directory": "Give the file's full path with --to.",
    "damaged": "Run it again; if it stays, look at the disk of the head node.",
    "no_such_file": "List the directory with: dyec headnode run -- ls -l DIRECTORY",
    "not_a_file": "Pack a directory first: dyec headnode run -- tar -czf FILE.tgz DIRECTORY",
}


@dataclass(frozen=True, slots=True)
class NodePath:
    """A file on the head node: absolute, or below `~/`."""

    value: str

    @classmethod
    def parse(cls, text: str, field: str = "path on the head node") -> NodePath:
        """Refuse relative paths, `..`, directories (a final slash) and control characters."""
        if not text.startswith(("/", "~/")):
            raise InvalidValue(field, text, "must be absolute, or begin with ~/")
        if ".." in text.split("/") or any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
            raise InvalidValue(field, text, "must have no '..' component and no control character")
        if text.endswith("/") or text.rsplit("/", 1)[-1] in ("", "."):
            raise InvalidValue(field, text, "must name a file, not a directory")
        return cls(text)

    @property
    def name(self) -> str:
        """The last component."""
        return self.value.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Transferred:
    """A file at its place: `source`, `target`, size in bytes, SHA-256, permission bits (octal text), what was done."""

    source: str
    target: str
    size: int
    sha256: str
    mode: str
    outcome: Outcome


def upload(remote: Remote, store: NodeStore | None, source: Path, target: NodePath, *, force: bool) -> Transferred:
    """Put a local file on the node; `Refused` (code `target_exists`) when another one is there and `force` is not set.

    Safe to repeat: the same file already there is `UNCHANGED`.
    """
    size, mode, sha256 = _facts(source)
    env = {"DYEC_PATH": target.value, "DYEC_FORCE": str(int(force)), "DYEC_MODE": mode, "DYEC_SIZE": str(size),
           "DYEC_SHA256": sha256}  # fmt: skip
    with _carried(remote, store, source, size) as carried:
        result = remote.run(RemoteScript.packaged("receive_file"), {**env, **carried}, TRANSFER_S)
    outcome, _, path = _accepted(result, f"The upload of {source}").rstrip("\n").partition(" ")
    return Transferred(str(source), path, size, sha256, mode, Outcome(outcome))


def _facts(source: Path) -> tuple[int, str, str]:
    try:
        found = source.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ValidationError(
                f"{source} is not a regular file.", hint="Pack a directory first: tar -czf FILE.tgz DIRECTORY"
            )
        with source.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise NotFound(f"{source} cannot be read: {error.strerror}.") from error
    return found.st_size, f"{stat.S_IMODE(found.st_mode) & 0o777:o}", sha256


@contextmanager
def _carried(remote: Remote, store: NodeStore | None, source: Path, size: int) -> Iterator[dict[str, str]]:
    if isinstance(remote, LocalRemote):
        yield {"DYEC_SOURCE": str(source.resolve())}
    elif size <= _inline(store):
        yield {"DYEC_CONTENT": base64.b64encode(source.read_bytes()).decode()}
    else:
        with _needed(store).lent_file(source) as lent:
            yield {"DYEC_OBJECT": lent.uri, "DYEC_REGION": lent.region}


def download(remote: Remote, store: NodeStore | None, source: NodePath, target: Path, *, force: bool) -> Transferred:
    """Put a file of the node at a local path, with its permission bits; over another file only if `force` is set."""
    if target.is_dir():
        target = target / source.name
    if not force and (target.exists() or target.is_symlink()):
        raise _exists(target)
    if not target.parent.is_dir():
        raise NotFound(f"There is no directory {target.parent}.")
    with _part(target) as part:
        size, mode, sha256 = _received(remote, store, source, part)
        with part.open("rb") as content:
            seen = hashlib.file_digest(content, "sha256").hexdigest()
        if seen != sha256:
            raise RemoteCommandFailed(
                f"{source.value} arrived with SHA-256 {seen}, not {sha256}: it was damaged, or changed meanwhile.",
                code="damaged", hint="Run it again.",
            )  # fmt: skip
        outcome = _place(part, target, int(mode, 8), force=force)
    return Transferred(source.value, str(target), size, sha256, mode, outcome)


def _received(remote: Remote, store: NodeStore | None, source: NodePath, part: Path) -> tuple[int, str, str]:
    env = {"DYEC_PATH": source.value, "DYEC_MOST": str(_inline(store))}
    if isinstance(remote, LocalRemote):
        return _sent(remote, {**env, "DYEC_TARGET": str(part.resolve())}, source)[0]
    facts, body = _sent(remote, env, source)
    if body != "large":
        part.write_bytes(base64.b64decode(body, validate=True))
        return facts
    if facts[0] > MAX_PUT_BYTES:
        raise ValidationError(
            f"{source.value} has {facts[0]:,} bytes; at most {MAX_PUT_BYTES:,} can be handed over.",
            code="file_too_large", hint="Export results with: dyec export",
        )  # fmt: skip
    with _needed(store).handed_over(TRANSFER_S) as handed:
        facts, _ = _sent(remote, {**env, "DYEC_URL": handed.url}, source)
        handed.fetch(part)
    return facts


def _sent(remote: Remote, env: dict[str, str], source: NodePath) -> tuple[tuple[int, str, str], str]:
    result = remote.run(RemoteScript.packaged("send_file"), env, TRANSFER_S)
    head, _, body = _accepted(result, f"The download of {source.value}").partition("\n")
    try:
        size, mode, sha256 = head.split()
        return (int(size), mode, sha256), body.strip()
    except ValueError as error:
        raise RemoteCommandFailed(f"The download of {source.value} gave an answer that is not understood.") from error


def _accepted(result: RemoteResult, what: str) -> str:
    token = result.stdout.strip().rsplit("\n", 1)[-1]
    if result.exit_code == REFUSED:
        raise Refused(f"{what} was refused by the head node: {result.stderr.strip()}", code=token,
                      hint=_HINTS.get(token, ""), details={"stderr": result.stderr})  # fmt: skip
    return result.require_success(what).stdout


def _inline(store: NodeStore | None) -> int:
    return PATIENT_BYTES if store is None else INLINE_BYTES


def _needed(store: NodeStore | None) -> NodeStore:
    if store is None:
        raise ValidationError(
            f"Files over {PATIENT_BYTES:,} bytes need the cluster's place in S3, which its stack does not name.",
            code="no_place_in_s3", hint="Copy it through a bucket that the head node may read.",
        )  # fmt: skip
    return store


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _place(part: Path, target: Path, mode: int, *, force: bool) -> Outcome:
    part.chmod(mode)
    with part.open("rb") as content:
        os.fsync(content.fileno())
    existed = target.exists() or target.is_symlink()
    if force:
        part.replace(target)
    else:
        try:
            os.link(part, target)
        except FileExistsError:
            raise _exists(target) from None
    fsync_directory(target.parent)
    return Outcome.UPDATED if existed else Outcome.CREATED


def _exists(target: Path) -> Refused:
    return Refused(f"{target} exists.", code="target_exists", hint=_HINTS["target_exists"])
