"""Associations: rules, queue, life cycle."""

from __future__ import annotations

import pytest

from daylily_ec.localcloud.fsx import errors
from tests.integration.localcloud_fsx.world import World


@pytest.fixture
def fs(world: World) -> str:
    return world.file_system()


def states(world: World) -> list[str]:
    return [found["Lifecycle"] for found in world.fsx.describe_associations()["Associations"]]


def test_requests_are_worked_on_one_at_a_time(world: World, fs: str) -> None:
    for name in ("a", "b"):
        world.fsx.create_association(
            FileSystemId=fs, FileSystemPath=f"/{name}/", DataRepositoryPath=f"s3://data/{name}/"
        )
    seen = [states(world)]
    for _ in range(10):
        world.step()
        if states(world) != seen[-1]:
            seen.append(states(world))
    assert seen == [["CREATING", "CREATING"], ["AVAILABLE", "CREATING"], ["AVAILABLE", "AVAILABLE"]]
    assert (world.root(fs) / "a").is_dir()


@pytest.mark.parametrize(
    ("path", "source", "overlaps"),
    [
        ("/x/y/", "s3://data/other/", True),
        ("/x/y/z/", "s3://data/other/", True),
        ("/x/", "s3://data/other/", True),
        ("/", "s3://data/other/", True),
        ("/x/yy/", "s3://data/other/", False),
        ("/q/", "s3://data/p/", True),
        ("/q/", "s3://data/p/deep/", True),
        ("/q/", "s3://data", True),
        ("/q/", "s3://data/pp/", False),
        ("/q/", "s3://elsewhere/p/", False),
    ],
)
def test_neither_paths_nor_prefixes_overlap(world: World, fs: str, path: str, source: str, overlaps: bool) -> None:
    world.link(fs, "/x/y/", "s3://data/p/")
    if overlaps:
        with pytest.raises(errors.BadRequest, match="overlaps"):
            world.link(fs, path, source)
    else:
        world.link(fs, path, source)


def test_there_are_eight_at_most_failed_ones_included(world: World, fs: str) -> None:
    (world.root(fs) / "m0").write_text("a file in the way")
    first = world.link(fs, "/m0/x/", "s3://data/0/")
    assert world.association(first)["Lifecycle"] == "FAILED"
    assert "Not a directory" in world.association(first)["FailureDetails"]["Message"]
    for number in range(1, 8):
        world.link(fs, f"/m{number}/", f"s3://data/{number}/")
    with pytest.raises(errors.ServiceLimitExceeded):
        world.link(fs, "/m8/", "s3://data/8/")
    world.fsx.delete_association(first)
    world.settle()
    world.link(fs, "/m8/", "s3://data/8/")


@pytest.mark.parametrize("path", ["relative/", "/a//b/", "/a/../b/", "/./"])
def test_the_path_is_absolute_and_plain(world: World, fs: str, path: str) -> None:
    with pytest.raises(errors.BadRequest):
        world.link(fs, path)


@pytest.mark.parametrize("source", ["data/p/", "s3://", "https://data/p/"])
def test_the_repository_is_a_bucket(world: World, fs: str, source: str) -> None:
    with pytest.raises(errors.BadRequest):
        world.link(fs, source=source)


def test_the_first_scratch_generation_has_none(world: World) -> None:
    with pytest.raises(errors.UnsupportedOperation):
        world.link(world.file_system("SCRATCH_1"))


def test_a_file_system_that_is_not_available_gets_none(world: World) -> None:
    request = {"FileSystemType": "LUSTRE", "StorageCapacity": 1200, "SubnetIds": ["subnet-1"]}
    made = world.fsx.create_file_system(**request, LustreConfiguration={"DeploymentType": "SCRATCH_2"})
    with pytest.raises(errors.BadRequest, match="CREATING"):
        world.link(made["FileSystemId"])
    with pytest.raises(errors.FileSystemNotFound):
        world.link("fs-0123456789abcdef0")


def test_a_token_stands_for_one_association_while_it_exists(world: World, fs: str) -> None:
    first = world.link(fs, ClientRequestToken="t")
    assert world.link(fs, ClientRequestToken="t") == first
    with pytest.raises(errors.IncompatibleParameterError):
        world.link(fs, "/other/", "s3://data/other/", ClientRequestToken="t")
    world.fsx.delete_association(first)
    world.settle()
    assert world.link(fs, ClientRequestToken="t") != first


def test_a_missing_bucket_is_a_misconfiguration_that_heals(world: World, fs: str) -> None:
    made = world.link(fs, source="s3://later/p/", BatchImportMetaDataOnCreate=True)
    shown = world.association(made)
    assert shown["Lifecycle"] == "MISCONFIGURED"
    assert "later" in shown["FailureDetails"]["Message"]
    world.buckets.put("later", "p/file", b"there now")
    world.settle()
    assert world.association(made)["Lifecycle"] == "AVAILABLE"
    assert "FailureDetails" not in world.association(made)
    assert (world.root(fs) / "d" / "file").read_bytes() == b"there now"


def test_a_bucket_can_get_lost_later(world: World, fs: str) -> None:
    made = world.link(fs)
    kept = world.buckets.content.pop("data")
    world.settle()
    assert world.association(made)["Lifecycle"] == "MISCONFIGURED"
    world.buckets.content["data"] = kept
    world.settle()
    assert world.association(made)["Lifecycle"] == "AVAILABLE"


def test_an_update_changes_the_policies(world: World, fs: str) -> None:
    made = world.link(fs)
    policy = {"AutoImportPolicy": {"Events": ["NEW"]}}
    assert world.fsx.update_association(AssociationId=made, S3=policy)["Lifecycle"] == "UPDATING"
    with pytest.raises(errors.BadRequest, match="UPDATING"):
        world.fsx.update_association(AssociationId=made, S3=policy)
    world.settle()
    assert world.association(made)["S3"] == policy
    world.buckets.put("data", "p/new", b"1")
    world.settle()
    assert (world.root(fs) / "d" / "new").exists()


@pytest.mark.parametrize("delete_data", [False, True])
def test_a_deletion_keeps_the_files_unless_told_otherwise(world: World, fs: str, delete_data: bool) -> None:
    world.buckets.put("data", "p/a/file", b"1")
    made = world.link(fs, BatchImportMetaDataOnCreate=True)
    (world.root(fs) / "beside").write_text("not linked")
    answer = world.fsx.delete_association(made, delete_data=delete_data)
    assert answer == {"AssociationId": made, "Lifecycle": "DELETING", "DeleteDataInFileSystem": delete_data}
    world.step(0.1)
    assert states(world) == ["DELETING"]
    world.settle()
    assert states(world) == []
    assert (world.root(fs) / "d" / "a" / "file").exists() is not delete_data
    assert (world.root(fs) / "d").exists() is not delete_data
    assert (world.root(fs) / "beside").exists()
    assert world.buckets.content["data"] == {"p/a/file": b"1"}


def test_an_unknown_association_is_not_found(world: World, fs: str) -> None:
    gone = "dra-0123456789abcdef0"
    for call in (world.association, world.fsx.delete_association):
        with pytest.raises(errors.DataRepositoryAssociationNotFound):
            call(gone)


def test_associations_are_filtered_and_paged(world: World, fs: str) -> None:
    other = world.file_system()
    mine = [world.link(fs, f"/{name}/", f"s3://data/{name}/") for name in "abc"]
    world.link(other)
    query = {"Filters": [{"Name": "file-system-id", "Values": [fs]}], "MaxResults": 2}
    first = world.fsx.describe_associations(**query)
    second = world.fsx.describe_associations(**query, NextToken=first["NextToken"])
    shown = [found["AssociationId"] for found in (*first["Associations"], *second["Associations"])]
    assert shown == mine
    assert "NextToken" not in second
    assert "NextToken" not in world.fsx.describe_associations(**{**query, "MaxResults": 3})
