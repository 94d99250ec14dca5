"""File systems: life cycle, documents, deletion, tags."""

from __future__ import annotations

from typing import Any

import pytest

from daylily_ec.localcloud.fsx import errors
from tests.integration.localcloud_fsx.world import World

REQUEST: dict[str, Any] = {
    "FileSystemType": "LUSTRE",
    "StorageCapacity": 1200,
    "SubnetIds": ["subnet-1"],
    "LustreConfiguration": {"DeploymentType": "SCRATCH_2"},
}


def lifecycles(world: World) -> list[str]:
    return [found["Lifecycle"] for found in world.fsx.describe_file_systems()["FileSystems"]]


def test_it_is_created_becomes_available_and_goes_away_with_its_bytes(world: World) -> None:
    made = world.fsx.create_file_system(**REQUEST)
    world.step(0.1)
    assert lifecycles(world) == ["CREATING"]
    world.settle()
    assert lifecycles(world) == ["AVAILABLE"]
    root = world.root(made["FileSystemId"])
    (root / "kept").mkdir()
    (root / "kept" / "file").write_text("x")
    (root / "kept").chmod(0o500)
    assert world.wires.attached == set(made["NetworkInterfaceIds"])

    assert world.fsx.delete_file_system(made["FileSystemId"])["Lifecycle"] == "DELETING"
    world.step(0.1)
    assert lifecycles(world) == ["DELETING"]
    world.settle()
    assert lifecycles(world) == []
    assert not root.exists()
    assert world.wires.attached == set()


def test_the_document_says_what_a_mount_needs(world: World) -> None:
    made = world.fsx.create_file_system(**REQUEST, Tags=[{"Key": "a", "Value": "b"}])
    identity = made["FileSystemId"]
    assert made["DNSName"] == f"{identity}.fsx.us-west-2.amazonaws.com"
    assert made["ResourceARN"] == f"arn:aws:fsx:us-west-2:123456789012:file-system/{identity}"
    assert len(made["LustreConfiguration"]["MountName"]) == 8
    assert made["VpcId"] == "vpc-0123456789abcdef0"
    assert made["Tags"] == [{"Key": "a", "Value": "b"}]


def test_the_first_generation_is_mounted_as_fsx(world: World) -> None:
    made = world.fsx.create_file_system(**{**REQUEST, "LustreConfiguration": {}})
    assert made["LustreConfiguration"]["MountName"] == "fsx"
    assert made["LustreConfiguration"]["DeploymentType"] == "SCRATCH_1"


@pytest.mark.parametrize(
    ("kind", "capacity", "sold"),
    [
        ("SCRATCH_2", 1200, True),
        ("SCRATCH_2", 4800, True),
        ("SCRATCH_2", 3600, False),
        ("PERSISTENT_2", 2400, True),
        ("SCRATCH_1", 3600, True),
        ("SCRATCH_1", 4800, False),
        ("SCRATCH_2", 0, False),
    ],
)
def test_only_capacities_that_are_sold_exist(world: World, kind: str, capacity: int, sold: bool) -> None:
    request = {**REQUEST, "StorageCapacity": capacity, "LustreConfiguration": {"DeploymentType": kind}}
    if sold:
        assert world.fsx.create_file_system(**request)["StorageCapacity"] == capacity
        return
    with pytest.raises(errors.BadRequest):
        world.fsx.create_file_system(**request)


def test_a_token_stands_for_one_file_system(world: World) -> None:
    first = world.fsx.create_file_system(**REQUEST, ClientRequestToken="t")
    again = world.fsx.create_file_system(**REQUEST, ClientRequestToken="t")
    assert again["FileSystemId"] == first["FileSystemId"]
    with pytest.raises(errors.IncompatibleParameterError):
        world.fsx.create_file_system(**{**REQUEST, "StorageCapacity": 2400}, ClientRequestToken="t")
    assert len(lifecycles(world)) == 1


def test_an_unknown_file_system_is_not_found(world: World) -> None:
    with pytest.raises(errors.FileSystemNotFound):
        world.fsx.describe_file_systems(FileSystemIds=["fs-0123456789abcdef0"])
    with pytest.raises(errors.FileSystemNotFound):
        world.fsx.delete_file_system("fs-0123456789abcdef0")


def test_pages_show_every_file_system_once(world: World) -> None:
    made = [world.fsx.create_file_system(**REQUEST)["FileSystemId"] for _ in range(5)]
    seen: list[str] = []
    token: dict[str, str] = {}
    for _ in range(3):
        answer = world.fsx.describe_file_systems(MaxResults=2, **token)
        seen += [found["FileSystemId"] for found in answer["FileSystems"]]
        token = {key: answer[key] for key in ("NextToken",) if key in answer}
    assert seen == made
    assert not token
    with pytest.raises(errors.BadRequest):
        world.fsx.describe_file_systems(NextToken="bm9uc2Vuc2U=")


def test_settings_can_be_changed(world: World) -> None:
    identity = world.file_system()
    changed = world.fsx.update_file_system(
        FileSystemId=identity, StorageCapacity=2400, LustreConfiguration={"DataCompressionType": "LZ4"}
    )
    assert changed["StorageCapacity"] == 2400
    assert changed["LustreConfiguration"]["DataCompressionType"] == "LZ4"


@pytest.mark.parametrize("steps", [0, 3])
def test_deletion_is_refused_while_a_task_is_open(world: World, steps: int) -> None:
    identity = world.file_system()
    world.link(identity)
    world.start_export(identity, "/d/")
    for _ in range(steps):
        world.step()
    with pytest.raises(errors.BadRequest, match="pending or executing"):
        world.fsx.delete_file_system(identity)
    world.settle()
    world.fsx.delete_file_system(identity)
    world.settle()
    assert lifecycles(world) == []


def test_tags_are_added_replaced_and_removed(world: World) -> None:
    arn = world.fsx.create_file_system(**REQUEST, Tags=[{"Key": "a", "Value": "1"}])["ResourceARN"]
    world.fsx.tag(arn, {"a": "2", "b": "3"})
    assert world.fsx.tags(arn) == {"Tags": [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]}
    world.fsx.untag(arn, ["a", "never"])
    assert world.fsx.tags(arn) == {"Tags": [{"Key": "b", "Value": "3"}]}
    with pytest.raises(errors.ResourceNotFound):
        world.fsx.tags(arn + "0")


def test_a_link_of_the_first_generation_excludes_associations(world: World) -> None:
    identity = world.file_system(lustre={"ImportPath": "s3://data/p", "AutoImportPolicy": "NEW"})
    shown = world.fsx.describe_file_systems(FileSystemIds=[identity])["FileSystems"][0]["LustreConfiguration"]
    assert shown["DataRepositoryConfiguration"]["AutoImportPolicy"] == "NEW"
    assert shown["DataRepositoryConfiguration"]["ExportPath"] == "s3://data/p/FSxLustre20231114T221320Z"
    assert "ImportPath" not in shown
    with pytest.raises(errors.UnsupportedOperation):
        world.link(identity)


def test_closing_the_service_leaves_nothing(world: World) -> None:
    root = world.root(world.file_system())
    world.fsx.close()
    assert lifecycles(world) == []
    assert not root.exists()
