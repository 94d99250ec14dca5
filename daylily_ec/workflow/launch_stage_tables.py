"""The tables of a stage, read where they were staged to, before the launch of a catalog command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daylily_ec.aws.s3 import S3Api
from daylily_ec.catalog.selection import command
from daylily_ec.catalog.tables import check_units
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.fsx.mounts import PlannedMount

if TYPE_CHECKING:  # the models load pydantic, which only a launch needs
    from daylily_ec.catalog.models import Catalog

_SUFFIXES = ("_samples.tsv", "_units.tsv")


def check_stage_tables(s3: S3Api, catalog: Catalog, command_id: str, stage_dir: str, mount: PlannedMount) -> None:
    """`ValidationError` unless the stage's samples and units suit the command.

    A stage whose tables are not in S3 is left to the node, which sees it through an association of another place.
    """
    below = FsxPath.parse(stage_dir, "stage directory").value.removeprefix(mount.wanted.path.value).strip("/")
    source = mount.wanted.source.child(below) if below else mount.wanted.source
    texts = [_only_table(s3, source, suffix) for suffix in _SUFFIXES]
    if texts[0] is not None and texts[1] is not None:
        check_units(command(catalog, command_id), texts[0], texts[1])


def _only_table(s3: S3Api, source: S3Prefix, suffix: str) -> str | None:
    keys = [one.key for one in s3.objects(source) if one.key.endswith(suffix) and "/" not in one.key[len(source.key) :]]
    if len(keys) != 1:
        return None
    found = s3.read_text(source.bucket, keys[0])
    return found.text if found is not None else None
