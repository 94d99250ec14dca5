"""Encryption and payment of the storage buckets: what keeps FSx and the nodes from objects that the operator can read.

FSx writes and reads with a service-linked role of its own, so the policy of a customer managed key must name it:
https://docs.aws.amazon.com/fsx/latest/LustreGuide/s3-server-side-encryption-support.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from daylily_ec.aws.buckets import BucketsApi, Encryption
from daylily_ec.errors import AccessDenied
from daylily_ec.preflight.context import PreflightContext
from daylily_ec.preflight.report import CheckResult
from daylily_ec.util.pool import gather, together

_ID = "s3.bucket_settings"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BucketFacts:
    """What could be read of one bucket; None where reading was denied."""

    bucket: str
    encryption: Encryption | None
    requester_pays: bool | None

    def problems(self) -> tuple[str, ...]:
        """What the operator has to see to."""
        found = []
        if self.encryption is None:
            found.append(f"{self.bucket}: its encryption could not be read; allow s3:GetEncryptionConfiguration")
        elif self.encryption.has_own_key:
            found.append(
                f"{self.bucket}: encrypted with {self.encryption.key}; that key's policy must let the FSx "
                "service-linked role and the cluster's node roles use it"
            )
        if self.requester_pays is None:
            found.append(f"{self.bucket}: its payer could not be read; allow s3:GetBucketRequestPayment")
        elif self.requester_pays:
            found.append(
                f"{self.bucket}: Requester Pays; FSx and the nodes send no consent to pay, so another account's bucket "
                "is refused to them"
            )
        return tuple(found)

    def described(self) -> dict[str, object]:
        """The facts for the report."""
        known = self.encryption
        return {
            "encryption": known.algorithm or "none" if known else None,
            "kms_key": known.key or None if known else None,
            "requester_pays": self.requester_pays,
        }


def check_settings(context: PreflightContext) -> CheckResult:
    """KMS keys and Requester Pays are recognised; what may not be read is a WARN, not a guess."""
    buckets = sorted({prefix.bucket for prefix in context.config.storage.values()})
    facts = gather(partial(_facts, context.reads.buckets), buckets)
    problems = [problem for fact in facts for problem in fact.problems()]
    details = {"buckets": {fact.bucket: fact.described() for fact in facts}, "issues": problems}
    if problems:
        return CheckResult.warned(_ID, "; ".join(problems), **details)
    return CheckResult.passed(_ID, **details)


def _facts(reads: BucketsApi, bucket: str) -> BucketFacts:
    encryption, payer = together(
        lambda: _or_denied(reads.encryption, bucket), lambda: _or_denied(reads.requester_pays, bucket)
    )
    return BucketFacts(bucket, encryption, payer)


def _or_denied(question: Callable[[str], T], bucket: str) -> T | None:
    try:
        return question(bucket)
    except AccessDenied:
        return None
