"""Slurm's queue in the shapes of its releases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.slurm import SlurmJob, parse_jobs


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


def recorded(name: str) -> list[SlurmJob]:
    return list(parse_jobs((Path(__file__).parent / "data" / f"squeue_{name}.json").read_text()))


RELEASES = {
    "23.02_v0.0.39": {5: ("CANCELLED", 8, 1771000050, False), 7: ("RUNNING", 8, 1771000060, True),
                      8: ("PENDING", 8, 0, True)},
    "23.11_v0.0.40": {5: ("CANCELLED+COMPLETING", 8, 1771000050, True), 7: ("RUNNING", 8, 1771000060, True),
                      8: ("PENDING", 8, 0, True), 9: ("RUNNING+CONFIGURING", 8, 1771000090, True)},
    "24.05_v0.0.41": {4: ("COMPLETED", 0, 0, False), 5: ("TIMEOUT", 8, 1771000050, False),
                      7: ("RUNNING", 8, 1771000060, True), 8: ("PENDING", 8, 0, True),
                      9: ("RUNNING+CONFIGURING", 8, 1771000090, True)},
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), RELEASES.items())
def test_every_release_gives_the_same_jobs(name: str, expected: dict[int, tuple[str, int, int, bool]]) -> None:
    jobs = {job.job_id: job for job in recorded(name)}
    assert {key: (job.state, job.cpus, job.started_at, job.is_active) for key, job in jobs.items()} == expected
    assert (jobs[7].nodes, jobs[7].user, jobs[7].partition, jobs[7].reason) == ("i8-dy-r7gb64-1", "ubuntu", "i8", "")
    assert jobs[7].working_directory == "/fsx/analysis_results/ubuntu/a1/work"
    assert jobs[8].reason == "Resources"


def test_the_recorded_answer_of_22_05_is_read() -> None:
    running, waiting = recorded("22.05")
    assert (running.state, running.cpus, running.user, running.partition) == ("RUNNING", 1, "ubuntu", "i8")
    assert (waiting.state, waiting.reason, waiting.started_at) == ("PENDING", "JobHeldUser", 0)
    assert running.started_at > 1_700_000_000


def test_talk_before_the_document_is_skipped() -> None:
    assert len(parse_jobs("squeue: warning\n" + document(OLD))) == 1


@pytest.mark.parametrize("text", ["", "slurm_load_jobs error", "{}", '{"jobs": {}', '{"jobs": [{}]}', '{"jobs": null}'])
def test_an_answer_that_is_not_understood_is_no_empty_queue(text: str) -> None:
    with pytest.raises(RemoteCommandFailed):
        parse_jobs(text)


def test_errors_in_the_answer_are_an_error() -> None:
    with pytest.raises(RemoteCommandFailed, match="Unable to contact"):
        parse_jobs(document(errors=[{"error": "Unable to contact slurm controller"}]))
