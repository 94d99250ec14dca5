"""What a killed verification left below `_daylily_monitor/verify/`."""

from __future__ import annotations

import pytest

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AccessDenied
from daylily_ec.fsx import manifest
from daylily_ec.fsx.proof import Prover
from daylily_ec.fsx.verification import Mode
from daylily_ec.util.progress import Silent
from tests.unit.fsx.fakes import FakeS3

DESTINATION = S3Prefix("results", "derived/ann/a1/")
LEFT = ("results", "derived/ann/a1/_daylily_monitor/verify/0123456789abcdef0123456789abcdef")
RECEIPT = ("results", "derived/ann/a1/_daylily_monitor/fsx_export.yaml")


def verified(s3: FakeS3, mode: Mode) -> bool:
    listed = manifest.make("/fsx/analysis_results/ann/a1", "test", "2026-01-01T00:00:00Z", [])
    return Prover(s3, DESTINATION, Silent()).verify(listed, mode).is_equal


@pytest.mark.parametrize(("mode", "stays"), [(Mode.CHECKSUM, False), (Mode.SIZES, True), (Mode.FULL, True)])
def test_the_next_verification_by_checksums_removes_it_and_nothing_else(mode: Mode, stays: bool) -> None:
    s3 = FakeS3()
    s3.data = {LEFT: b"copy", RECEIPT: b"receipt"}
    assert verified(s3, mode)
    assert (LEFT in s3.data, RECEIPT in s3.data) == (stays, True)


def test_who_may_only_read_proves_all_the_same() -> None:
    class ReadOnly(FakeS3):
        def delete(self, bucket: str, key: str) -> None:
            raise AccessDenied("s3:DeleteObject was denied")

    s3 = ReadOnly()
    s3.data = {LEFT: b"copy"}
    assert verified(s3, Mode.CHECKSUM)
