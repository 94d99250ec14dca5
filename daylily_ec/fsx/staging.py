"""The association that shows one stage of samples to the cluster: the same whoever asks for it."""

from __future__ import annotations

from daylily_ec.domain.fsxpath import MOUNT_POINT, STAGING_ROOT, FsxPath
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.fsx.policy import MountRequest, Platform, Purpose

_TAG = "daylily:staging-root"


def staging_mount(stage: FsxPath, source: S3Prefix) -> MountRequest:
    """The mount of a stage directory: read-only, listing what is there now, following nothing."""
    name = MountId.parse(stage.value.rstrip("/").rpartition("/")[2])
    return MountRequest(
        source=source, purpose=Purpose.STAGING, mount_id=name, run_id=name, platform=Platform.STAGING, path=stage,
        auto_import=(), tags={_TAG: f"{MOUNT_POINT}{STAGING_ROOT}".rstrip("/")},
    )  # fmt: skip
