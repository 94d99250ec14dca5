"""FSx quotas: room for the cluster's scratch file system beside those that exist.

AWS documents these quotas by name only, so they are looked up by the words of their names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daylily_ec.aws.capacity import ScratchFileSystem
from daylily_ec.aws.quotas import Quota
from daylily_ec.preflight.context import PreflightContext
from daylily_ec.preflight.report import CheckResult
from daylily_ec.preflight.template import scratch_capacity
from daylily_ec.util.pool import together


@dataclass(frozen=True, slots=True)
class StorageQuota:
    """One FSx quota; `measure` says what file systems count for in it, `share` what the new one will."""

    id: str
    words: tuple[str, ...]
    measure: Callable[[tuple[ScratchFileSystem, ...]], int]
    share: Callable[[int], int]
    unit: str


STORAGE_QUOTAS = (
    StorageQuota(
        "quota.fsx.lustre_scratch_storage", ("lustre", "scratch", "storage"),
        lambda systems: sum(system.capacity for system in systems), lambda capacity: capacity, "GiB",
    ),
    StorageQuota(
        "quota.fsx.lustre_scratch_filesystems", ("lustre", "scratch", "file systems"),
        len, lambda capacity: int(capacity > 0), "file systems",
    ),
)  # fmt: skip


def check_storage(context: PreflightContext, rule: StorageQuota) -> CheckResult:
    """Whether the new file system fits; a resumed create does not count its own twice."""
    quota: Quota | None
    systems: tuple[ScratchFileSystem, ...]
    quota, systems = together(
        lambda: context.reads.quotas.named("fsx", rule.words),
        lambda: context.once("scratch file systems", context.reads.capacity.scratch_file_systems),
    )
    if quota is None:
        return CheckResult.passed(rule.id, current_value=None, note="FSx lists no quota of that name here")
    others = tuple(system for system in systems if system.cluster != context.config.cluster_name)
    document = context.draft()
    needed = rule.share(scratch_capacity(document)) if document else 0
    used = rule.measure(others)
    details = {
        "service_code": "fsx",
        "quota_code": quota.code,
        "current_value": quota.value,
        "source": "applied" if quota.applied else "default",
        "in_use": used,
        "needed": needed,
        "existing": [f"{item.id} {item.capacity} GiB {item.lifecycle} {item.cluster}".strip() for item in others],
    }
    if used + needed <= quota.value:
        return CheckResult.passed(rule.id, **details)
    remedy = (
        f"{used} of {quota.value:g} {rule.unit} are in use and the cluster needs {needed}: delete file systems that "
        f"are not needed, lower fsx_fs_size, or ask for {used + needed} (aws service-quotas "
        f"request-service-quota-increase --service-code fsx --quota-code {quota.code} "
        f"--desired-value {used + needed} --region {context.zone.region})."
    )
    return CheckResult.failed(rule.id, remedy, **details)
