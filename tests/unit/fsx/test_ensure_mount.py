"""Creating and ensuring: what is adopted, what is told apart, what is left behind when it goes wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.aws.fsx import AssociationLifecycle
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AccessDenied, AwsError, DeadlinePassed, InvalidValue, Refused
from daylily_ec.fsx import policy
from daylily_ec.fsx.policy import Platform, Purpose
from daylily_ec.workflow.attach_mount import CreateMount, create_mount, ensure_mount
from daylily_ec.workflow.mounts import FileSystemTarget, list_mounts
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import CLUSTER, FS, REGION, FakeS3, Faults, Killed, World

TARGET = FileSystemTarget(CLUSTER)
TAGS = {"dyec:mount-id": "RUN1", "dyec:mount-run-id": "RUN1", "dyec:platform": "ILMN"}


@pytest.fixture
def world(clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return World(clock)


def request(name: str = "RUN1", run_id: str = "", platform: Platform = Platform.ILMN, **more: object) -> CreateMount:
    mount = policy.MountRequest(S3Prefix("runs", f"{name}/"), Purpose.RUN, MountId(name), MountId(run_id or name),
                                platform, policy.choose_path(Purpose.RUN, MountId(name), None))  # fmt: skip
    return CreateMount(TARGET, mount, **more)  # type: ignore[arg-type]


def note(tmp_path: Path, name: str = "RUN1", owner: str = CLUSTER) -> dict[str, object]:
    path = tmp_path / "daylily" / "run_mounts" / REGION / owner / f"{name}.json"
    found: dict[str, object] = json.loads(path.read_text())
    return found


@pytest.mark.weakness("M5")
def test_ensuring_again_changes_nothing_and_says_so(world: World) -> None:
    first, again = (ensure_mount(world.services(), request()) for _ in range(2))
    assert (first.outcome, again.outcome) == ("CREATED", "UNCHANGED")
    assert (again.association_id, again.warnings) == (first.association_id, ())
    assert len(world.fsx.created) == 1


@pytest.mark.weakness("M5")
def test_every_operator_reads_run_platform_cluster_and_creator_in_the_tags(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_mount(world.services(), request(run_id="R-7"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "somebody-else"))
    (found,) = list_mounts(world.services(), FileSystemTarget(None, FS)).mounts
    assert (found.run_id, found.platform, found.cluster_name, bool(found.created_by)) == ("R-7", "ILMN", CLUSTER, True)
    assert found.local_projection_status == "missing"


def test_an_adopted_association_gets_the_tags_that_it_lacks(world: World) -> None:
    link = world.fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", auto_import=("CHANGED", "NEW"),
                         tags={"lsmc:purpose": "run-dir-mount"})  # fmt: skip
    assert create_mount(world.services(), request()).outcome == "ADOPTED"
    assert world.fsx.links[link.id].tags == {"lsmc:purpose": "run-dir-mount"}
    made = ensure_mount(world.services(), request())
    assert (made.outcome, made.association_id, made.platform) == ("UPDATED", link.id, "ILMN")
    tags = world.fsx.links[link.id].tags
    assert tags.items() >= TAGS.items()
    assert "dyec:created-by" not in tags
    assert ensure_mount(world.services(), request()).outcome == "UNCHANGED"


def test_an_association_of_another_run_is_adopted_as_what_it_is(world: World) -> None:
    create_mount(world.services(), request(run_id="R-7"))
    made = ensure_mount(world.services(), request(run_id="R-8", platform=Platform.ONT))
    assert (made.outcome, made.run_id, made.platform) == ("ADOPTED", "R-7", "ILMN")
    assert "mount-run-id R-7, not R-8; platform ILMN, not ONT" in made.warnings[0]
    assert next(iter(world.fsx.links.values())).tags["dyec:mount-run-id"] == "R-7"


def test_a_conflict_names_the_association_its_places_and_the_way_out(world: World) -> None:
    create_mount(world.services(), request())
    other = request()
    clash = replace(other, mount=replace(other.mount, source=S3Prefix("runs", "RUN2/")))
    with pytest.raises(Refused, match=r"dra-\S+ \(AVAILABLE\) already links /fsx/run_dir_mounts/RUN1") as info:
        ensure_mount(world.services(), clash)
    assert info.value.code == "mount_conflict"
    assert info.value.hint


@pytest.mark.weakness("M5")
def test_eight_taken_slots_are_refused_with_who_takes_them(world: World) -> None:
    world.fsx.add("/references/", "s3://refs/")
    world.fsx.add("/analysis_results/ann/a1/", "s3://results/", tags={"lsmc:purpose": "output-export",
                                                                     "dyec:created-by": "bob"})  # fmt: skip
    world.fsx.add("/run_dir_mounts/OLD/", "s3://old/", "FAILED", tags={"dyec:created-by": "ann"})
    for number in range(5):
        world.fsx.add(f"/m{number}/", f"s3://bucket{number}/")
    with pytest.raises(Refused) as info:
        create_mount(world.services(), request())
    assert info.value.code == "no_free_slot"
    for told in ("ann/a1 (export by bob)", "OLD (run by ann, FAILED)", "references (startup)", "1 by FAILED ones"):
        assert told in info.value.message
    slots = info.value.details["slots"]
    assert isinstance(slots, list)
    assert len(slots) == 8
    assert "Delete the FAILED" in info.value.hint


def test_a_slot_that_is_becoming_free_is_waited_for(world: World) -> None:
    # The fake lets one of those that leave go at each look: the last one is still there when the turn has come.
    for number in range(10):
        world.fsx.add(f"/m{number}/", f"s3://bucket{number}/", "DELETING" if number < 3 else "AVAILABLE")
    assert create_mount(world.services(), request()).outcome == "CREATED"


@pytest.mark.weakness("M9")
def test_misconfigured_then_recovered_is_a_success(world: World) -> None:
    world.fsx.creating = ["CREATING", "MISCONFIGURED:no access to bucket runs", "MISCONFIGURED:no access", "AVAILABLE"]
    made = create_mount(world.services(), request())
    assert (made.lifecycle, made.reason) == ("AVAILABLE", "")


@pytest.mark.weakness("M9")
def test_a_timeout_names_the_reason_and_leaves_a_note(world: World, tmp_path: Path) -> None:
    world.fsx.creating = ["MISCONFIGURED:no access to bucket runs"]
    with pytest.raises(DeadlinePassed, match="no access to bucket runs"):
        create_mount(world.services(), request(timeout=60.0))
    assert note(tmp_path)["lifecycle"] == "MISCONFIGURED"
    world.fsx.links = {
        key: replace(one, lifecycle=AssociationLifecycle.AVAILABLE) for key, one in world.fsx.links.items()
    }
    assert ensure_mount(world.services(), request()).outcome == "UNCHANGED"


def test_failed_ends_at_once_with_the_reason_and_leaves_a_note(world: World, tmp_path: Path, clock: FakeClock) -> None:
    world.fsx.creating = ["CREATING", "FAILED:the directory is not empty"]
    with pytest.raises(AwsError, match="the directory is not empty") as info:
        create_mount(world.services(), request())
    assert info.value.code == "association_failed"
    assert clock.time < 30
    assert note(tmp_path)["association_id"] == next(iter(world.fsx.links))


def test_one_association_is_asked_for_at_a_time(world: World) -> None:
    create_mount(world.services(), request(wait=False))
    assert [one.lifecycle for one in world.fsx.links.values()] == ["CREATING"]
    create_mount(world.services(), request("RUN2", wait=False))
    states = [one.lifecycle for one in world.fsx.links.values()]
    assert states == ["AVAILABLE", "CREATING"]


def test_an_association_that_stays_in_the_making_is_named_when_time_is_up(world: World) -> None:
    world.fsx.creating = ["CREATING"] * 500
    first = create_mount(world.services(), request(wait=False))
    with pytest.raises(DeadlinePassed, match=f"{first.association_id} CREATING"):
        create_mount(world.services(), request("RUN2", timeout=60.0))


def test_killed_at_any_call_the_repetition_ends_with_one_association_and_a_note(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Faults()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "counting"))
    ensure_mount(World(clock).services(counting), request())
    assert len(counting.names) > 5
    for at in range(1, len(counting.names) + 1):
        for after in (False, True):
            monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / f"{at}{after}"))
            world = World(clock)
            with pytest.raises(Killed):
                ensure_mount(world.services(Faults(at, after=after)), request())
            made = ensure_mount(world.services(), request())
            assert len(world.fsx.links) == len(world.fsx.created) == 1
            assert note(tmp_path / f"{at}{after}")["association_id"] == made.association_id


def test_a_note_under_the_file_system_is_found_by_the_cluster(world: World) -> None:
    create_mount(world.services(), replace(request(), target=FileSystemTarget(None, FS)))
    (found,) = list_mounts(world.services(), TARGET).mounts
    assert found.local_projection_status == "present"


def test_a_damaged_or_stale_note_is_none(world: World, tmp_path: Path) -> None:
    create_mount(world.services(), request())
    path = tmp_path / "daylily" / "run_mounts" / REGION / CLUSTER / "RUN1.json"
    stored = json.loads(path.read_text())
    for text in (
        "",
        "{",
        "[]",
        json.dumps({**stored, "mount_id": 7}),
        json.dumps({**stored, "association_id": "dra-1"}),
    ):
        path.write_text(text)
        (found,) = list_mounts(world.services(), TARGET).mounts
        assert (found.local_projection_status, found.platform) == ("missing", "ILMN")


@pytest.mark.weakness("M5")
def test_odd_associations_never_break_the_list(world: World) -> None:
    odd = ["/run_dir_mounts/", "/run_dir_mounts/../x/", "/run_dir_mounts/a b\n/", "/", "/x" * 200 + "/"]
    for number, path in enumerate(odd):
        link = world.fsx.add(
            f"/odd{number}/", f"s3://bucket{number}/", tags={"dyec:cluster": "../..", "dyec:platform": "?"}
        )
        world.fsx.links[link.id] = replace(link, path=replace(link.path, value=path))
    hostile = world.fsx.add("/run_dir_mounts/OK/", "s3://ok1/", tags={"dyec:mount-id": "../../../etc/passwd"})
    found = list_mounts(world.services(), FileSystemTarget(None, FS))
    assert found.slots_used == len(found.slot_report) == 6
    assert hostile.id in {one.association_id for one in found.mounts}
    assert "../../../etc/passwd" in {one.mount_id for one in found.mounts}


def test_write_back_needs_both_flags_and_the_marker(world: World) -> None:
    wanted = request()
    exporting = replace(wanted.mount, auto_export=("NEW",))
    writing = replace(exporting, read_only=False)
    opened = replace(wanted.mount, read_only=False)
    for mount, admin, why in (
        (exporting, False, "needs --allow-writeback-admin"), (exporting, True, "--auto-export contradicts --read-only"),
        (writing, False, "needs --allow-writeback-admin"), (opened, False, "needs --allow-writeback-admin"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=why) as info:
            create_mount(world.services(), replace(wanted, mount=mount, allow_writeback_admin=admin))
        assert info.value.code == "writeback_refused"
    allowed = replace(wanted, mount=writing, allow_writeback_admin=True)
    with pytest.raises(Refused, match=r"no \.atlas_rw object"):
        create_mount(world.services(), allowed)
    world.s3.put("runs", ".atlas_rw", b"")
    with pytest.raises(Refused, match=r"no \.atlas_rw object"):  # the bucket's root permits nothing
        create_mount(world.services(), allowed)
    assert world.fsx.created == []
    world.s3.put("runs", "RUN1/.atlas_rw", b"")
    made = create_mount(world.services(), allowed)
    assert (made.read_only, made.auto_export_events) == (False, ("NEW",))
    assert made.warnings == ("Write-back permitted by s3://runs/RUN1/.atlas_rw.",)


def test_a_denied_look_at_the_marker_says_what_is_lacking(world: World) -> None:
    class Denying(FakeS3):
        def head(self, bucket: str, key: str) -> None:
            raise AccessDenied("s3:GetObject was denied")

    services = world.services()
    services.s3 = Denying()
    mount = replace(request().mount, read_only=False)
    with pytest.raises(AccessDenied) as info:
        create_mount(services, replace(request(), mount=mount, allow_writeback_admin=True))
    assert "s3:ListBucket" in info.value.hint


def test_a_tag_cannot_make_a_mount_look_like_an_export() -> None:
    with pytest.raises(InvalidValue, match="export"):
        policy.parse_tags(["lsmc:purpose=output-export"])
    with pytest.raises(InvalidValue, match="at most 40"):
        policy.parse_tags([f"k{number}=v" for number in range(41)])
