"""Detaching: only what nobody uses, once, for good, and with a note of it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.fsx import Association, AssociationLifecycle, FileSystem
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, InvalidValue, MissingInput, NotFound, Refused
from daylily_ec.fsx import policy
from daylily_ec.fsx.policy import Platform, Purpose
from daylily_ec.workflow.attach_mount import CreateMount, create_mount
from daylily_ec.workflow.delete_mount import IN_USE_FLAG, UNKNOWN_FLAG, DeleteMount, delete_mount
from daylily_ec.workflow.mounts import FileSystemTarget, MountName, describe_mount, list_mounts
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, FS, REGION, FakeFsx, Faults, Killed, World

TARGET = FileSystemTarget(CLUSTER)


@pytest.fixture
def world(clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    made = World(clock)
    mount(made)
    return made


def mount(world: World, name: str = "RUN1") -> str:
    wanted = policy.MountRequest(S3Prefix("runs", f"{name}/"), Purpose.RUN, MountId(name), MountId(name),
                                 Platform.ILMN, policy.choose_path(Purpose.RUN, MountId(name), None))  # fmt: skip
    return create_mount(world.services(), CreateMount(TARGET, wanted)).association_id


def request(name: str = "RUN1", **more: object) -> DeleteMount:
    return DeleteMount(TARGET, MountName(name), **more)  # type: ignore[arg-type]


def note(tmp_path: Path, name: str = "RUN1") -> dict[str, object]:
    found: dict[str, object] = json.loads(
        (tmp_path / "daylily" / "run_mounts" / REGION / CLUSTER / f"{name}.json").read_text()
    )
    return found


def test_an_unused_mount_goes_and_the_note_says_so(world: World, tmp_path: Path) -> None:
    gone = delete_mount(world.services(), request())
    assert (gone.lifecycle, gone.outcome, gone.mount_id, world.fsx.links) == ("DELETED", "DELETED", "RUN1", {})
    assert (note(tmp_path)["lifecycle"], note(tmp_path)["association_id"]) == ("DELETED", gone.association_id)


@pytest.mark.weakness("M5")
def test_deleting_again_is_a_success_that_changes_nothing(world: World, tmp_path: Path) -> None:
    first = delete_mount(world.services(), request())
    written = note(tmp_path)
    again = delete_mount(world.services(), request())
    assert (again.lifecycle, again.outcome, again.association_id) == ("DELETED", "UNCHANGED", first.association_id)
    assert {**written, "outcome": ""} == {**note(tmp_path), "outcome": ""}
    assert len(world.fsx.deleted) == 1


def test_the_note_of_a_cluster_is_found_by_its_file_system(world: World) -> None:
    delete_mount(world.services(), request())
    world.fsx.system = FileSystem(
        FS, "LUSTRE", "AVAILABLE", "PERSISTENT_2", False, {"parallelcluster:cluster-name": CLUSTER}
    )
    again = delete_mount(world.services(), replace(request(), target=FileSystemTarget(None, FS)))
    assert again.outcome == "UNCHANGED"


def test_a_name_that_nobody_ever_knew_is_not_found(world: World) -> None:
    with pytest.raises(NotFound) as info:
        delete_mount(world.services(), request("RUN2"))
    assert info.value.code == "mount_not_found"
    with pytest.raises(NotFound):
        delete_mount(world.services(), request("../../x"))
    with pytest.raises(InvalidValue):
        MountName(None, "RUN1")
    for both in ((None, None), ("RUN1", "dra-0123456789abcdef0")):
        with pytest.raises(MissingInput):
            MountName(*both)


USES: tuple[list[str], ...] = ([], ["use session s1 (/fsx/analysis_results/ann/a1) runs and links into it"],
        ["use job 7 (RUNNING) names it", "use process 9 (sh) has x open"])  # fmt: skip
UNKNOWN: tuple[list[str], ...] = ([], ["unknown Slurm does not say which jobs wait or run"])


@pytest.mark.weakness("M5")
@pytest.mark.parametrize(("uses", "unknown"), product(USES, UNKNOWN))
@pytest.mark.parametrize(("in_use_ok", "unreachable_ok"), product((False, True), repeat=2))
def test_each_flag_acknowledges_exactly_one_fact(
    world: World, uses: list[str], unknown: list[str], in_use_ok: bool, unreachable_ok: bool
) -> None:
    world.node.users = [*uses, *unknown]
    wanted = request(in_use_ok=in_use_ok, node_unreachable_ok=unreachable_ok)
    closed = [flag for flag, fact, given in ((IN_USE_FLAG, uses, in_use_ok), (UNKNOWN_FLAG, unknown, unreachable_ok))
              if fact and not given]  # fmt: skip
    if not closed:
        assert delete_mount(world.services(), wanted).lifecycle == "DELETED"
        return
    with pytest.raises(Refused) as info:
        delete_mount(world.services(), wanted)
    assert [gate["flag"] for gate in info.value.details["gates"]] == closed  # type: ignore[attr-defined]
    assert info.value.code == ("mount_in_use" if IN_USE_FLAG in closed else "mount_use_unknown")
    assert all(line.partition(" ")[2] in info.value.message
               for line, flag in ((one, IN_USE_FLAG) for one in uses) if flag in closed)  # fmt: skip
    assert world.fsx.deleted == []


def test_a_node_that_cannot_be_asked_proves_nothing(world: World) -> None:
    view = world.clusters.view
    assert view is not None
    world.node.unreachable = "the agent is offline"
    refused(world, "the agent is offline")
    world.node.unreachable = ""
    world.clusters.view = replace(view, file_system_ids=("fs-0000000000000000a",))
    refused(world, "has not fs-0123456789abcdef0 mounted", FileSystemTarget(CLUSTER, FS))
    refused(world, "no cluster is known", FileSystemTarget(None, FS))
    world.fsx.system = FileSystem(
        FS, "LUSTRE", "AVAILABLE", "PERSISTENT_2", False, {"parallelcluster:cluster-name": CLUSTER}
    )
    world.clusters.view = None
    refused(world, "there is no cluster day-demo", FileSystemTarget(None, FS))
    world.node.users = ["gibberish"]
    world.clusters.view = ClusterView(CLUSTER, REGION, "CREATE_COMPLETE", "arn", "", head_node=view.head_node,
                                      file_system_ids=(FS,))  # fmt: skip
    refused(world, "is not understood")
    assert delete_mount(world.services(), request(node_unreachable_ok=True)).lifecycle == "DELETED"


def refused(world: World, why: str, target: FileSystemTarget = TARGET) -> None:
    with pytest.raises(Refused, match=why) as info:
        delete_mount(world.services(), replace(request(), target=target))
    assert info.value.code == "mount_use_unknown"
    assert world.fsx.deleted == []


@pytest.mark.parametrize("path", ["/control_data/", "/staging/", "/staging/staged_external_sequencing_data/"])
def test_roots_that_every_workflow_reads_are_not_detached(world: World, path: str) -> None:
    link = world.fsx.add(path, "s3://root1/")
    name = list_mounts(world.services(), TARGET).mounts
    assert link.id in {one.association_id for one in name}
    world.fsx.links[link.id] = replace(link, id="dra-0123456789abcdef0")
    wanted = DeleteMount(TARGET, MountName(None, "dra-0123456789abcdef0"), in_use_ok=True, node_unreachable_ok=True)
    with pytest.raises(Refused) as info:
        delete_mount(world.services(), wanted)
    assert info.value.code == "startup_mount"


@pytest.mark.weakness("M5")
def test_neither_exports_nor_references_are_mounts(world: World) -> None:
    tags = {"lsmc:purpose": "output-export", "dyec:mount-id": "RUN9"}
    for path in ("/analysis_results/ann/a1/", "/references/"):
        link = world.fsx.add(path, "s3://other/", tags=tags if path != "/references/" else {})
        name = MountName(None, link.id)
        with pytest.raises(Refused) as info:
            describe_mount(world.services(), TARGET, mount_id=None, association_id=link.id)
        assert info.value.code == "not_a_mount"
        with pytest.raises(Refused) as info:
            delete_mount(world.services(), DeleteMount(TARGET, name))
        assert info.value.code == "not_a_mount"
        world.fsx.links.pop(link.id)
    assert [one.mount_id for one in list_mounts(world.services(), TARGET).mounts] == ["RUN1"]
    with pytest.raises(NotFound):
        delete_mount(world.services(), request("a1"))


@pytest.mark.weakness("M9")
def test_a_deletion_that_fails_ends_the_wait_with_its_reason(world: World, clock: FakeClock) -> None:
    (link,) = world.fsx.links.values()
    end = replace(link, lifecycle=AssociationLifecycle.FAILED, reason="the bucket is gone")
    with pytest.raises(AwsError, match="the bucket is gone") as info:
        delete_mount(looking(world, [replace(link, lifecycle=AssociationLifecycle.DELETING), end]), request())
    assert info.value.code == "association_failed"
    assert clock.time < 60


def looking(world: World, states: list[Association]) -> Services:
    """Services whose FSx shows these states of the association one after the other, and then that it is gone."""

    class Moving(FakeFsx):
        def association(self, association_id: str) -> Association | None:
            return states.pop(0) if states else None

    moving = Moving(world.s3, world.tree)
    moving.links = world.fsx.links
    services = world.services()
    services.fsx = moving
    return services


def test_a_failed_association_gives_its_slot_back(world: World) -> None:
    link = world.fsx.add("/run_dir_mounts/BAD/", "s3://bad/", "FAILED", reason="bad")
    leaving = replace(link, lifecycle=AssociationLifecycle.DELETING)
    assert delete_mount(looking(world, [link, link, leaving]), request("BAD")).lifecycle == "DELETED"


def test_one_that_is_leaving_is_waited_for_without_asking_the_node(world: World) -> None:
    (link,) = world.fsx.links
    world.node.users = ["use session s1 runs and links into it"]
    world.fsx.links[link] = replace(world.fsx.links[link], lifecycle=AssociationLifecycle.DELETING)
    leaving = world.fsx.links[link]

    class Leaving(FakeFsx):
        def associations(self, file_system_id: str) -> tuple[Association, ...]:
            return (leaving,)

    services = world.services()
    services.fsx = Leaving(world.s3, world.tree)
    assert delete_mount(services, request()).lifecycle == "DELETED"


def test_without_waiting_it_is_said_to_be_leaving(world: World, tmp_path: Path) -> None:
    assert delete_mount(world.services(), request(wait=False)).lifecycle == "DELETING"
    assert note(tmp_path)["lifecycle"] == "DELETING"
    gone = delete_mount(world.services(), request())
    assert (gone.lifecycle, note(tmp_path)["lifecycle"]) == ("DELETED", "DELETED")


def test_what_links_into_it_and_what_is_no_longer_written_is_said(world: World) -> None:
    (link,) = world.fsx.links
    world.fsx.links[link] = replace(world.fsx.links[link], auto_export=("NEW",))
    world.node.users = ["link /fsx/analysis_results/ann/a1"]
    first, second = delete_mount(world.services(), request()).warnings
    assert first.startswith("/fsx/analysis_results/ann/a1 links into it")
    assert "not written to s3://runs/RUN1/" in second


def test_mounting_another_prefix_at_the_same_place_is_warned_of(world: World) -> None:
    delete_mount(world.services(), request())
    wanted = policy.MountRequest(S3Prefix("runs", "OTHER/"), Purpose.RUN, MountId("RUN1"), MountId("RUN1"),
                                 Platform.ILMN, policy.choose_path(Purpose.RUN, MountId("RUN1"), None))  # fmt: skip
    made = create_mount(world.services(), CreateMount(TARGET, wanted))
    assert "showed s3://runs/RUN1/ before" in made.warnings[0]


def test_killed_at_any_call_the_repetition_ends_with_none_and_a_note(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fresh(folder: str) -> World:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / folder))
        made = World(clock)
        mount(made)
        return made

    counting = Faults()
    delete_mount(fresh("counting").services(counting), request())
    assert len(counting.names) >= 5
    for at in range(1, len(counting.names) + 1):
        for after in (False, True):
            world = fresh(f"{at}{after}")
            with pytest.raises(Killed):
                delete_mount(world.services(Faults(at, after=after)), request())
            assert delete_mount(world.services(), request()).lifecycle == "DELETED"
            assert (world.fsx.links, len(world.fsx.deleted)) == ({}, 1)
            assert note(tmp_path / f"{at}{after}")["lifecycle"] == "DELETED"
