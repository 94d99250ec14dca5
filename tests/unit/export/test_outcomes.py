"""Every way in which an export can end: an export counts only when the task SUCCEEDED and S3 equals the manifest."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.aws.fsx import Association, AssociationSpec, Task
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import (
    AccessDenied,
    AwsError,
    CredentialsExpired,
    DeadlinePassed,
    DyecError,
    ExportFailed,
    Refused,
    Unreachable,
    ValidationError,
)
from daylily_ec.fsx.manifest_remote import load_manifest
from daylily_ec.fsx.obstacles import Obstacle, Why
from daylily_ec.fsx.receipts import read_beside
from daylily_ec.fsx.verification import Mode
from tests.conftest import FakeClock
from tests.unit.export.scene import BUCKET, PREFIX, RECEIPT, TARGET, analysis, export, receipt, verify
from tests.unit.fsx.fakes import Faults, Killed, World

DESTINATION = S3Prefix.parse(TARGET)
OUT = f"{PREFIX}daylily-omics-analysis/out.vcf"


@pytest.fixture
def world(clock: FakeClock) -> World:
    return analysis(clock)


def after_task(world: World, then: Callable[[], object]) -> None:
    """Something happens between the end of the task and the comparison."""
    original = world.fsx.export

    def exported(task: Task) -> None:
        original(task)
        then()

    world.fsx.export = exported  # type: ignore[method-assign]


def test_a_failed_task_tells_the_files_of_its_report(world: World, tmp_path: Path) -> None:
    world.fsx.running, world.fsx.failed_count = ["EXECUTING", "FAILED"], 1
    original = world.fsx._advance

    def reported(task_id: str, state: str) -> None:
        original(task_id, state)
        key = world.fsx.jobs[task_id].report.removeprefix(f"s3://{BUCKET}/") + f"{task_id}/failures.csv"
        world.s3.put(BUCKET, key, b"analysis_results/ubuntu/a1/out.vcf,failed,S3AccessDenied\n")
        world.fsx.jobs[task_id] = replace(world.fsx.jobs[task_id], reason="1 of 4 files failed.")

    world.fsx._advance = reported  # type: ignore[method-assign]
    with pytest.raises(ExportFailed, match=r"out\.vcf \(S3AccessDenied\)") as error:
        export(world, tmp_path)
    assert error.value.exit_code == 2
    found = receipt(tmp_path)
    assert (found["status"], found["task_lifecycle"], found["detached"]) == ("error", "FAILED", True)
    assert found["failure_details"]["task_failure_details"]["files"] == [
        {"path": "analysis_results/ubuntu/a1/out.vcf", "code": "S3AccessDenied"}]  # fmt: skip


@pytest.mark.weakness("H5")
@pytest.mark.parametrize("mode", [Mode.CHECKSUM, Mode.FULL])
def test_an_object_changed_between_export_and_comparison_is_no_success(
    world: World, tmp_path: Path, mode: Mode
) -> None:
    after_task(world, lambda: world.s3.put(BUCKET, OUT, b"VARIANTS"))
    with pytest.raises(ExportFailed, match=r"out\.vcf \(content\)"):
        export(world, tmp_path, verify=mode)
    found = receipt(tmp_path)
    assert (found["status"], found["phase"], found["verification"]["mismatches"]) == ("error", "verify", 1)


def test_an_object_removed_between_export_and_comparison_is_no_success(world: World, tmp_path: Path) -> None:
    after_task(world, lambda: world.s3.delete(BUCKET, OUT))
    with pytest.raises(ExportFailed, match=r"out\.vcf \(missing\)"):
        export(world, tmp_path)


def test_a_misconfigured_association_is_waited_for_until_it_recovers(world: World, tmp_path: Path) -> None:
    world.fsx.creating = ["CREATING", "MISCONFIGURED:no permission", "MISCONFIGURED:no permission", "AVAILABLE"]
    assert export(world, tmp_path)["status"] == "success"
    world.fsx.creating = ["CREATING", "MISCONFIGURED:no permission"]
    with pytest.raises(DeadlinePassed, match="no permission"):
        export(world, tmp_path / "2", target="s3://results/second/ubuntu/a1/")
    assert (len(world.fsx.links), receipt(tmp_path / "2")["phase"]) == (1, "attach")


def test_a_file_written_while_it_was_hashed_closes_the_way_before_anything_starts(world: World, tmp_path: Path) -> None:
    world.node.obstacles = [Obstacle(Why.BEING_WRITTEN, "out.vcf", "it changed while it was read")]
    with pytest.raises(ValidationError) as error:
        export(world, tmp_path)
    assert error.value.code == "being_written"
    assert (receipt(tmp_path)["status"], world.fsx.created) == ("error", [])
    world.node.obstacles = []
    assert export(world, tmp_path)["status"] == "success"


def fill(world: World, exports: int) -> list[str]:
    """All eight slots, some by exports."""
    ids = []
    for number in range(8):
        tags = {"lsmc:purpose": "output-export", "Name": f"x/e{number}"} if number < exports else {}
        root = "analysis_results/x/e" if number < exports else "run_dir_mounts/R"
        ids.append(world.fsx.add(f"/{root}{number}/", f"s3://other/{number}/", tags=tags).id)
    return ids


def test_an_export_waits_for_a_slot_that_another_export_holds(world: World, tmp_path: Path) -> None:
    ids = fill(world, 2)
    looks = 0
    original = world.fsx.associations

    def looked(file_system_id: str) -> Any:
        nonlocal looks
        looks += 1
        if looks == 5:
            del world.fsx.links[ids[0]]
        return original(file_system_id)

    world.fsx.associations = looked  # type: ignore[method-assign]
    assert export(world, tmp_path)["status"] == "success"
    assert looks > 5


def test_a_queue_that_does_not_move_ends_with_the_names_of_those_before(world: World, tmp_path: Path) -> None:
    fill(world, 2)
    with pytest.raises(DeadlinePassed, match="x/e0, x/e1"):
        export(world, tmp_path, timeout=300)
    assert (receipt(tmp_path)["status"], world.fsx.created) == ("error", [])


@pytest.mark.parametrize("where", ["in the list", "in FSx's answer"])
def test_an_export_that_loses_the_last_free_slot_goes_on_waiting(world: World, tmp_path: Path, where: str) -> None:
    last = world.fsx.links.pop(fill(world, 2)[7])
    create, associations, looks = world.fsx.create_association, world.fsx.associations, 0

    def created(spec: AssociationSpec, token: str) -> Association:
        if looks < 6:
            world.fsx.links[last.id] = last
            raise AwsError("limit", details={"aws_code": "ServiceLimitExceeded"})
        return create(spec, token)

    def looked(file_system_id: str) -> Any:
        nonlocal looks
        looks += 1
        if looks == 2 and where == "in the list":
            world.fsx.links[last.id] = last
        if looks == 6:
            world.fsx.links.pop(last.id)
        return associations(file_system_id)

    world.fsx.associations = looked  # type: ignore[method-assign]
    world.fsx.create_association = created  # type: ignore[method-assign]
    assert export(world, tmp_path)["status"] == "success"
    assert looks > 6


def test_mounts_in_all_slots_are_not_waited_for(world: World, tmp_path: Path) -> None:
    fill(world, 0)
    with pytest.raises(Refused, match="all 8 association slots"):
        export(world, tmp_path)


def test_a_failed_association_of_an_earlier_run_is_removed_and_made_anew(world: World, tmp_path: Path) -> None:
    fill(world, 1)
    del world.fsx.links[next(reversed(world.fsx.links))]
    world.fsx.creating = ["CREATING", "FAILED:no permission"]
    with pytest.raises(AwsError, match="no permission"):
        export(world, tmp_path)
    failed = receipt(tmp_path)["association_id"]
    world.fsx.creating = ["AVAILABLE"]
    found = export(world, tmp_path)
    assert (found["status"], len(world.fsx.created)) == ("success", 2)
    assert world.fsx.deleted == [failed, found["association_id"]]


def foreign(world: World, **changes: Any) -> None:
    """Another cluster's export of a directory of the same name claims the destination."""
    document = {
        "schema_version": 4, "status": "started", "phase": "preflight", "dyec_run_id": "ff", "cluster_name": "other",
        "region": "us-west-2", "source_path": "/analysis_results/ubuntu/a1/", "destination_s3_uri": TARGET,
        "started_at": "2026-01-01T00:00:00Z", "fsx_file_system_id": "fs-00000000000000001", "failure_details": {},
    }  # fmt: skip
    world.s3.put(BUCKET, RECEIPT, (json.dumps({"fsx_export": {**document, **changes}}) + "\n").encode())


def test_a_destination_that_another_cluster_s_export_has_claimed_is_left_to_it(world: World, tmp_path: Path) -> None:
    foreign(world)
    before = dict(world.s3.data)
    with pytest.raises(Refused) as error:
        export(world, tmp_path)
    assert (error.value.code, f"s3://{BUCKET}/{RECEIPT}" in error.value.hint) == ("destination_claimed", True)
    assert (world.s3.data, world.fsx.created) == (before, [])


@pytest.mark.parametrize("during", ["inventory", "tasks"])
def test_data_that_arrived_after_the_claim_is_not_written_over(world: World, tmp_path: Path, during: str) -> None:
    """Hashing takes hours: somebody may export there meanwhile, and delete what it was exported from."""
    holder = world.node if during == "inventory" else world.fsx
    original = getattr(holder, during)

    def looked(*given: Any) -> Any:
        world.s3.put(BUCKET, OUT, b"THEIRS")
        return original(*given)

    setattr(holder, during, looked)
    with pytest.raises(Refused) as error:
        export(world, tmp_path)
    assert (error.value.code, world.fsx.started) == ("destination_not_empty", [])
    assert world.s3.data[BUCKET, OUT] == b"THEIRS"


def test_a_receipt_replaced_at_the_very_moment_of_the_announcement_is_not_written_over(
    world: World, tmp_path: Path
) -> None:
    original = world.s3.put_if_match

    def outrun(bucket: str, key: str, body: bytes, etag: str) -> bool:
        if key == RECEIPT:
            foreign(world)
        return original(bucket, key, body, etag)

    world.s3.put_if_match = outrun  # type: ignore[method-assign]
    with pytest.raises(Refused) as error:
        export(world, tmp_path)
    assert (error.value.code, world.fsx.started) == ("destination_claimed", [])


def test_an_announcement_whose_answer_was_lost_is_gone_on_with(world: World, tmp_path: Path) -> None:
    original, once = world.s3.put_if_match, iter([True])

    def lost(bucket: str, key: str, body: bytes, etag: str) -> bool:
        return original(bucket, key, body, etag) and not (key == RECEIPT and next(once, False))

    world.s3.put_if_match = lost  # type: ignore[method-assign]
    found = export(world, tmp_path)
    assert (found["status"], found["attempts"], len(world.fsx.started)) == ("success", 1, 1)


@pytest.mark.parametrize("error", [CredentialsExpired("expired"), AccessDenied("denied"), Unreachable("away")])
def test_what_ends_the_wait_but_not_the_task_is_no_end_of_the_export(
    world: World, clock: FakeClock, tmp_path: Path, error: AwsError
) -> None:
    counting = Faults()
    export(analysis(clock), tmp_path / "count", counting)
    with pytest.raises(type(error)):
        export(world, tmp_path, Faults(counting.names.index("task") + 1, error=error))
    found = receipt(tmp_path)
    assert (found["status"], found["phase"], found["detached"]) == ("started", "run", False)
    assert found["failure_details"]["message"] == error.message
    assert (export(world, tmp_path)["status"], len(world.fsx.started)) == ("success", 1)


def test_a_task_that_fsx_does_not_know_any_more_is_the_end(world: World, tmp_path: Path) -> None:
    task, world.fsx.task = world.fsx.task, lambda task_id: None  # type: ignore[method-assign]
    with pytest.raises(ExportFailed, match="does not know"):
        export(world, tmp_path)
    assert receipt(tmp_path)["status"] == "error"
    world.fsx.task = task  # type: ignore[method-assign]
    assert export(world, tmp_path)["status"] == "success"


def test_two_exports_of_one_directory_to_one_place_share_association_task_and_receipt(
    world: World, tmp_path: Path
) -> None:
    first = export(world, tmp_path / "one", wait=False)
    second = export(world, tmp_path / "two")
    third = export(world, tmp_path / "one")
    assert {one["dyec_run_id"] for one in (first, second, third)} == {first["dyec_run_id"]}
    assert (second["status"], third["status"], third["outcome"]) == ("success", "success", "UNCHANGED")
    assert (len(world.fsx.started), len(world.fsx.created)) == (1, 1)
    assert verify(world, tmp_path / "two").verification["mismatches"] == 0


def test_an_older_receipt_of_this_machine_replaces_no_proof_beside_the_data(
    world: World, clock: FakeClock, tmp_path: Path
) -> None:
    """Wherever the repetition dies; it may have noted a failure here that is younger than the proof."""
    export(world, tmp_path / "a", wait=False)
    export(world, tmp_path / "b", verify=Mode.FULL)
    world.node.unreachable = "gone"
    clock.sleep(60)
    with pytest.raises(DyecError, match="gone"):
        export(world, tmp_path / "a")
    world.node.unreachable = ""
    local = (tmp_path / "a/fsx_export.yaml").read_text()
    counting = Faults()
    shutil.copytree(tmp_path / "a", tmp_path / "count")
    again = export(world, tmp_path / "count", counting)
    assert (again["outcome"], again["verification"]["mode"]) == ("UNCHANGED", "full")
    for at in range(1, len(counting.names) + 1):
        (tmp_path / "a/fsx_export.yaml").write_text(local)
        with pytest.raises(Killed):
            export(world, tmp_path / "a", Faults(at))
        beside = json.loads(world.s3.data[BUCKET, RECEIPT])["fsx_export"]
        assert (beside["status"], beside["verification"]["mode"]) == ("success", "full"), counting.names[at - 1]
    assert (len(world.fsx.created), len(world.fsx.started)) == (1, 1)


def test_the_stronger_of_two_proofs_stays(world: World, clock: FakeClock, tmp_path: Path) -> None:
    export(world, tmp_path / "a")
    weaker = world.s3.data[BUCKET, RECEIPT]
    export(world, tmp_path / "b", verify=Mode.FULL)
    clock.sleep(60)
    assert export(world, tmp_path / "a")["verification"]["mode"] == "full"
    world.s3.data[BUCKET, RECEIPT] = weaker
    assert export(world, tmp_path / "a")["verification"]["mode"] == "full", "that of this machine did not arrive there"


def test_of_two_first_exports_the_slower_goes_on_with_the_quicker_one_s(world: World, tmp_path: Path) -> None:
    original = world.s3.put_if_absent

    def slower(bucket: str, key: str, body: bytes) -> bool:
        if key.endswith("fsx_export.yaml"):
            world.s3.put_if_absent = original  # type: ignore[method-assign]
            export(world, tmp_path / "quicker", wait=False)
        return original(bucket, key, body)

    world.s3.put_if_absent = slower  # type: ignore[method-assign]
    found = export(world, tmp_path / "slower")
    assert found["dyec_run_id"] == receipt(tmp_path / "quicker")["dyec_run_id"]
    assert (found["status"], len(world.fsx.started), len(world.fsx.created)) == ("success", 1, 1)


def test_an_attempt_that_somebody_else_announced_meanwhile_is_gone_on_with(world: World, tmp_path: Path) -> None:
    """Both claimed the destination and hashed; then one has announced the attempt before the other looks."""
    original = world.fsx.tasks
    once = iter([True])

    def late(file_system_id: str) -> Any:
        seen = original(file_system_id)
        if next(once, False):
            export(world, tmp_path / "quicker", wait=False)
        return seen

    world.fsx.tasks = late  # type: ignore[method-assign]
    found = export(world, tmp_path / "slower")
    theirs = receipt(tmp_path / "quicker")
    assert (found["inventory"], found["report_path"]) == (theirs["inventory"], theirs["report_path"])
    assert (found["status"], found["attempts"], len(world.fsx.started)) == ("success", 1, 1)


def test_an_attempt_of_another_listing_that_somebody_else_announced_keeps_its_number(
    world: World, tmp_path: Path
) -> None:
    original = world.fsx.tasks
    once = iter([True])

    def late(file_system_id: str) -> Any:
        seen = original(file_system_id)
        if next(once, False):
            world.tree.write("daylily-omics-analysis/more", b"1")
            export(world, tmp_path / "quicker", wait=False)
        return seen

    world.fsx.tasks = late  # type: ignore[method-assign]
    started = export(world, tmp_path / "slower", wait=False)
    assert (receipt(tmp_path / "quicker")["attempts"], started["attempts"]) == (1, 2)
    assert len({report for _, report in world.fsx.started}) == 2


def test_the_manifest_that_the_receipt_beside_the_data_names_is_always_there(world: World, tmp_path: Path) -> None:
    """Also when another operator's run dies between its manifest and its receipt."""
    export(world, tmp_path / "a")
    world.tree.write("daylily-omics-analysis/more", b"1")
    seen = set()
    for at in itertools.count(1):
        counting = Faults(at)
        with contextlib.suppress(Killed):
            export(world, tmp_path / "b", counting)
        beside, _ = read_beside(world.s3, DESTINATION)
        assert beside is not None
        digest = str(beside.inventory["manifest_sha256"])
        assert load_manifest(world.s3, DESTINATION, digest).sha256 == digest, counting.names[-1]
        seen.add(digest)
        if len(counting.names) < at:
            break
    assert len(seen) == 2


def test_two_who_announce_the_same_attempt_at_once_start_one_task(world: World, tmp_path: Path) -> None:
    """Both have read the same receipt; the slower one's request differs from the other's in its tags."""
    original = world.fsx.start_export

    def raced(*given: Any, **named: Any) -> Task:
        if not world.fsx.started:
            original(*given, **{**named, "token": "of-the-other"})
            raise AwsError("token", details={"aws_code": "IncompatibleParameterError"})
        return original(*given, **named)

    world.fsx.start_export = raced  # type: ignore[method-assign]
    assert export(world, tmp_path)["status"] == "success"
    assert len(world.fsx.started) == 1


def test_two_exports_of_one_directory_to_two_places_do_not_mix(world: World, tmp_path: Path) -> None:
    export(world, tmp_path / "one", wait=False)
    other = "s3://results/elsewhere/ubuntu/a1/"
    with pytest.raises(Refused, match="already links"):
        export(world, tmp_path / "two", target=other)
    assert receipt(tmp_path / "two")["status"] == "error"
    assert export(world, tmp_path / "one")["status"] == "success"
    assert export(world, tmp_path / "two", target=other)["status"] == "success"


@pytest.mark.weakness("H6")
@pytest.mark.parametrize("last", ["FAILED", "CANCELED"])
def test_after_any_failure_the_same_command_completes_what_is_there(world: World, tmp_path: Path, last: str) -> None:
    world.fsx.running = ["EXECUTING", last]
    world.s3.data.clear()
    with pytest.raises(ExportFailed):
        export(world, tmp_path / "here")
    world.s3.put(BUCKET, OUT, b"variants")
    world.fsx.running = ["SUCCEEDED"]
    found = export(world, tmp_path / "there")
    assert (found["status"], found["attempts"]) == ("success", 2)
    assert len({report for _, report in world.fsx.started}) == 2


def test_p11_an_export_counts_only_when_everything_is_proved(world: World, clock: FakeClock, tmp_path: Path) -> None:
    """Every end of the task, with every difference in S3 and the directory: success needs all three."""

    changes: dict[str, Callable[[World], object]] = {
        "nothing": lambda _: None,
        "missing": lambda it: it.s3.delete(BUCKET, OUT),
        "extra": lambda it: it.s3.put(BUCKET, OUT + "2", b""),
        "size": lambda it: it.s3.put(BUCKET, OUT, b"x"),
        "content": lambda it: it.s3.put(BUCKET, OUT, b"VARIANTS"),
        "written": lambda it: it.tree.write("daylily-omics-analysis/out.vcf", b"VARIANTS"),
        "added": lambda it: it.tree.write("daylily-omics-analysis/new", b"1"),
    }
    cases = successes = 0
    for last in ("SUCCEEDED", "FAILED", "CANCELED"):
        for failed in (0, 1):
            for name, change in changes.items():
                fresh = analysis(clock)
                fresh.fsx.running, fresh.fsx.failed_count = ["EXECUTING", last], failed
                after_task(fresh, lambda it=fresh, act=change: act(it))  # type: ignore[misc]
                folder = tmp_path / f"{last}{failed}{name}"
                good = (last, failed, name) == ("SUCCEEDED", 0, "nothing")
                cases += 1
                if good:
                    assert export(fresh, folder)["status"] == "success"
                    successes += 1
                    continue
                with pytest.raises(ExportFailed):
                    export(fresh, folder)
                found = receipt(folder)
                assert (found["status"], found["detached"]) == ("error", True), (last, failed, name)
                assert fresh.tree.entries.keys() >= world.tree.entries.keys()
    print(f"P11: {cases} ends, {successes} of them a success")
    assert (cases, successes) == (42, 1)


def test_denied_after_the_task_nothing_is_lost_and_the_repetition_proves_it(
    world: World, clock: FakeClock, tmp_path: Path
) -> None:
    counting = Faults()
    export(analysis(clock), tmp_path / "count", counting)
    at = counting.names.index("facts") + 1
    with pytest.raises(AccessDenied):
        export(world, tmp_path, Faults(at, error=AccessDenied("s3:HeadObject was denied")))
    found = receipt(tmp_path)
    assert (found["status"], found["phase"], found["task_lifecycle"]) == ("error", "verify", "SUCCEEDED")
    assert export(world, tmp_path)["attempts"] == 1
