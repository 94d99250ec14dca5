from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.aws.fsx import AssociationLifecycle
from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import (
    AccessDenied,
    CorruptFile,
    DeadlinePassed,
    ExportFailed,
    InvalidValue,
    NotFound,
    Refused,
    ValidationError,
)
from daylily_ec.fsx.exports import parse_destination
from daylily_ec.workflow.export_analysis import export_analysis
from daylily_ec.workflow.export_request import ExportRequest
from tests.conftest import FakeClock
from tests.unit.export.scene import BUCKET, RECEIPT, SOURCE, TARGET, analysis, export, launched, receipt
from tests.unit.fsx.fakes import CLUSTER, FakeNode, Faults, Killed, World

KEY = (BUCKET, RECEIPT)


@pytest.fixture
def world(clock: FakeClock) -> World:
    return analysis(clock)


def test_success_is_proved_detached_and_written_in_both_places(world: World, tmp_path: Path) -> None:
    found = export(world, tmp_path)
    assert (found["status"], found["phase"], found["task_lifecycle"]) == ("success", "complete", "SUCCEEDED")
    assert found["detached"] is True
    assert found["delete_data_in_file_system"] is False
    assert found["schema_version"] == 4
    assert found["verification"] | {"at": ""} == {
        "mode": "checksum",
        "objects": 4,
        "bytes": 15,
        "mismatches": 0,
        "at": "",
    }
    assert (found["inventory"]["files"], found["inventory"]["bytes"]) == (3, 15)
    assert found["source_path"] == "/analysis_results/ubuntu/a1/"
    assert not world.fsx.links
    assert receipt(tmp_path) == found == json.loads(world.s3.data[KEY])["fsx_export"]
    assert world.fsx.created[0].tags["lsmc:purpose"] == "output-export"
    assert found["report_path"].startswith(TARGET + "_daylily_monitor/fsx-export/")


def test_the_first_report_is_named_by_the_moment_of_the_start(world: World, tmp_path: Path) -> None:
    found = export(world, tmp_path)
    stamp = found["started_at"].replace("-", "").replace(":", "")
    assert found["report_path"] == f"{TARGET}_daylily_monitor/fsx-export/{stamp}/export-report/"


def test_the_receipt_names_every_field_of_the_contract(world: World, tmp_path: Path) -> None:
    launched(world, "daylily-omics-analysis")
    names = {
        "schema_version", "status", "phase", "cluster_name", "region", "analysis_dir", "source_path", "headnode_path",
        "fsx_root", "destination_s3_uri", "s3_root", "dayoa_analysis_root", "dayoa_s3_root", "detached",
        "delete_data_in_file_system", "failure_details", "fsx_file_system_id", "file_system_path", "association_id",
        "lifecycle", "task_id", "task_lifecycle", "report_path", "detach_lifecycle", "verification", "inventory",
        "attempts", "dyec_version", "dyec_run_id",
    }  # fmt: skip
    assert names <= export(world, tmp_path).keys()


@pytest.mark.weakness("M1")
def test_a_receipt_exists_before_the_first_call_to_aws(world: World, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        export(world, tmp_path, Faults(1))
    assert receipt(tmp_path)["status"] == "started"


@pytest.mark.weakness("M1")
def test_killed_anywhere_the_repetition_ends_with_one_task_and_a_proof(world: World, tmp_path: Path) -> None:
    counting = Faults()
    export(world, tmp_path / "count", counting)
    for at in range(1, len(counting.names) + 1):
        for after in (False, True):
            fresh = World(world.clock)
            fresh.tree.entries, fresh.tree.times = dict(world.tree.entries), dict(world.tree.times)
            folder = tmp_path / f"{at}{after}"
            with pytest.raises(Killed):
                export(fresh, folder, Faults(at, after=after))
            assert receipt(folder)["status"] in {"started", "success"}, counting.names[at - 1]
            found = export(fresh, folder)
            where = f"{'after' if after else 'before'} call {at} {counting.names[at - 1]}"
            assert found["status"] == "success", where
            assert len(fresh.fsx.started) == 1, where
            assert len(fresh.fsx.created) == 1, where
            assert not fresh.fsx.links, where


def test_another_machine_finishes_by_the_receipt_beside_the_data(world: World, tmp_path: Path) -> None:
    started = export(world, tmp_path / "here", wait=False)
    assert (started["status"], started["detached"], started["task_lifecycle"]) == ("started", False, "PENDING")
    finished = export(world, tmp_path / "there")
    assert finished["status"] == "success"
    assert finished["dyec_run_id"] == started["dyec_run_id"]
    assert len(world.fsx.started) == 1


@pytest.mark.weakness("H4")
def test_no_wait_leaves_the_task_running_and_attached(world: World, tmp_path: Path) -> None:
    export(world, tmp_path, wait=False)
    assert len(world.fsx.links) == 1
    assert not world.fsx.deleted
    assert export(world, tmp_path)["status"] == "success"


@pytest.mark.weakness("H4")
def test_a_timeout_never_detaches_and_the_repetition_adopts_the_task(world: World, tmp_path: Path) -> None:
    world.fsx.running = ["EXECUTING"]
    with pytest.raises(DeadlinePassed) as error:
        export(world, tmp_path, timeout=120)
    assert "same command again" in error.value.hint
    assert not world.fsx.deleted
    found = receipt(tmp_path)
    assert (found["status"], found["phase"], found["detached"]) == ("started", "run", False)
    assert "not done after" in found["failure_details"]["message"]
    world.fsx._pending[found["task_id"]] = ["SUCCEEDED"]
    assert export(world, tmp_path)["status"] == "success"
    assert len(world.fsx.started) == 1


@pytest.mark.parametrize(("last", "failed"), [("FAILED", 0), ("CANCELED", 0), ("SUCCEEDED", 2)])
def test_any_other_end_of_the_task_is_an_error_with_the_report_and_detached(
    world: World, tmp_path: Path, last: str, failed: int
) -> None:
    world.fsx.running, world.fsx.failed_count = ["EXECUTING", last], failed
    with pytest.raises(ExportFailed, match="ended as") as error:
        export(world, tmp_path)
    found = receipt(tmp_path)
    assert found["report_path"] in error.value.hint
    assert (found["status"], found["phase"], found["detached"]) == ("error", "run", True)
    assert found["task_lifecycle"] == last
    world.fsx.running, world.fsx.failed_count = ["SUCCEEDED"], 0
    again = export(world, tmp_path)
    assert (again["status"], again["attempts"]) == ("success", 2)


@pytest.mark.weakness("H5")
@pytest.mark.parametrize("damage", ["missing", "size", "extra"])
def test_success_of_the_task_alone_proves_nothing(world: World, tmp_path: Path, damage: str) -> None:
    original = world.fsx.export

    def damaged(task: Any) -> None:
        original(task)
        key = ("results", "derived/ubuntu/a1/daylily-omics-analysis/out.vcf")
        if damage == "missing":
            del world.s3.data[key]
        else:
            world.s3.data[key if damage == "size" else (key[0], key[1] + "2")] = b"x"

    world.fsx.export = damaged  # type: ignore[method-assign]
    with pytest.raises(ExportFailed, match=rf"\({damage}\)") as error:
        export(world, tmp_path)
    assert error.value.exit_code == 2
    found = receipt(tmp_path)
    assert (found["status"], found["phase"], found["verification"]["mismatches"]) == ("error", "verify", 1)
    assert found["verification"]["examples"][0]["kind"] == damage


@pytest.mark.weakness("H6")
def test_a_partial_export_of_ours_is_completed(world: World, tmp_path: Path) -> None:
    world.fsx.skipped = {b"daylily-omics-analysis/empty"}
    with pytest.raises(ExportFailed):
        export(world, tmp_path)
    world.fsx.skipped = set()
    assert export(world, tmp_path)["status"] == "success"
    assert len(world.fsx.started) == 2


def test_a_complete_export_is_verified_again_and_unchanged(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    again = export(world, tmp_path)
    assert (again["status"], again["outcome"]) == ("success", "UNCHANGED")
    assert len(world.fsx.started) == 1
    assert export(world, tmp_path / "elsewhere")["outcome"] == "UNCHANGED"


def test_a_file_of_the_same_size_written_later_is_exported_again(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    world.tree.write("daylily-omics-analysis/out.vcf", b"VARIANTS")
    assert export(world, tmp_path)["outcome"] == "CREATED"
    assert world.s3.data["results", "derived/ubuntu/a1/daylily-omics-analysis/out.vcf"] == b"VARIANTS"


def test_a_file_that_was_touched_is_exported_again(world: World, tmp_path: Path) -> None:
    """Its manifest is another one, and the receipt must be that of the directory as it is."""
    export(world, tmp_path)
    world.tree.write("daylily-omics-analysis/out.vcf", b"variants")
    assert (export(world, tmp_path)["outcome"], len(world.fsx.started)) == ("CREATED", 2)


def test_a_running_task_is_awaited_even_when_every_receipt_is_lost(world: World, tmp_path: Path) -> None:
    world.fsx.running = ["EXECUTING", "EXECUTING", "SUCCEEDED"]
    export(world, tmp_path / "here", wait=False)
    world.s3.data.clear()
    found = export(world, tmp_path / "there")
    assert (found["status"], len(world.fsx.created)) == ("success", 1)
    assert {one.lifecycle for one in world.fsx.jobs.values()} == {"SUCCEEDED"}, "none was started beside one that ran"


def test_a_file_written_during_the_export_spoils_the_proof(world: World, tmp_path: Path) -> None:
    original = world.fsx.export

    def written(task: Any) -> None:
        original(task)
        world.tree.write("daylily-omics-analysis/out.vcf", b"VARIANTS")

    world.fsx.export = written  # type: ignore[method-assign]
    with pytest.raises(ExportFailed, match="changed while it was exported"):
        export(world, tmp_path)
    world.fsx.export = original  # type: ignore[method-assign]
    assert export(world, tmp_path)["status"] == "success"


def test_a_destination_with_other_data_is_refused_and_left_alone(world: World, tmp_path: Path) -> None:
    world.s3.put("results", "derived/ubuntu/a1/zz-precious", b"1")
    before = dict(world.s3.data)
    with pytest.raises(Refused, match="is not empty"):
        export(world, tmp_path)
    assert world.s3.data == before
    assert not world.fsx.created
    assert receipt(tmp_path)["status"] == "error"


def test_the_receipt_of_another_file_system_proves_nothing(world: World, tmp_path: Path) -> None:
    export(world, tmp_path / "first")
    stored = json.loads(world.s3.data[KEY])
    stored["fsx_export"]["fsx_file_system_id"] = "fs-0fffffffffffffff0"
    world.s3.data[KEY] = (json.dumps(stored) + "\n").encode()
    with pytest.raises(Refused, match="is not empty"):
        export(world, tmp_path / "second")


def test_success_survives_a_later_failure_to_look_again(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    before = receipt(tmp_path)
    world.clusters.view = None
    with pytest.raises(NotFound):
        export(world, tmp_path)
    assert receipt(tmp_path) == before


def test_the_output_directory_of_another_export_is_not_reused(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    request = ExportRequest(CLUSTER, SOURCE + "2", TARGET.replace("a1", "a12"), tmp_path)
    with pytest.raises(Refused, match="receipt of another export"):
        export_analysis(world.services(), request)
    assert receipt(tmp_path)["status"] == "success"


def test_a_truncated_receipt_is_never_read_as_none(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    path = tmp_path / "fsx_export.yaml"
    text = path.read_text()
    for length in range(1, len(text), 97):
        path.write_text(text[:length])
        with pytest.raises(CorruptFile):
            export(world, tmp_path)
    assert len(world.fsx.started) == 1


@pytest.mark.parametrize("source", ["/fsx/run_dir_mounts/R1", "/fsx/analysis_results/ubuntu", "/data/x", "relative"])
@pytest.mark.weakness("M1")
def test_wrong_sources_are_refused_with_a_receipt(world: World, tmp_path: Path, source: str) -> None:
    with pytest.raises(InvalidValue):
        export_analysis(world.services(), ExportRequest(CLUSTER, source, TARGET, tmp_path))
    found = receipt(tmp_path)
    assert (found["status"], found["phase"], found["source_path"]) == ("error", "validate", source)


@pytest.mark.weakness("M11")
def test_the_destination_must_end_in_whole_components() -> None:
    analysis = AnalysisDirectory.parse(SOURCE)
    with pytest.raises(InvalidValue, match="must end with /ubuntu/a1/"):
        parse_destination("s3://results/derived/xubuntu/a1/", analysis)
    assert parse_destination("s3://results/ubuntu/a1", analysis) == S3Prefix("results", "ubuntu/a1/")


def test_what_fsx_would_leave_behind_is_reported_before_anything_starts(world: World, tmp_path: Path) -> None:
    world.tree.write(b"bad\xff", b"1")
    world.tree.write("socket", kind="s")
    world.tree.write("x" * 1010, b"1")
    world.tree.write("_daylily_monitor/x", b"1")
    with pytest.raises(ValidationError, match="cannot be exported as it is") as error:
        export(world, tmp_path)
    assert len(error.value.details["obstacles"]) == 4  # type: ignore[arg-type]
    assert not world.fsx.created


def test_names_with_spaces_and_newlines_are_compared_byte_for_byte(world: World, tmp_path: Path) -> None:
    world.tree.write("a b\n  c 'd", b"12")
    assert export(world, tmp_path)["verification"]["objects"] == 5


def test_no_directory_on_the_node_is_not_an_empty_export(world: World, tmp_path: Path) -> None:
    world.node.missing = True
    with pytest.raises(NotFound, match="no analysis directory"):
        export(world, tmp_path)


def test_a_damaged_listing_is_an_error(world: World, tmp_path: Path) -> None:
    listing = world.tree.listing()
    for text in ("", listing[:-8], "!" + listing):
        world.node.tree.listing = lambda text=text: text  # type: ignore[method-assign,misc]
        with pytest.raises(Exception, match="damaged"):
            export(world, tmp_path)


def test_a_denied_call_is_named_and_the_export_can_be_resumed(world: World, tmp_path: Path) -> None:
    counting = Faults()
    export(world, tmp_path / "count", counting)
    progress = counting.names.index("task") + 2
    assert counting.names[progress - 1] == "objects"
    for at in range(1, len(counting.names) + 1):
        fresh = World(world.clock)
        fresh.tree.entries, fresh.tree.times = dict(world.tree.entries), dict(world.tree.times)
        denied = Faults(at, error=AccessDenied("fsx:X was denied"))
        if at == progress:
            assert export(fresh, tmp_path / str(at), denied)["status"] == "success", "only its progress is not seen"
            continue
        with pytest.raises(AccessDenied):
            export(fresh, tmp_path / str(at), denied)
        found = receipt(tmp_path / str(at))
        runs = found.get("task_lifecycle") in ("PENDING", "EXECUTING")
        assert found["status"] == ("started" if runs else "error"), counting.names[at - 1]
        assert export(fresh, tmp_path / str(at))["status"] == "success", counting.names[at - 1]


def test_a_failed_association_is_explained(world: World, tmp_path: Path) -> None:
    link = world.fsx.add("/analysis_results/ubuntu/a1/", TARGET)
    world.fsx.links[link.id] = replace(link, lifecycle=AssociationLifecycle.FAILED, reason="no bucket")
    with pytest.raises(Refused, match="no bucket") as error:
        export(world, tmp_path)
    assert f"dyec exports detach --association-id {link.id}" in error.value.hint
    assert receipt(tmp_path)["phase"] == "attach"


def test_an_unreachable_node_stops_before_anything_is_changed(world: World, tmp_path: Path) -> None:
    world.node = FakeNode(world.tree, unreachable="agent offline")
    with pytest.raises(Exception, match="agent offline"):
        export(world, tmp_path)
    assert not world.fsx.created
    assert not world.s3.data
