from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import daylily_ec.cli.mounts  # noqa: F401  (registers its views)
from daylily_ec.cli.render import text
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue, MissingInput, NotFound, ValidationError
from daylily_ec.fsx import policy
from daylily_ec.util.jsonio import plain
from daylily_ec.workflow.attach_mount import CreateMount, create_mount
from daylily_ec.workflow.mounts import FileSystemTarget, describe_mount, list_mounts
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, FS, REGION, World

NAMES = {
    "mount_id", "purpose", "run_id", "platform", "cluster_name", "region", "source_s3_uri", "fsx_file_system_id",
    "file_system_path", "headnode_path", "association_id", "lifecycle", "read_only", "data_repository_path",
    "auto_import_events", "auto_export_events", "batch_import_metadata_on_create", "created_at", "updated_at",
    "local_projection_status",
}  # fmt: skip
TARGET = FileSystemTarget(CLUSTER)


@pytest.fixture
def world(clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return World(clock)


def request(name: str = "RUN1", **more: object) -> CreateMount:
    mount = policy.MountRequest(
        S3Prefix.parse(f"s3://runs/{name}"), policy.Purpose.RUN, MountId(name), MountId(name), policy.Platform.ILMN,
        policy.choose_path(policy.Purpose.RUN, MountId(name), None),
    )  # fmt: skip
    return CreateMount(TARGET, mount, **more)  # type: ignore[arg-type]


def test_the_record_carries_every_name_of_the_contract_and_is_projected(world: World, tmp_path: Path) -> None:
    record = create_mount(world.services(), request())
    document = plain(record)
    assert document.keys() >= NAMES
    assert document["headnode_path"] == "/fsx/run_dir_mounts/RUN1/"
    assert (document["lifecycle"], document["local_projection_status"]) == ("AVAILABLE", "created")
    assert "profile_hint" not in document
    path = tmp_path / "daylily" / "run_mounts" / REGION / CLUSTER / "RUN1.json"
    stored = json.loads(path.read_text())
    assert stored == {**document, "schema_version": 1}


def test_creating_twice_adopts(world: World) -> None:
    first = create_mount(world.services(), request())
    second = create_mount(world.services(), request())
    assert (first.outcome, second.outcome) == ("CREATED", "ADOPTED")
    assert first.association_id == second.association_id


def test_without_waiting_the_record_shows_the_state_as_it_is(world: World) -> None:
    assert create_mount(world.services(), request(wait=False)).lifecycle == "CREATING"


def test_a_nearly_full_file_system_is_warned_of(world: World) -> None:
    for number in range(6):
        world.fsx.add(f"/m{number}/", f"s3://bucket{number}/")
    assert "6 of 8" in create_mount(world.services(), request()).warnings[0]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "ONTAP"}, "ONTAP"),
        ({"lifecycle": "CREATING"}, "it is CREATING"),
        ({"deployment": "SCRATCH_1"}, "SCRATCH_1"),
        ({"legacy_link": True}, "before associations"),
    ],
)
def test_unfit_file_systems_are_refused(world: World, change: dict[str, object], why: str) -> None:
    assert world.fsx.system is not None
    world.fsx.system = replace(world.fsx.system, **change)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match=why):
        create_mount(world.services(), request())


def test_an_unknown_file_system_or_cluster_is_not_found(world: World) -> None:
    world.fsx.system = None
    with pytest.raises(NotFound):
        create_mount(world.services(), request())
    world.clusters.view = None
    with pytest.raises(NotFound, match="no cluster"):
        list_mounts(world.services(), TARGET)
    with pytest.raises(MissingInput):
        list_mounts(world.services(), FileSystemTarget())
    with pytest.raises(InvalidValue):
        list_mounts(world.services(), FileSystemTarget(None, "../fs"))


def test_the_list_tells_who_uses_the_slots(world: World) -> None:
    create_mount(world.services(), request())
    world.fsx.add("/references/", "s3://refs/")
    world.fsx.add("/analysis_results/e/a/", "s3://results/", "FAILED", tags={"lsmc:purpose": "output-export"})
    world.fsx.add("/run_dir_mounts/", "s3://odd/")
    found = list_mounts(world.services(), TARGET)
    assert [record.mount_id for record in found.mounts] == ["RUN1", "run_dir_mounts"]
    assert found.slots_used == 4
    assert "4 of 8" in text(found)
    assert found.mounts[0].local_projection_status == "present"
    assert list_mounts(world.services(), TARGET, policy.Purpose.STAGING).mounts == ()


def test_one_mount_is_described_by_either_id(world: World) -> None:
    made = create_mount(world.services(), request())
    services = world.services()
    assert describe_mount(services, TARGET, mount_id="RUN1", association_id=None).association_id == made.association_id
    by_link = describe_mount(services, FileSystemTarget(None, FS), mount_id=None, association_id=made.association_id)
    assert (by_link.mount_id, by_link.cluster_name) == ("RUN1", CLUSTER)
    assert "RUN1 (run, ILMN)" in text(by_link)
    with pytest.raises(NotFound):
        describe_mount(services, TARGET, mount_id="RUN2", association_id=None)
    with pytest.raises(MissingInput):
        describe_mount(services, TARGET, mount_id=None, association_id=None)
