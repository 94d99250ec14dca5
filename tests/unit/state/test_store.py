"""Run records on disk: what was written is read back, and nothing damaged is ever taken for something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.errors import CorruptFile, NotFound
from daylily_ec.state.models import RunRecord, RunStatus
from daylily_ec.state.store import StateStore

RECORD = RunRecord(
    run_id="0123456789abcdef", cluster_name="majors", region="us-west-2", region_az="us-west-2d",
    aws_profile="daylily", account_id="123456789012", owner="arn:aws:iam::123456789012:user/ann",
    config_hash="feedfacefeedface", stamp="20260211143722", started_at="2026-02-11T14:37:22Z",
    updated_at="2026-02-11T14:37:22Z", fsx_ids=("fs-1",), warnings=("quota.vpcs: low",),
)  # fmt: skip


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    path = store.create(RECORD)
    assert path.name == "state_majors_20260211143722.json"
    assert store.load(path) == RECORD
    store.save(path, replace(RECORD, status=RunStatus.COMPLETE))
    assert store.load(path).status is RunStatus.COMPLETE


def test_the_file_is_private_and_sorted(tmp_path: Path) -> None:
    path = StateStore(tmp_path).create(RECORD)
    assert path.stat().st_mode & 0o777 == 0o600
    keys = list(json.loads(path.read_text()))
    assert keys == sorted(keys)


def test_two_runs_in_one_second_keep_two_files_and_the_later_one_is_newest(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.create(RECORD)
    second = store.create(replace(RECORD, run_id="second"))
    assert second.name == "state_majors_20260211143722-2.json"
    found = store.latest("majors", "us-west-2")
    assert found is not None
    assert found[1].run_id == "second"


@pytest.mark.weakness("W-49")
def test_a_record_cut_at_any_byte_is_refused_by_name(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    path = store.create(RECORD)
    raw = path.read_bytes()
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(CorruptFile) as caught:
            store.load(path)
        assert str(path) in caught.value.message
        with pytest.raises(CorruptFile):
            store.latest("majors", "us-west-2")
        assert store.entries()[0].problem


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"schema_version": 3}, "schema version 3"),
        ({"schema_version": None}, "schema version"),
        ({"surprise": "x"}, "surprise"),
        ({"status": "PERHAPS"}, "PERHAPS"),
        ({"fsx_ids": "fs-1"}, "fsx_ids"),
        ({"region": None}, "region"),
    ],
)
def test_a_record_of_another_shape_is_refused(tmp_path: Path, change: dict[str, object], word: str) -> None:
    store = StateStore(tmp_path)
    path = store.create(RECORD)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}) + "\n")
    with pytest.raises(CorruptFile, match=word):
        store.load(path)


def test_a_missing_key_is_refused(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    path = store.create(RECORD)
    document = json.loads(path.read_text())
    del document["owner"]
    path.write_text(json.dumps(document, indent=2) + "\n")
    with pytest.raises(CorruptFile, match="owner"):
        store.load(path)


def test_an_absent_file_is_not_found_and_an_empty_directory_has_no_records(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "nowhere")
    assert store.entries() == ()
    assert store.latest("majors", "us-west-2") is None
    with pytest.raises(NotFound):
        store.load(tmp_path / "state_majors_20260211143722.json")
    with pytest.raises(NotFound):
        store.newest("majors")


def test_another_cluster_s_damaged_record_does_not_stop_this_one(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.create(RECORD)
    (tmp_path / "state_other_20260101000000.json").write_text("{")
    assert store.latest("majors", "us-west-2") is not None
    assert [bool(entry.problem) for entry in store.entries()] == [False, True]


def test_the_region_tells_two_clusters_of_one_name_apart(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.create(RECORD)
    store.create(replace(RECORD, region="eu-west-1", stamp="20270101000000"))
    found = store.latest("majors", "us-west-2")
    assert found is not None
    assert found[1].region == "us-west-2"
    assert store.newest("majors").region == "eu-west-1"


def test_a_record_of_the_first_version_is_read_with_the_defaults_of_what_came_later(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    path = store.create(RECORD)
    document = json.loads(path.read_text())
    later = ("repo_overrides", "rollback_on_failure", "resume_command", "support_bundle_path", "ttl_schedule_name")
    for name in later:
        del document[name]
    path.write_text(json.dumps({**document, "schema_version": 1}) + "\n")
    assert store.load(path) == RECORD
    path.write_text(json.dumps({**document, "schema_version": 2}) + "\n")
    with pytest.raises(CorruptFile, match="missing keys"):
        store.load(path)
