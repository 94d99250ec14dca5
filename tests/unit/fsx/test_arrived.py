"""Progress of an export: shown from S3's listing, which is never asked for so often that it hinders the task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from daylily_ec.aws.s3 import ObjectInfo
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AccessDenied, DyecError, Throttled
from daylily_ec.fsx.arrived import Arrived
from daylily_ec.fsx.manifest import Record, make
from daylily_ec.util.progress import Silent
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import FakeS3

DESTINATION = S3Prefix.parse("s3://results/ann/a1/")
RECORDS = [Record(name, "f", size, 1, "0644", "0" * 64, "AAAAAAAAAAA=") for name, size in (("f", 9), ("g", 1))]
MANIFEST = make("/fsx/analysis_results/ann/a1", "t", "2026-01-01T00:00:00Z", RECORDS)


@dataclass
class SlowS3(FakeS3):
    """A listing takes some seconds of the clock."""

    clock: FakeClock
    seconds: float
    listings: int = 0
    busy: DyecError | None = None
    keys: list[str] = field(default_factory=list)

    def objects(self, prefix: S3Prefix, *, limit: int | None = None) -> Iterator[ObjectInfo]:
        self.listings += 1
        self.clock.sleep(self.seconds)
        if self.busy:
            raise self.busy
        return iter([ObjectInfo(prefix.object_key(key), 9) for key in self.keys])


def test_what_has_arrived_is_counted_without_the_receipts(clock: FakeClock) -> None:
    s3 = SlowS3(clock, 0.0, keys=["f", "_daylily_monitor/fsx_export.yaml"])
    assert Arrived(s3, clock, Silent(), DESTINATION, MANIFEST).told() == "(1 of 2 objects, 9 of 10 bytes in S3)"


def test_a_listing_that_takes_long_is_not_repeated_at_every_poll(clock: FakeClock) -> None:
    s3 = SlowS3(clock, 3.0, keys=["f"])
    arrived, end = Arrived(s3, clock, Silent(), DESTINATION, MANIFEST), 630.0
    while clock.monotonic() < end:
        assert "1 of 2 objects" in arrived.told()
        clock.sleep(5)
    assert s3.listings == 10
    assert s3.listings * s3.seconds < end / 20


def test_a_quick_one_is_repeated_at_every_poll_and_a_refusal_shows_nothing(clock: FakeClock) -> None:
    s3 = SlowS3(clock, 0.05, keys=["f"])
    arrived = Arrived(s3, clock, Silent(), DESTINATION, MANIFEST)
    for _ in range(4):
        arrived.told()
        clock.sleep(5)
    s3.busy = Throttled("s3:ListObjectsV2: Please slow down")
    assert (arrived.told(), s3.listings) == ("", 5)


class Notes(Silent):
    """Keeps what was noted."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def test_a_denied_listing_is_told_once_and_not_asked_for_again(clock: FakeClock) -> None:
    s3, notes = SlowS3(clock, 0.05, busy=AccessDenied("s3:ListBucket was denied")), Notes()
    arrived = Arrived(s3, clock, notes, DESTINATION, MANIFEST)
    for _ in range(4):
        assert arrived.told() == ""
        clock.sleep(30)
    assert (s3.listings, notes.texts) == (1, ["What has arrived in S3 is not shown: s3:ListBucket was denied"])
