"""Encryption and payment of the storage buckets."""

from __future__ import annotations

import pytest

from daylily_ec.aws.buckets import Encryption
from daylily_ec.errors import AccessDenied
from daylily_ec.preflight.report import CheckResult
from daylily_ec.preflight.storage import StorageSelector
from tests.unit.preflight.fakes import World

KEY = "arn:aws:kms:us-west-2:123456789012:key/abc"


def settings(world: World) -> CheckResult:
    return {check.id: check for check in StorageSelector().run(world.context())}["s3.bucket_settings"]


@pytest.mark.parametrize(
    ("encryption", "status"),
    [
        (Encryption(), "PASS"),
        (Encryption("AES256"), "PASS"),
        (Encryption("aws:kms"), "PASS"),
        (Encryption("aws:kms", "arn:aws:kms:us-west-2:123456789012:alias/aws/s3"), "PASS"),
        (Encryption("aws:kms", KEY), "WARN"),
        (Encryption("aws:kms:dsse", KEY), "WARN"),
    ],
)
def test_a_customer_managed_key_is_recognised(world: World, encryption: Encryption, status: str) -> None:
    world.reads.buckets.encryptions["refs"] = encryption
    check = settings(world)
    assert check.status.value == status
    assert (KEY in check.remediation) is (status == "WARN")


def test_requester_pays_is_recognised(world: World) -> None:
    world.reads.buckets.paid_by_requester = frozenset({"lab"})
    check = settings(world)
    assert (check.status.value, check.details["buckets"]["lab"]["requester_pays"]) == ("WARN", True)
    assert "lab: Requester Pays" in check.remediation


def test_what_may_not_be_read_is_a_warning_that_names_the_permission(world: World) -> None:
    world.reads.buckets.denied["refs"] = AccessDenied("no")
    check = settings(world)
    assert check.status.value == "WARN"
    assert check.details["buckets"]["refs"] == {"encryption": None, "kms_key": None, "requester_pays": None}
    assert "s3:GetEncryptionConfiguration" in check.remediation
    assert "s3:GetBucketRequestPayment" in check.remediation
