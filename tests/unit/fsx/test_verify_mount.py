"""Verifying: what S3 has must be there, readable, and a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import daylily_ec.cli.mounts  # noqa: F401  (registers its views)
from daylily_ec.aws.fsx import AssociationLifecycle
from daylily_ec.aws.s3 import ObjectInfo
from daylily_ec.cli.render import text
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, DeadlinePassed, InvalidValue, NotFound, ValidationError
from daylily_ec.fsx import settling
from daylily_ec.fsx.content import MARKERS, judge
from daylily_ec.fsx.policy import Platform
from daylily_ec.util.jsonio import plain
from daylily_ec.workflow.mounts import MountName
from daylily_ec.workflow.verify_mount import VerifyMount, verify_mount
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, World

ILMN = ["RunInfo.xml", "RunParameters.xml", "InterOp/TileMetricsOut.bin", "Data/Intensities/BaseCalls/L001/C1.1/a.cbcl"]
RUNS = {
    Platform.ILMN: ILMN,
    Platform.ONT: ["e/s/r/final_summary_F.txt", "e/s/r/sequencing_summary_F.txt", "e/s/r/pod5_pass/a.pod5",
                   "e/s/r/report_F.html"],
    Platform.ULTIMA: ["405-S1-Z1.cram", "405-S1-Z1.metrics.csv", "405_LibraryInfo.xml"],
    Platform.PACBIO: ["1_A01/pb_formats/m1.hifi_reads.consensusreadset.xml", "1_A01/hifi_reads/m1.hifi_reads.bam",
                      "1_A01/metadata/m1.metadata.xml"],
    Platform.STAGING: ["x_samples.tsv", "x_units.tsv"],
    Platform.OTHER: ["anything"],
}  # fmt: skip


@pytest.fixture
def world(clock: FakeClock) -> World:
    made = World(clock)
    put(made, ILMN)
    made.node.shown = [ILMN]
    made.fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", batch_import=True, tags={"dyec:platform": "ILMN"})
    return made


def put(world: World, names: list[str]) -> None:
    world.s3.data = {("runs", f"RUN1/{name}"): b"x" for name in names}


def request(**more: object) -> VerifyMount:
    return VerifyMount(CLUSTER, MountName("RUN1"), **more)  # type: ignore[arg-type]


def test_a_whole_run_is_verified_and_the_document_is_the_record_with_the_facts(world: World) -> None:
    found = verify_mount(world.services(), request())
    document = plain(found)
    assert (document["verified"], document["mount_id"], document["lifecycle"]) == (True, "RUN1", "AVAILABLE")
    facts = document["verification"]
    assert (facts["path"], facts["usable"], facts["files"], facts["s3_objects"]) == (
        "/fsx/run_dir_mounts/RUN1",
        True,
        4,
        4,
    )
    assert (facts["instance_id"], facts["missing"], facts["found"]["RunInfo.xml"]) == ("i-0123", [], "RunInfo.xml")
    assert "4 files of S3, all of them there (ILMN)" in text(found)


@pytest.mark.parametrize("platform", list(RUNS))
def test_every_platform_has_what_it_must_hold_and_names_what_lacks(world: World, platform: Platform) -> None:
    put(world, RUNS[platform])
    world.node.shown = [RUNS[platform]]
    assert verify_mount(world.services(), request(platform=platform)).verification.missing == ()
    for marker in MARKERS[platform]:
        rest = [name for name in RUNS[platform] if not marker.pattern.fullmatch(name)] or ["zzz/"]
        put(world, rest)
        world.node.shown = [[name for name in rest if not name.endswith("/")]]
        if marker.advised:
            found = verify_mount(world.services(), request(platform=platform))
            assert marker.name in found.warnings[-1]
            continue
        with pytest.raises(ValidationError) as info:
            verify_mount(world.services(), request(platform=platform))
        assert info.value.code == "mount_incomplete"
        assert marker.name in info.value.message


@pytest.mark.weakness("M5")
def test_an_empty_directory_is_no_run(world: World) -> None:
    put(world, [])
    world.node.shown = [[]]
    with pytest.raises(ValidationError, match=r"it lacks RunInfo\.xml, RunParameters\.xml, InterOp"):
        verify_mount(world.services(), request())


@pytest.mark.weakness("M5")
def test_an_import_that_goes_on_is_waited_for(world: World, clock: FakeClock) -> None:
    world.node.shown = [[], ILMN[:1], ILMN[:3], ILMN]
    assert verify_mount(world.services(), request()).verification.usable
    assert clock.time > 2


def test_an_import_that_does_not_come_is_named_file_by_file(world: World, clock: FakeClock) -> None:
    world.node.shown = [ILMN[:3]]
    with pytest.raises(ValidationError, match="1 of 4 files of S3 are not there, such as Data/Intensities") as info:
        verify_mount(world.services(), request(timeout=120.0))
    assert clock.time >= 120
    facts = info.value.details["verification"]
    assert isinstance(facts, dict)
    assert (facts["not_imported"], facts["not_imported_count"]) == ([ILMN[3]], 1)
    assert facts["missing"] == []


def test_other_names_in_the_same_number_are_no_import(world: World) -> None:
    world.node.shown = [[*ILMN[:3], "local.txt"]]
    with pytest.raises(ValidationError, match="not there, such as Data"):
        verify_mount(world.services(), request(timeout=30.0))


def test_files_that_s3_does_not_have_are_told_and_no_obstacle(world: World, clock: FakeClock) -> None:
    world.node.shown = [[*ILMN, "of/an/earlier/mount", "b"]]
    found = verify_mount(world.services(), request())
    assert (found.verification.extra_files, clock.time) == (2, 0)
    assert "2 files that s3://runs/RUN1/ does not have" in found.warnings[0]


def test_a_file_that_cannot_be_read_is_named(world: World) -> None:
    world.node.unreadable = {"RunInfo.xml": "Input/output error"}
    with pytest.raises(ValidationError, match=r"RunInfo\.xml cannot be read: Input/output error"):
        verify_mount(world.services(), request())


def test_an_association_must_be_available(world: World) -> None:
    (link,) = world.fsx.links
    world.fsx._pending[link] = ["MISCONFIGURED:no access"] * 3
    world.fsx.links[link] = replace(world.fsx.links[link], lifecycle=AssociationLifecycle.MISCONFIGURED)
    with pytest.raises(DeadlinePassed, match="no access"):
        verify_mount(world.services(), request(timeout=10.0))
    world.fsx._pending[link] = ["AVAILABLE"]
    assert verify_mount(world.services(), request()).record.lifecycle == "AVAILABLE"
    world.fsx._pending[link] = ["FAILED:gone"]
    with pytest.raises(AwsError, match="gone"):
        verify_mount(world.services(), request())


def test_a_directory_that_never_appears_and_a_mount_that_is_none(world: World) -> None:
    world.node.missing = True
    with pytest.raises(DeadlinePassed, match="no directory"):
        verify_mount(world.services(), request(timeout=20.0))
    with pytest.raises(NotFound):
        verify_mount(world.services(), replace(request(), name=MountName("RUN2")))


def test_the_node_of_another_file_system_proves_nothing(world: World) -> None:
    with pytest.raises(InvalidValue, match="is not mounted by day-demo"):
        verify_mount(world.services(), request(file_system_id="fs-0000000000000000a"))


def test_a_mount_that_never_listed_what_was_there_is_told_so(world: World) -> None:
    (link,) = world.fsx.links
    world.fsx.links[link] = replace(world.fsx.links[link], batch_import=False)
    world.node.shown = [[]]
    with pytest.raises(ValidationError) as info:
        verify_mount(world.services(), request(timeout=5.0))
    assert "--no-batch-import-metadata-on-create" in info.value.hint


def test_keys_that_are_no_paths_are_told_apart(world: World) -> None:
    put(world, [*ILMN, "a//b", "x/../y", "RunInfo.xml/below", "dir/", "n" * 256])
    world.node.shown = [["RunInfo.xml/below", *ILMN[1:]]]
    found = settling.expected(S3Prefix("runs", "RUN1/"), world.s3.objects(S3Prefix("runs", "RUN1/")))
    assert found.not_importable == ("RunInfo.xml", "a//b", "n" * 256, "x/../y")
    assert set(found.files) == {*ILMN[1:], "RunInfo.xml/below"}


NAMES = st.lists(st.text(min_size=1, max_size=12), max_size=12, unique=True)


@given(NAMES)
def test_what_is_expected_and_what_is_not_importable_are_all_keys_that_are_no_directories(names: list[str]) -> None:
    names = [name for name in names if name.isprintable()]
    wanted = settling.expected(S3Prefix("b", "p/"), [ObjectInfo(f"p/{name}", 1) for name in names])
    assert sorted([*wanted.files, *wanted.not_importable]) == sorted(name for name in names if not name.endswith("/"))
    for path in wanted.files:
        parts = path.split("/")
        assert all(part not in ("", ".", "..") for part in parts)
        assert not any(other.startswith(f"{path}/") for other in names)


def test_of_a_marker_s_files_the_smallest_is_read() -> None:
    found = judge(Platform.OTHER, [("big", 10**12), ("small", 3), ("middle", 50)])
    assert dict(found.found) == {"any file": "small"}


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
