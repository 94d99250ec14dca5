"""Validators 6 and 7: the four storage roles lie in the cluster's region and hold what they must."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AccessDenied, AwsError, CredentialsExpired
from daylily_ec.preflight.bucket_settings import check_settings
from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.report import CheckResult, Status
from daylily_ec.preflight.roles import StorageRole
from daylily_ec.util.pool import gather


@dataclass(frozen=True, slots=True)
class StorageSelector:
    """Each bucket exists, may be read, and lies in the cluster's region (a hard gate for all four roles).

    How its objects are encrypted and who pays for reading them is looked at beside that.
    """

    id: str = "s3.role_config"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        return run_checks(
            context,
            [
                Check(self.id, partial(_regions, context), Status.FAIL),
                Check("s3.bucket_settings", partial(check_settings, context)),
            ],
        )


@dataclass(frozen=True, slots=True)
class StorageValidator:
    """Each role holds what `config/storage_roles.yaml` asks for; with `--probe-writes` exports may be written."""

    id: str = "s3.role_verify"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        return run_checks(context, [Check(self.id, partial(_contents, context), Status.FAIL)])


def _regions(context: PreflightContext) -> CheckResult:
    storage = context.config.storage
    buckets = sorted({prefix.bucket for prefix in storage.values()})
    answers = dict(zip(buckets, gather(partial(_bucket_region, context), buckets), strict=True))
    issues = [
        f"{role} {prefix}: {problem}"
        for role, prefix in storage.items()
        if (problem := _region_problem(answers[prefix.bucket], context.zone.region))
    ]
    details = {
        "region": context.zone.region,
        "roles": _described(storage),
        "buckets": {bucket: str(answer) for bucket, answer in answers.items()},
        "issues": issues,
    }
    if issues:
        remedy = f"Name existing buckets of {context.zone.region} in the configuration: {'; '.join(issues)}"
        return CheckResult.failed("s3.role_config", remedy, **details)
    return CheckResult.passed("s3.role_config", **details)


def _bucket_region(context: PreflightContext, bucket: str) -> str | AccessDenied | None:
    try:
        return context.reads.s3.bucket_region(bucket)
    except AccessDenied as error:
        return error


def _region_problem(found: str | AccessDenied | None, region: str) -> str:
    if found is None:
        return "there is no such bucket"
    if isinstance(found, AccessDenied):
        return "the bucket is not yours to read (access denied)"
    return "" if found == region else f"the bucket lies in {found}, the cluster in {region}"


def _described(storage: dict[str, S3Prefix]) -> dict[str, dict[str, str]]:
    return {
        role: {"uri": str(prefix), "bucket": prefix.bucket, "prefix": prefix.key} for role, prefix in storage.items()
    }


def _contents(context: PreflightContext) -> CheckResult:
    storage = context.config.storage
    questions = [partial(_marker, context, rule, storage[rule.name]) for rule in context.roles if rule.marker_object]
    questions += [
        partial(_holds, context, rule, storage[rule.name], name) for rule in context.roles for name in rule.holds
    ]
    if context.options.probe_writes:
        questions.append(partial(_write_probe, context, storage["export_destination"]))
    issues = [issue for answer in gather(lambda ask: list(ask()), questions) for issue in answer]
    details = {
        "region": context.zone.region,
        "verified": not issues,
        "roles": _described(storage),
        "buckets": sorted({prefix.bucket for prefix in storage.values()}),
        "issues": issues,
        "write_probe": context.options.probe_writes,
    }
    if issues:
        return CheckResult.failed("s3.role_verify", f"Complete the storage roles: {'; '.join(issues)}", **details)
    return CheckResult.passed("s3.role_verify", **details)


def _marker(context: PreflightContext, rule: StorageRole, prefix: S3Prefix) -> Iterator[str]:
    found = context.reads.s3.read_text(prefix.bucket, prefix.object_key(rule.marker_object))
    place = f"{rule.name}: {prefix.object_uri(rule.marker_object)}"
    if found is None:
        yield f"{place} is missing"
    elif found.text.strip() != rule.marker_text:
        yield f"{place} says {found.text.strip()[:80]!r} instead of {rule.marker_text!r}"


def _holds(context: PreflightContext, rule: StorageRole, prefix: S3Prefix, name: str) -> Iterator[str]:
    place = prefix.child(name)
    if next(iter(context.reads.s3.objects(place, limit=1)), None) is None:
        yield f"{rule.name}: nothing below {place}"


def _write_probe(context: PreflightContext, prefix: S3Prefix) -> Iterator[str]:
    key = prefix.object_key(f"dayec-preflight/write-check-{uuid4().hex}.txt")
    try:
        context.reads.s3.put(prefix.bucket, key, b"dyec preflight --probe-writes\n")
        context.reads.s3.delete(prefix.bucket, key)
    except CredentialsExpired:
        raise
    except AwsError as error:
        yield f"export_destination: {error.message}"
