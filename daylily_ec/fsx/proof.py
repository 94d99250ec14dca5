"""Ask S3 what it holds, many objects at a time, and judge that against a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from daylily_ec.aws.context import aws_code
from daylily_ec.aws.s3 import ContentApi, ObjectFacts, ObjectInfo
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AccessDenied, AwsError
from daylily_ec.fsx.manifest import Manifest, Record
from daylily_ec.fsx.obstacles import MONITOR
from daylily_ec.fsx.verification import (
    Mismatch,
    Mode,
    Verification,
    compare,
    is_told,
    judge,
    judge_digest,
    needs_content,
    ordered,
)
from daylily_ec.util.progress import Reporter

_ASKERS = 32
"""Requests in flight: S3 answers HeadObject in some 20 ms."""
_MANY = 1000
"""From so many files on, requests go the short way."""
_READERS = 8
_CHUNK = 200
_COPIES = 3
_CHANGED = {"PreconditionFailed", "412"}

Judged = tuple[Mismatch | None, bool]
"""What is wrong with an object, and whether S3 had to make its checksum first."""


@dataclass(frozen=True, slots=True)
class Prover:
    """Judges what lies below a destination."""

    s3: ContentApi
    destination: S3Prefix
    reporter: Reporter

    def verify(self, manifest: Manifest, mode: Mode) -> Verification:
        """Everything that S3 and the manifest do not agree on; a failed request raises, it is never a difference."""
        listing = compare(manifest, self._listed(mode), self.destination)
        open_records = [] if mode is Mode.SIZES else [one for one in listing.alike if needs_content(one)]
        judged = list(self._judge(open_records, mode))
        found = [mismatch for mismatch, _ in judged if mismatch is not None]
        return Verification(mode, listing.objects, listing.bytes, ordered([*listing.mismatches, *found]),
                            computed=sum(computed for _, computed in judged))  # fmt: skip

    def _listed(self, mode: Mode) -> Iterator[ObjectInfo]:
        """What lies there; copies that a killed verification left go on the way, where checksums are asked for."""
        for item in self.s3.objects(self.destination):
            if mode is Mode.CHECKSUM and item.key.startswith(self._copies):
                with suppress(AccessDenied):  # who may only read can prove all the same
                    self.s3.delete(self.destination.bucket, item.key)
            yield item

    @property
    def _copies(self) -> str:
        return self.destination.object_key(f"{MONITOR}/verify/")

    def _judge(self, records: Sequence[Record], mode: Mode) -> Iterator[Judged]:
        """Only what has something to tell: a difference, or a checksum that was made."""
        one = self._read if mode is Mode.FULL else partial(self._ask, self._facts(len(records)))
        chunks = [records[at : at + _CHUNK] for at in range(0, len(records), _CHUNK)]
        pool = ThreadPoolExecutor(_READERS if mode is Mode.FULL else _ASKERS)
        try:
            done = 0
            for chunk, told in zip(chunks, pool.map(_of_chunk(one), chunks), strict=True):
                done += len(chunk)
                self.reporter.waiting("comparing S3 with the manifest", f"{done:,}/{len(records):,} files", 0)
                yield from told
        finally:
            pool.shutdown(cancel_futures=True)

    def _facts(self, count: int) -> Callable[[str], ObjectFacts | None]:
        bucket = self.destination.bucket
        return self.s3.many_facts(bucket) if count >= _MANY else partial(self.s3.facts, bucket)

    def _ask(self, ask: Callable[[str], ObjectFacts | None], record: Record) -> Judged:
        key = self.destination.object_key(record.key)
        facts = ask(key)
        if facts is None or facts.size != record.size or is_told(facts):
            return judge(record, facts), False
        try:
            return judge(record, self._computed(key, facts)), True
        except AwsError as error:
            if aws_code(error) not in _CHANGED:
                raise
            return Mismatch("content", record.key, record.crc64nvme, "replaced meanwhile"), True

    def _computed(self, key: str, facts: ObjectFacts) -> ObjectFacts:
        """What S3 says of a copy that it made with a checksum; the copy goes again."""
        bucket = self.destination.bucket
        copy = f"{self._copies}{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        for _ in range(_COPIES):
            self.s3.copy_with_checksum((bucket, key), facts.etag, bucket, copy)
            told = self.s3.facts(bucket, copy)
            self.s3.delete(bucket, copy)
            if told is not None:  # else somebody else, who verifies too, was quicker to remove it
                return told
        raise AwsError(f"The copy s3://{bucket}/{copy} disappeared before S3 told its checksum.",
                       hint="Let one verification of this destination end, then repeat.")  # fmt: skip

    def _read(self, record: Record) -> Judged:
        digest = self.s3.digest(self.destination.bucket, self.destination.object_key(record.key))
        return judge_digest(record, digest), False


def _of_chunk(one: Callable[[Record], Judged]) -> Callable[[Sequence[Record]], list[Judged]]:
    def chunk(records: Sequence[Record]) -> list[Judged]:
        return [told for told in map(one, records) if told[0] is not None or told[1]]

    return chunk
