"""Paths on the cluster file system: what FSx calls `/x/` is `/fsx/x` on a node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from daylily_ec.domain.ids import AnalysisId, ExecutingEntity, MountId, is_text
from daylily_ec.errors import InvalidValue

MOUNT_POINT = PurePosixPath("/fsx")
ANALYSIS_ROOT = "/analysis_results/"
RUN_MOUNT_ROOT = "/run_dir_mounts/"
STAGING_ROOT = "/staging/staged_external_sequencing_data/"
REFERENCES = "/references/"
CONTROL_DATA = "/control_data/"


@dataclass(frozen=True, slots=True, order=True)
class FsxPath:
    """An absolute directory as the FSx API names it: starts and ends with a slash, no `.`/`..` components."""

    value: str

    @classmethod
    def parse(cls, text: str, field: str = "file system path") -> FsxPath:
        """Parse a node path (`/fsx/...`) or an FSx path (`/...`)."""
        inner = text
        if text == str(MOUNT_POINT) or text.startswith(f"{MOUNT_POINT}/"):
            inner = text.removeprefix(str(MOUNT_POINT)) or "/"
        if not inner.startswith("/") or "//" in inner:
            raise InvalidValue(field, text, "must be an absolute path below /fsx without '//'")
        parts = [part for part in inner.split("/") if part]
        if any(part in (".", "..") or not is_text(part) for part in parts):
            raise InvalidValue(field, text, "must not contain '.', '..' or control characters")
        return cls("/" + "".join(part + "/" for part in parts))

    def __str__(self) -> str:
        return self.value

    def to_json(self) -> str:
        """Documents carry it as text."""
        return str(self)

    @property
    def on_node(self) -> PurePosixPath:
        """The same directory as a node sees it."""
        return MOUNT_POINT / self.value.strip("/") if self.value != "/" else MOUNT_POINT

    def overlaps(self, other: FsxPath) -> bool:
        """Whether one contains the other."""
        return self.value.startswith(other.value) or other.value.startswith(self.value)


@dataclass(frozen=True, slots=True)
class AnalysisDirectory:
    """`/fsx/analysis_results/<entity>/<analysis_id>`: the unit of launch, export and deletion."""

    entity: ExecutingEntity
    analysis_id: AnalysisId

    @classmethod
    def parse(cls, text: str) -> AnalysisDirectory:
        """Parse a node or FSx path; anything but exactly two components below the root is refused."""
        path = FsxPath.parse(text, "source path")
        rest = path.value.removeprefix(ANALYSIS_ROOT)
        parts = rest.strip("/").split("/")
        if not path.value.startswith(ANALYSIS_ROOT) or len(parts) != 2:
            raise InvalidValue(
                "source path", text, "must be /fsx/analysis_results/<executing_entity>/<analysis_id>",
                hint="Only a completed analysis directory can be exported; inputs and mounts cannot.",
            )  # fmt: skip
        return cls(ExecutingEntity.parse(parts[0]), AnalysisId.parse(parts[1]))

    def __str__(self) -> str:
        return f"{self.entity}/{self.analysis_id}"

    @property
    def path(self) -> FsxPath:
        """The directory as FSx names it."""
        return FsxPath(f"{ANALYSIS_ROOT}{self.entity}/{self.analysis_id}/")


def run_mount_path(mount_id: MountId) -> FsxPath:
    """Where the run directory `mount_id` appears."""
    return FsxPath(f"{RUN_MOUNT_ROOT}{mount_id}/")
