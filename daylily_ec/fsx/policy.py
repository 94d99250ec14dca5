"""What a mount may be: purposes and their directories, ids, event policies, and the gate before write-back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from daylily_ec.aws.fsx import Association, AssociationSpec
from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.fsxpath import (
    ANALYSIS_ROOT,
    CONTROL_DATA,
    REFERENCES,
    RUN_MOUNT_ROOT,
    STAGING_ROOT,
    FsxPath,
)
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AccessDenied, InvalidValue, MissingInput, Refused

STAGING = "/staging/"
EXPORT_PURPOSE = "output-export"
WRITEBACK_MARKER = ".atlas_rw"
_RUN_PURPOSE_TAG = "run-dir-mount"
_EVENTS = ("NEW", "CHANGED", "DELETED")
_TAG_TEXT = re.compile(r"[\w .:/=+\-@]*")
_RESERVED_TAGS = ("aws:", "dyec:")
_MOST_TAGS = 40
"""FSx takes 50; the others are the product's own."""
MOUNT_ID_TAG = "dyec:mount-id"
RUN_ID_TAG = "dyec:mount-run-id"
PLATFORM_TAG = "dyec:platform"


class Purpose(StrEnum):
    """Why a prefix is mounted; every purpose but `custom` has its own root."""

    RUN = "run"
    REFERENCE = "reference"
    CONTROL_DATA = "control-data"
    STAGING = "staging"
    CUSTOM = "custom"

    @classmethod
    def parse(cls, text: str) -> Purpose:
        """Any case, `_` for `-`."""
        try:
            return cls(text.strip().lower().replace("_", "-"))
        except ValueError:
            raise InvalidValue("purpose", text, f"must be one of {', '.join(cls)}") from None

    @property
    def root(self) -> str:
        """Directory below which mounts of this purpose lie, empty for `custom`."""
        return _ROOTS.get(self, "")

    @property
    def tag(self) -> str:
        """Value of `lsmc:purpose`."""
        return _RUN_PURPOSE_TAG if self is Purpose.RUN else str(self)


_ROOTS = {
    Purpose.RUN: RUN_MOUNT_ROOT,
    Purpose.REFERENCE: REFERENCES,
    Purpose.CONTROL_DATA: CONTROL_DATA,
    Purpose.STAGING: STAGING,
}


class Platform(StrEnum):
    """What wrote the run directory."""

    ILMN = "ILMN"
    ONT = "ONT"
    ULTIMA = "ULTIMA"
    PACBIO = "PACBIO"
    STAGING = "STAGING"
    OTHER = "OTHER"

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Any case."""
        try:
            return cls(text.strip().upper())
        except ValueError:
            raise InvalidValue("platform", text, f"must be one of {', '.join(cls)}") from None


def parse_events(text: str | None, field_name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Events from `NEW,CHANGED`, `all` or `none`; blank gives the default; order kept, duplicates dropped."""
    tokens = (text or "").replace(",", " ").upper().split()
    if not tokens:
        return default
    if len(tokens) == 1 and tokens[0] in {"NONE", "FALSE", "OFF"}:
        return ()
    if tokens == ["ALL"]:
        return _EVENTS
    for token in tokens:
        if token not in _EVENTS:
            raise InvalidValue(field_name, text or "", f"must be none, all or a list of {', '.join(_EVENTS)}")
    return tuple(dict.fromkeys(tokens))


def parse_tags(given: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` items by AWS's tag rules; keys of AWS and of this product cannot be set."""
    tags: dict[str, str] = {}
    for item in given:
        key, separator, value = item.partition("=")
        if not separator or not 0 < len(key) <= 128 or len(value) > 256 or not _TAG_TEXT.fullmatch(key + value):
            raise InvalidValue("tag", item, "must be KEY=VALUE of letters, digits, spaces and _.:/=+-@")
        if key.startswith(_RESERVED_TAGS):
            raise InvalidValue("tag", item, f"keys starting with {' or '.join(_RESERVED_TAGS)} are set by the system")
        if (key, value) == ("lsmc:purpose", EXPORT_PURPOSE):
            raise InvalidValue("tag", item, "says that this is an export, which a mount is not")
        tags[key] = value
    if len(tags) > _MOST_TAGS:
        raise InvalidValue("tag", given[-1], f"at most {_MOST_TAGS} tags can be given")
    return tags


def tag_text(text: str) -> str:
    """`text` as a tag value: characters that AWS refuses become `_`, at most 256."""
    return "".join(char if _TAG_TEXT.fullmatch(char) else "_" for char in text)[:256]


@dataclass(frozen=True, slots=True)
class MountRequest:
    """A mount as it was asked for, every value parsed."""

    source: S3Prefix
    purpose: Purpose
    mount_id: MountId
    run_id: MountId
    platform: Platform
    path: FsxPath
    read_only: bool = True
    batch_import: bool = True
    auto_import: tuple[str, ...] = ("NEW", "CHANGED")
    auto_export: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_read_only(self) -> bool:
        """Whether nothing is meant to be written through the mount."""
        return self.read_only and not self.auto_export

    def spec(self, file_system_id: str, cluster: str, creator: str) -> AssociationSpec:
        """The association: everything another operator must know stands in its tags."""
        tags = {
            "lsmc:purpose": self.purpose.tag,
            "Name": str(self.mount_id),
            MOUNT_ID_TAG: str(self.mount_id),
            RUN_ID_TAG: str(self.run_id),
            PLATFORM_TAG: str(self.platform),
            "dyec:read-only": str(self.is_read_only).lower(),
            "dyec:cluster": tag_text(cluster),
            "dyec:created-by": tag_text(creator),
        }
        return AssociationSpec(
            file_system_id=file_system_id,
            path=self.path,
            source=self.source,
            tags={**{key: value for key, value in tags.items() if value}, **self.tags},
            auto_import=self.auto_import,
            auto_export=self.auto_export,
            batch_import=self.batch_import,
        )


def choose_mount_id(source: S3Prefix, mount_id: str | None, run_id: str | None) -> MountId:
    """The mount id given, else the run id, else the last component of the prefix."""
    text = mount_id or run_id or source.key.rstrip("/").rpartition("/")[2]
    if not text:
        raise MissingInput(f"{source} has no last component to name the mount after.", hint="Give --mount-id.")
    return MountId.parse(text)


def choose_path(purpose: Purpose, mount_id: MountId, text: str | None) -> FsxPath:
    """The directory of the mount as FSx names it, inside the root of its purpose."""
    if not text:
        if purpose is Purpose.CUSTOM:
            raise MissingInput("A custom mount needs its directory.", hint="Give --file-system-path /my_data/.")
        return FsxPath(f"{purpose.root}{mount_id}/")
    path = FsxPath.parse(text, "file system path")
    if path.value == "/" or f"{text}/".startswith("/fsx/"):
        raise InvalidValue("file system path", text, "must be a directory as FSx names it, without /fsx")
    return _inside(purpose, path, text)


def _inside(purpose: Purpose, path: FsxPath, text: str) -> FsxPath:
    if purpose is Purpose.CUSTOM:
        taken = [root for root in (*_ROOTS.values(), ANALYSIS_ROOT) if path.overlaps(FsxPath(root))]
        if taken:
            raise InvalidValue("file system path", text, f"a custom mount must lie outside of {taken[0]}")
        return path
    whole_root = purpose in {Purpose.CONTROL_DATA, Purpose.STAGING} and path.value == purpose.root
    if not whole_root and (path.value == purpose.root or not path.value.startswith(purpose.root)):
        raise InvalidValue("file system path", text, f"a {purpose} mount must lie below {purpose.root}")
    return path


def check_writeback(request: MountRequest, *, admin: bool) -> None:
    """Writing to S3 through a mount needs the administrator's flag, and export events also `--no-read-only`."""
    if request.is_read_only:
        return
    if not admin:
        raise Refused("Writing back to S3 through a mount needs --allow-writeback-admin.", code="writeback_refused",
                      hint="Leave the mount read-only, or have an administrator add that flag.")  # fmt: skip
    if request.read_only:
        raise Refused("--auto-export contradicts --read-only.", code="writeback_refused",
                      hint="Add --no-read-only, or drop --auto-export.")  # fmt: skip


def writeback_marker(s3: S3Api, source: S3Prefix) -> str:
    """URI of the marker that permits writing below `source`: at the prefix or any ancestor, never the bucket root."""
    parts = source.key.strip("/").split("/") if source.key else []
    for depth in range(len(parts), 0, -1):
        key = "/".join([*parts[:depth], WRITEBACK_MARKER])
        if _is_there(s3, source.bucket, key):
            return f"s3://{source.bucket}/{key}"
    raise Refused(
        f"{source} may not be written: no {WRITEBACK_MARKER} object at the prefix or above it.",
        code="writeback_refused",
        hint=f"The owner of the data permits it by putting an object {source}{WRITEBACK_MARKER}.",
    )


def _is_there(s3: S3Api, bucket: str, key: str) -> bool:
    try:
        return s3.head(bucket, key) is not None
    except AccessDenied as error:
        raise AccessDenied(
            f"Whether s3://{bucket}/{key} exists cannot be told: {error.message}", details=error.details,
            hint=f"S3 denies a look at an absent object to those who may not list the bucket: grant s3:ListBucket and "
            f"s3:GetObject on {bucket}.",
        ) from error  # fmt: skip


def purpose_of(association: Association) -> Purpose:
    """Purpose of an existing association: its tag, else its root."""
    tag = association.tags.get("lsmc:purpose", "")
    for purpose in Purpose:
        if tag == purpose.tag:
            return purpose
    return next((p for p in _ROOTS if association.path.value.startswith(p.root)), Purpose.CUSTOM)


def mount_id_of(association: Association) -> str:
    """Mount id of an existing association: its tag, else the first component below its root."""
    tagged = association.tags.get(MOUNT_ID_TAG)
    if tagged:
        return tagged
    path, purpose = association.path.value, purpose_of(association)
    if purpose is Purpose.STAGING:
        below = path.removeprefix(STAGING).removeprefix("staged_external_sequencing_data/").strip("/")
        return below.split("/")[0] or "staging"
    below = path.removeprefix(purpose.root).strip("/") if purpose.root else path.strip("/")
    return below.split("/")[0] or path.strip("/").rpartition("/")[2]


def is_mount(association: Association) -> bool:
    """Whether people mounted it: neither an export's association nor the cluster's own reference data."""
    return not is_of_export(association) and association.path.value != REFERENCES


def is_of_export(association: Association) -> bool:
    """Whether an export made it, of this release or an earlier one: nothing else is linked below its root."""
    return association.tags.get("lsmc:purpose") == EXPORT_PURPOSE or association.path.value.startswith(ANALYSIS_ROOT)


def is_startup(association: Association) -> bool:
    """Whether the cluster needs it as a whole: a root that many workflows read, which goes with the cluster."""
    return association.path.value in ("/", REFERENCES, CONTROL_DATA, STAGING, STAGING_ROOT)
