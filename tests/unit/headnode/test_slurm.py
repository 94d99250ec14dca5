"""Slurm's queue in the shapes of its releases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.slurm import parse_jobs


def document(*jobs: dict[str, Any], **more: Any) -> str:
    return json.dumps({"meta": {}, "errors": [], "jobs": list(jobs), **more})


OLD = {
    "job_id": 12, "name": "align", "user_name": "ubuntu", "partition": "i8", "job_state": "RUNNING",
    "state_reason": "None", "nodes": "i8-dy-r7i-1", "cpus": 8, "start_time": 1771000000,
    "current_working_directory": "/fsx/analysis_results/a/b",
}  # fmt: skip
NEW = {
    **OLD,
    "job_id": 3,
    "job_state": ["RUNNING", "COMPLETING"],
    "cpus": {"set": True, "infinite": False, "number": 8},
    "start_time": {"set": False, "infinite": False, "number": 99},
}


def test_a_word_as_state_is_read() -> None:
    (job,) = parse_jobs(document(OLD))
    assert (job.job_id, job.state, job.cpus, job.started_at, job.reason) == (12, "RUNNING", 8, 1771000000, "")
    assert job.working_directory == "/fsx/analysis_results/a/b"


def test_lists_and_number_objects_are_read() -> None:
    (job,) = parse_jobs(document(NEW))
    assert (job.state, job.cpus, job.started_at, job.is_active) == ("RUNNING+COMPLETING", 8, 0, True)


def test_jobs_come_by_id() -> None:
    assert [job.job_id for job in parse_jobs(document(OLD, NEW))] == [3, 12]


@pytest.mark.parametrize(
    ("state", "active"),
    [("PENDING", True), ("SUSPENDED", True), ("NEVER_HEARD_OF", True), ("COMPLETED", False), ("CANCELLED", False),
     (["FAILED"], False), (["COMPLETED", "COMPLETING"], True), ("OUT_OF_MEMORY", False)],
)  # fmt: skip
def test_an_unknown_state_counts_as_active(state: Any, active: bool) -> None:
    (job,) = parse_jobs(document({**OLD, "job_state": state}))
    assert job.is_active is active


def test_talk_before_the_document_is_skipped() -> None:
    assert len(parse_jobs("squeue: warning\n" + document(OLD))) == 1


@pytest.mark.parametrize("text", ["", "slurm_load_jobs error", "{}", '{"jobs": {}', '{"jobs": [{}]}', '{"jobs": null}'])
def test_an_answer_that_is_not_understood_is_no_empty_queue(text: str) -> None:
    with pytest.raises(RemoteCommandFailed):
        parse_jobs(text)


def test_errors_in_the_answer_are_an_error() -> None:
    with pytest.raises(RemoteCommandFailed, match="Unable to contact"):
        parse_jobs(document(errors=[{"error": "Unable to contact slurm controller"}]))
