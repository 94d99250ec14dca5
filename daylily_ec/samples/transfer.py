"""Looks whether sources exist, and copies them: many at a time, each proved by its size."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AccessDenied, AwsError
from daylily_ec.samples.plan import Copy, Needed
from daylily_ec.samples.sheet import Issue
from daylily_ec.samples.sources import Source
from daylily_ec.util.clock import Clock
from daylily_ec.util.pool import gather
from daylily_ec.util.progress import Reporter


@dataclass(frozen=True, slots=True)
class StagedFile:
    """One file that was copied; `bytes` is its size in S3 afterwards."""

    source: str
    s3_uri: str
    bytes: int


def missing(s3: S3Api, needed: Iterable[Needed]) -> tuple[Issue, ...]:
    """A problem for every source that does not exist, is empty or may not be read; each source is asked once."""
    items = list(needed)
    unique = {(item.source.text, item.is_tree): item for item in items}
    problems = dict(zip(unique, gather(lambda item: _problem(s3, item), unique.values()), strict=True))
    return tuple(item.issue(problem) for item in items if (problem := problems[item.source.text, item.is_tree]))


def _problem(s3: S3Api, item: Needed) -> str:
    source = item.source
    if not source.is_in_s3:
        return _local_problem(source.local, is_tree=item.is_tree)
    try:
        if item.is_tree:
            found = any(True for _ in s3.objects(S3Prefix(source.bucket, source.key), limit=1))
            return "" if found else f"nothing lies below s3://{source.bucket}/{source.key}"
        seen = s3.head(source.bucket, source.key)
    except AccessDenied as error:
        return f"S3 refuses to show s3://{source.bucket}/{source.key} (also when it does not exist): {error.message}"
    if seen is None:
        return f"there is no object s3://{source.bucket}/{source.key}"
    return "" if seen.size else "the object is empty"


def _local_problem(path: Path, *, is_tree: bool) -> str:
    if is_tree:
        return "" if path.is_dir() else "there is no such directory"
    if not path.is_file():
        return "there is no such file"
    if not os.access(path, os.R_OK):
        return "the file may not be read"
    return "" if path.stat().st_size else "the file is empty"


def expand(s3: S3Api, copies: Iterable[Copy]) -> tuple[Copy, ...]:
    """The copies with every tree replaced by its files."""
    return tuple(single for copy in copies for single in (_files(s3, copy) if copy.is_tree else [copy]))


def _files(s3: S3Api, copy: Copy) -> list[Copy]:
    source = copy.source
    if source.is_in_s3:
        found = s3.objects(S3Prefix(source.bucket, source.key))
        return [
            Copy(Source(source.place, f"s3://{source.bucket}/{item.key}", source.bucket, item.key),
                 f"{copy.target}/{item.key.removeprefix(source.key)}")
            for item in found if not item.key.endswith("/")
        ]  # fmt: skip
    root = source.local
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [Copy(Source(source.place, str(path)), f"{copy.target}/{path.relative_to(root)}") for path in files]


class Transfer:
    """Copies files below one stage prefix and tells how many are done."""

    def __init__(self, s3: S3Api, stage: S3Prefix, clock: Clock, reporter: Reporter) -> None:
        self._s3 = s3
        self._stage = stage
        self._clock = clock
        self._reporter = reporter
        self._lock = threading.Lock()
        self._done = 0

    def run(self, copies: tuple[Copy, ...]) -> tuple[StagedFile, ...]:
        """Copy all of them concurrently, in the order given in the result."""
        start = self._clock.monotonic()
        return tuple(gather(lambda copy: self._one(copy, len(copies), start), copies))

    def _one(self, copy: Copy, total: int, start: float) -> StagedFile:
        key, source = self._stage.object_key(copy.target), copy.source
        if source.is_in_s3:
            self._s3.copy((source.bucket, source.key), self._stage.bucket, key)
            origin = self._s3.head(source.bucket, source.key)
            expected = origin.size if origin is not None else -1
        else:
            expected = source.local.stat().st_size
            self._s3.upload(source.local, self._stage.bucket, key)
        stored = self._s3.head(self._stage.bucket, key)
        if stored is None or stored.size != expected:
            found = "is absent" if stored is None else f"has {stored.size:,} bytes"
            copied = f"s3://{self._stage.bucket}/{key}"
            raise AwsError(
                f"{source} ({expected:,} bytes) {found} after copying, as {copied}.",
                code="stage_differs",
                hint="The source may have changed meanwhile; stage again.",
            )
        with self._lock:
            self._done += 1
            self._reporter.waiting("staging", f"{self._done}/{total} files", self._clock.monotonic() - start)
        return StagedFile(source.text, f"s3://{self._stage.bucket}/{key}", stored.size)
