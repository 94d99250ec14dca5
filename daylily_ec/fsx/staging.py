"""The association that shows one stage of samples to the cluster: the same whoever asks for it."""

from __future__ import annotations

from daylily_ec.domain.fsxpath import MOUNT_POINT, STAGING_ROOT, FsxPath
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue
from daylily_ec.fsx.policy import MountRequest, Platform, Purpose

_TAG = "daylily:staging-root"


def parse_stage_directory(text: str) -> FsxPath:
    """A directory below /fsx/staging/staged_external_sequencing_data, as FSx names it."""
    path = FsxPath.parse(text, "stage directory")
    if not path.value.startswith(STAGING_ROOT) or path.value == STAGING_ROOT:
        raise InvalidValue("stage directory", text, f"must lie below /fsx{STAGING_ROOT}")
    return path


def staging_mount(stage: FsxPath, source: S3Prefix) -> MountRequest:
    """The mount of a stage directory: read-only, listing what is there now, following nothing."""
    name = MountId.parse(stage.value.rstrip("/").rpartition("/")[2])
    return MountRequest(
        source=source, purpose=Purpose.STAGING, mount_id=name, run_id=name, platform=Platform.STAGING, path=stage,
        auto_import=(), tags={_TAG: f"{MOUNT_POINT}{STAGING_ROOT}".rstrip("/")},
    )  # fmt: skip
