"""Scenarios of mounts: one association with its tags and its note on this machine, or none and a note of that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.faults import nodes
from tests.faults.child import Ended
from tests.faults.inventory import inventory
from tests.faults.on_node import cluster, on_cluster
from tests.faults.scenario import Scenario, after_create

if TYPE_CHECKING:
    from tests.faults.world import World

RUN = "RUN123"
CHANGING = frozenset({"updated_at", "created_at", "outcome", "warnings", "association_id"})
"""Names of a record that differ between two runs which did the same."""


def _source(place: World) -> str:
    return f"s3://{place.nursery.buckets.staging}/runs/{RUN}/"


def _to_create(place: World) -> None:
    """A cluster, and a sequencer's run folder in S3."""
    cluster(place)
    bucket = place.nursery.buckets.staging
    place.client("s3").put_object(Bucket=bucket, Key=f"runs/{RUN}/RunInfo.xml", Body=b"<RunInfo/>\n")


def _create(place: World) -> list[str]:
    return on_cluster("mounts", "create", _source(place), "--platform", "ILMN", "--tag", "team=blue")


def _to_delete(place: World) -> None:
    """That folder, mounted."""
    _to_create(place)
    made = place.run(words=_create(place))
    assert made.code == 0, made.out + made.err


def _delete(_: World) -> list[str]:
    return on_cluster("mounts", "delete", "--mount-id", RUN)


def associations(place: World) -> list[dict[str, Any]]:
    """Every association as far as two undisturbed runs leave the same."""
    found = place.client("fsx").describe_data_repository_associations()["Associations"]
    return sorted(map(_shown, found), key=lambda one: str(one["FileSystemPath"]))


def _shown(association: dict[str, Any]) -> dict[str, Any]:
    names = ("FileSystemPath", "DataRepositoryPath", "Lifecycle", "S3", "BatchImportMetaDataOnCreate")
    tags = sorted((tag["Key"], tag["Value"]) for tag in association.get("Tags", []))
    return {**{name: association.get(name) for name in names}, "Tags": tags}


def left(place: World) -> dict[str, Any]:
    """The account, the associations with their tags, and this machine's notes."""
    notes = {str(path.relative_to(place.directory)): _stable(json.loads(path.read_text()))
             for path in place.directory.glob("run_mounts/*/*/*.json")}  # fmt: skip
    return {**inventory(place.client), "associations": associations(place), "notes": notes}


def _stable(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in CHANGING}


def _attached(place: World, ended: Ended) -> str:
    return _told(place, ended, "AVAILABLE", 1)


def _gone(place: World, ended: Ended) -> str:
    return _told(place, ended, "DELETED", 0)


def _told(place: World, ended: Ended, lifecycle: str, count: int) -> str:
    """What is wrong with the answer, and with the note, which must be of the same association."""
    answer = json.loads(ended.out)
    links = [one["AssociationId"] for one in place.client("fsx").describe_data_repository_associations()["Associations"]
             if one["FileSystemPath"] == f"/run_dir_mounts/{RUN}/"]  # fmt: skip
    (note,) = [json.loads(path.read_text()) for path in place.directory.glob("run_mounts/*/*/*.json")]
    if (answer["lifecycle"], note["lifecycle"], len(links)) != (lifecycle, lifecycle, count):
        return f"answer {answer['lifecycle']}, note {note['lifecycle']}, {len(links)} associations"
    same = {answer["association_id"], note["association_id"], *links}
    return "" if len(same) == 1 else f"several associations: {sorted(same)}"


MOUNT = Scenario(
    "mount", "mounts create", after_create(), _create, _attached, left, _to_create, nodes.MANAGER
)  # fmt: skip
UNMOUNT = Scenario(
    "unmount", "mounts delete", after_create(), _delete, _gone, left, _to_delete, nodes.MANAGER
)  # fmt: skip
