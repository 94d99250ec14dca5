"""The phases of an export one by one, from several machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.aws.fsx import FileSystem
from daylily_ec.cli import export as _views  # noqa: F401  registers how results are shown
from daylily_ec.cli.main import main
from daylily_ec.cli.render import text
from daylily_ec.errors import DeadlinePassed, ExportFailed, InvalidValue, NotFound, Refused, ValidationError
from daylily_ec.fsx.receipts import Phase
from daylily_ec.fsx.verification import Mode
from daylily_ec.workflow.export_analysis import export_analysis
from daylily_ec.workflow.export_lookup import detach_export, find_export, list_exports
from daylily_ec.workflow.export_parts import (
    PartRequest,
    attach_export,
    finish_export,
    preflight_export,
    run_export,
    wait_export,
)
from daylily_ec.workflow.export_request import ExportRequest
from daylily_ec.workflow.mounts import FileSystemTarget
from tests.conftest import FakeClock
from tests.unit.export.scene import BUCKET, PREFIX, RECEIPT, SOURCE, TARGET, analysis, export, launched, receipt
from tests.unit.fsx.fakes import CLUSTER, FS, World

BY_CLUSTER = FileSystemTarget(CLUSTER)
BY_ID = FileSystemTarget(None, FS)


@pytest.fixture
def world(clock: FakeClock) -> World:
    return analysis(clock)


def part(folder: Path, *, destination: str = TARGET, target: FileSystemTarget = BY_CLUSTER, **more: Any) -> PartRequest:
    settings = ExportRequest("", "", "", folder, **more)
    return PartRequest(target, SOURCE, destination, folder, settings)


def test_attach_run_and_finish_make_one_proved_export(world: World, tmp_path: Path) -> None:
    attached = attach_export(world.services(), part(tmp_path / "a"))
    assert (attached.lifecycle, attached.analysis_dir, attached.destination_s3_uri) == (
        "AVAILABLE",
        "ubuntu/a1",
        TARGET,
    )
    ran = run_export(world.services(), part(tmp_path / "b"))
    assert (ran.task_lifecycle, ran.source_path) == ("SUCCEEDED", "/analysis_results/ubuntu/a1/")
    assert world.fsx.links
    done = finish_export(world.services(), part(tmp_path / "c", destination=""))
    assert (done.receipt.status, done.receipt.detached, done.receipt.association_id) == (
        "success", True, attached.association_id)  # fmt: skip
    assert (len(world.fsx.started), len(world.fsx.created)) == (1, 1)
    assert receipt(tmp_path / "c")["task_id"] == ran.task_id


def test_nothing_is_hashed_for_an_attachment(world: World, tmp_path: Path) -> None:
    attach_export(world.services(), part(tmp_path))
    assert "inventory" not in world.node.asked


@pytest.mark.weakness("H4")
def test_what_no_wait_left_is_finished_by_tags_from_any_machine(world: World, tmp_path: Path) -> None:
    started = export(world, tmp_path / "here", wait=False)
    world.fsx.system = replace(world.fsx.system, tags={"parallelcluster:cluster-name": CLUSTER})  # type: ignore[type-var]
    request = part(tmp_path / "there", destination="", target=BY_ID)
    done = finish_export(world.services(), request).receipt
    assert (done.status, done.dyec_run_id, done.attempts) == ("success", started["dyec_run_id"], 1)
    assert not world.fsx.links


def test_finish_finds_the_destination_after_the_association_is_gone(world: World, tmp_path: Path) -> None:
    export(world, tmp_path / "here")
    again = finish_export(world.services(), part(tmp_path / "there", destination=""))
    assert again.receipt.outcome == "UNCHANGED"
    assert (tmp_path / "there" / "manifest.jsonl.gz").exists()


def test_finish_without_an_export_starts_none(world: World, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no export"):
        finish_export(world.services(), part(tmp_path, destination=""))
    assert not world.fsx.created


@pytest.mark.weakness("M4")
@pytest.mark.parametrize("last", ["FAILED", "CANCELED"])
def test_a_task_that_did_not_succeed_fails_the_command_that_waits(world: World, tmp_path: Path, last: str) -> None:
    world.fsx.running = ["EXECUTING", last]
    attach_export(world.services(), part(tmp_path))
    with pytest.raises(ExportFailed, match=last) as error:
        run_export(world.services(), part(tmp_path))
    assert error.value.exit_code == 2
    assert receipt(tmp_path)["task_lifecycle"] == last
    with pytest.raises(ExportFailed, match=last):
        wait_export(world.services(), part(tmp_path), 60)
    assert len(world.fsx.links) == 1, "the parts detach nothing by themselves"


def test_run_wants_an_attachment_of_just_this(world: World, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not attached"):
        run_export(world.services(), part(tmp_path))
    assert not world.fsx.started


def test_waiting_changes_nothing(world: World, tmp_path: Path) -> None:
    export(world, tmp_path, wait=False)
    before = dict(world.s3.data)
    found = wait_export(world.services(), part(tmp_path), 600)
    assert found.task_lifecycle == "SUCCEEDED"
    assert {key for key in world.s3.data if "_monitor" in key[1]} == {key for key in before if "_monitor" in key[1]}
    assert len(world.fsx.links) == 1


def test_a_wait_that_takes_too_long_detaches_nothing(world: World, tmp_path: Path) -> None:
    world.fsx.running = ["EXECUTING"]
    export(world, tmp_path, wait=False)
    with pytest.raises(DeadlinePassed):
        wait_export(world.services(), part(tmp_path), 60)
    with pytest.raises(Refused, match="still exports") as error:
        detach_export(world.services(), next(iter(world.fsx.links)), 60)
    assert error.value.code == "export_runs"
    assert not world.fsx.deleted


def test_an_export_of_an_earlier_release_has_no_tags_and_is_detached_all_the_same(world: World, tmp_path: Path) -> None:
    link = world.fsx.add("/analysis_results/ubuntu/a9/", "s3://results/derived/ubuntu/a9/")
    assert [one.association_id for one in list_exports(world.services(), part(tmp_path).target).exports] == [link.id]
    assert detach_export(world.services(), link.id, 60).detach_lifecycle == "DELETED"


def test_detach_takes_exports_only(world: World, tmp_path: Path) -> None:
    mount = world.fsx.add("/run_dir_mounts/R1/", "s3://runs/R1/", tags={"lsmc:purpose": "run-dir-mount"})
    with pytest.raises(Refused, match="is a mount"):
        detach_export(world.services(), mount.id, 60)
    with pytest.raises(NotFound):
        detach_export(world.services(), "dra-none", 60)
    attached = attach_export(world.services(), part(tmp_path))
    assert detach_export(world.services(), attached.association_id, 60).detach_lifecycle == "DELETED"
    assert list(world.fsx.links) == [mount.id]


def test_the_list_shows_exports_in_every_state_and_no_mounts(world: World, tmp_path: Path) -> None:
    world.fsx.add("/run_dir_mounts/R1/", "s3://runs/R1/", tags={"lsmc:purpose": "run-dir-mount"})
    assert list_exports(world.services(), BY_CLUSTER).exports == ()
    export(world, tmp_path, wait=False)
    running = list_exports(world.services(), BY_ID)
    assert [(one.analysis_dir, one.lifecycle, one.task_lifecycle) for one in running.exports] == [
        ("ubuntu/a1", "AVAILABLE", "PENDING")]  # fmt: skip
    assert (running.slots_used, running.exports[0].destination_s3_uri) == (2, TARGET)
    export(world, tmp_path)
    over = list_exports(world.services(), BY_CLUSTER).exports
    assert [(one.association_id, one.task_lifecycle, one.destination_s3_uri) for one in over] == [
        ("", "SUCCEEDED", TARGET)]  # fmt: skip


def test_the_status_tells_association_task_and_receipt(world: World, tmp_path: Path) -> None:
    export(world, tmp_path, wait=False)
    found = find_export(world.services(), BY_CLUSTER, SOURCE)
    assert (found.lifecycle, found.task_lifecycle, found.receipt_status, found.receipt_phase) == (
        "AVAILABLE", "PENDING", "started", "run")  # fmt: skip


def test_a_preflight_changes_nothing_and_names_everything(world: World) -> None:
    request = PartRequest(BY_CLUSTER, SOURCE, TARGET)
    found = preflight_export(world.services(), request)
    assert (found.files, found.bytes, found.problems, found.continues) == (3, 15, (), False)
    world.tree.write("socket", kind="s")
    world.s3.put(BUCKET, PREFIX + "alien", b"1")
    world.fsx.add("/analysis_results/ubuntu/", "s3://elsewhere/")
    before = dict(world.s3.data)
    problems = preflight_export(world.services(), request).problems
    assert len(problems) == 3
    assert "alien" in problems[2]
    assert (world.s3.data, world.fsx.created) == (before, [])


def test_the_roots_are_those_of_the_launched_checkout(world: World, tmp_path: Path) -> None:
    launched(world, "sarek", "2026-01-02T00:00:00Z")
    launched(world, "old", "2026-01-01T00:00:00Z")
    found = export(world, tmp_path)
    assert found["dayoa_analysis_root"] == f"{SOURCE}/sarek/"
    assert found["dayoa_s3_root"] == f"{TARGET}sarek/"


def test_no_root_is_guessed_for_what_nobody_launched(world: World, tmp_path: Path) -> None:
    assert not {"dayoa_s3_root", "dayoa_analysis_root"} & export(world, tmp_path).keys()


def linked(world: World) -> None:
    world.tree.write("daylily-omics-analysis/raw", b"/fsx/run_dir_mounts/R1/x", kind="l")


def test_a_preflight_names_links_into_run_mounts_as_the_export_does(world: World, tmp_path: Path) -> None:
    linked(world)
    request = PartRequest(BY_CLUSTER, SOURCE, TARGET)
    (told,) = preflight_export(world.services(), request).problems
    with pytest.raises(ValidationError) as error:
        export(world, tmp_path)
    assert told in error.value.message
    allowed = replace(request, settings=ExportRequest("", "", "", tmp_path, allow_run_links=True))
    assert preflight_export(world.services(), allowed).is_good
    assert export(world, tmp_path, allow_run_links=True)["status"] == "success"


def test_a_preflight_knows_what_an_earlier_run_was_allowed(world: World, tmp_path: Path) -> None:
    linked(world)
    export(world, tmp_path, wait=False, allow_run_links=True)
    assert preflight_export(world.services(), PartRequest(BY_CLUSTER, SOURCE, TARGET)).is_good
    assert export(world, tmp_path)["status"] == "success"


def test_a_preflight_names_whose_export_has_claimed_the_destination(world: World, tmp_path: Path) -> None:
    export(world, tmp_path, until=Phase.ATTACH)
    text = world.s3.data[BUCKET, RECEIPT].replace(FS.encode(), b"fs-0fffffffffffffff0")
    world.s3.data[BUCKET, RECEIPT] = text
    (told,) = preflight_export(world.services(), PartRequest(BY_CLUSTER, SOURCE, TARGET)).problems
    assert "belongs to the export of" in told


def test_links_that_were_allowed_once_need_no_second_word_to_be_finished(world: World, tmp_path: Path) -> None:
    linked(world)
    export(world, tmp_path / "here", wait=False, allow_run_links=True)
    done = finish_export(world.services(), part(tmp_path / "there", destination="")).receipt
    assert (done.status, done.allow_run_links) == ("success", True)


def test_an_export_by_file_system_finds_its_cluster_under_the_receipt_s_eyes(world: World, tmp_path: Path) -> None:
    request = ExportRequest("", SOURCE, TARGET, tmp_path, file_system_id=FS)
    with pytest.raises(NotFound, match="No cluster owns"):
        export_analysis(world.services(), request)
    assert (receipt(tmp_path)["status"], receipt(tmp_path)["cluster_name"]) == ("error", None)
    world.fsx.system = replace(world.fsx.system, tags={"parallelcluster:cluster-name": CLUSTER})  # type: ignore[type-var]
    done = export_analysis(world.services(), request).receipt
    assert (done.status, done.cluster_name, done.fsx_file_system_id) == ("success", CLUSTER, FS)


def test_a_new_attempt_is_shown_as_not_yet_verified_and_remembers_how_it_will_be(world: World, tmp_path: Path) -> None:
    export(world, tmp_path, verify=Mode.FULL)
    world.s3.data[BUCKET, f"{PREFIX}daylily-omics-analysis/out.vcf"] = b"VARIANTS"
    request = ExportRequest(CLUSTER, SOURCE, TARGET, tmp_path, wait=False)
    started = export_analysis(world.services(), request)
    assert (dict(started.receipt.verification), started.receipt.is_proved) == ({"mode": "full"}, False)
    assert "not yet" in text(started)
    assert export(world, tmp_path)["verification"]["mode"] == "full"


def words(folder: Path, *more: str) -> list[str]:
    return ["export", "--region", "us-west-2", "--source-path", SOURCE, "--destination-s3-uri", TARGET,
            "--output-dir", str(folder), "--json", *more]  # fmt: skip


def test_the_command_wants_a_cluster_or_a_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DYEC_CLUSTER", raising=False)
    assert main(words(tmp_path)) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "missing_input"
    assert receipt(tmp_path)["status"] == "error"


def test_a_dry_run_of_the_command_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DYEC_CLUSTER", raising=False)
    assert main(words(tmp_path / "x", "--dry-run", "--verbose")) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "missing_input"
    assert not (tmp_path / "x").exists()


def test_another_file_system_than_the_cluster_s_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="is not that of"):
        export(world, tmp_path, file_system_id="fs-0fffffffffffffff0")
    assert not world.s3.data


@pytest.mark.parametrize("act", [preflight_export, attach_export, run_export, finish_export])
@pytest.mark.parametrize("tags", [{"parallelcluster:cluster-name": CLUSTER}, None])
def test_no_part_acts_on_another_file_system_than_the_one_that_was_named(
    world: World, tmp_path: Path, act: Callable[..., object], tags: dict[str, str] | None
) -> None:
    """It outlived an earlier cluster of this name, or does not exist at all."""
    kept, present = "fs-0fffffffffffffff0", world.fsx.file_system
    found = None if tags is None else replace(present(FS), tags=tags)  # type: ignore[type-var]

    def system(file_system_id: str) -> FileSystem | None:
        return found if file_system_id == kept else present(file_system_id)

    world.fsx.file_system = system  # type: ignore[method-assign]
    world.fsx.add("/analysis_results/ubuntu/a1/", TARGET, tags={"lsmc:purpose": "output-export"})
    with pytest.raises(InvalidValue, match="is not that of"):
        act(world.services(), part(tmp_path, target=FileSystemTarget(CLUSTER, kept)))
    assert not world.s3.data
    assert not world.fsx.created


@pytest.mark.parametrize("mode", Mode)
def test_the_receipt_names_the_mode(world: World, tmp_path: Path, mode: Mode) -> None:
    assert export(world, tmp_path, verify=mode)["verification"]["mode"] == mode
