"""Every way in which an export can end: an export counts only when the task SUCCEEDED and S3 equals the manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.aws.fsx import Task
from daylily_ec.errors import AccessDenied, AwsError, DeadlinePassed, ExportFailed, Refused, ValidationError
from daylily_ec.fsx.obstacles import Obstacle, Why
from daylily_ec.fsx.verification import Mode
from tests.conftest import FakeClock
from tests.unit.export.scene import BUCKET, PREFIX, analysis, export, receipt, verify
from tests.unit.fsx.fakes import Faults, World

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


def test_mounts_in_all_slots_are_not_waited_for(world: World, tmp_path: Path) -> None:
    fill(world, 0)
    with pytest.raises(Refused, match="all 8 association slots"):
        export(world, tmp_path)


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
