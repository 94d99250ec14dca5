"""Slurm's queue, read from its own JSON.

Shapes differ by release: 22.05 gives `job_state` as a word and plain numbers; later ones give a list of words and
numbers as `{"set", "infinite", "number"}` objects.  Both are read; an answer that is neither is an error, because an
empty queue must never be the result of not understanding.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.remote import Remote, RemoteScript

_ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED",
    "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SlurmJob:
    """One job of the queue; times are Unix seconds, 0 when not known; `states` begins with the base state."""

    job_id: int
    name: str
    user: str
    partition: str
    states: tuple[str, ...]
    reason: str
    nodes: str
    cpus: int
    started_at: int
    working_directory: str

    @property
    def state(self) -> str:
        """The states in one word, such as `RUNNING` or `RUNNING+COMPLETING`."""
        return "+".join(self.states)

    @property
    def is_active(self) -> bool:
        """Whether it waits, runs or still completes; a state that is not known counts as active."""
        return "COMPLETING" in self.states or not set(self.states) & _ENDED

    def to_json(self) -> dict[str, Any]:
        """Its fields, `state` and `active`."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "state": self.state, "active": self.is_active}


def list_jobs(remote: Remote) -> tuple[SlurmJob, ...]:
    """Every job that the controller knows, by id; `RemoteCommandFailed` when Slurm cannot be asked."""
    result = remote.run(RemoteScript.packaged("slurm_jobs"), {}, 60)
    return parse_jobs(result.require_success("squeue").stdout)


def parse_jobs(text: str) -> tuple[SlurmJob, ...]:
    """The jobs in the output of `squeue --json`."""
    try:
        document = json.loads(text[text.index("{") :])
        errors = document.get("errors") or []
        jobs = tuple(sorted((_job(item) for item in document["jobs"]), key=lambda job: job.job_id))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RemoteCommandFailed(f"squeue gave an answer that is not understood: {error!r}",
                                  details={"stdout": text[:2000]}) from error  # fmt: skip
    if errors:
        raise RemoteCommandFailed(f"squeue reports errors: {json.dumps(errors)}", details={"errors": errors})
    return jobs


def _job(item: dict[str, Any]) -> SlurmJob:
    states = item["job_state"]
    return SlurmJob(
        job_id=int(item["job_id"]),
        name=_text(item.get("name")),
        user=_text(item.get("user_name")),
        partition=_text(item.get("partition")),
        states=(states,) if isinstance(states, str) else tuple(map(str, states)),
        reason=_text(item.get("state_reason")).replace("None", ""),
        nodes=_text(item.get("nodes")),
        cpus=_number(item.get("cpus")),
        started_at=_number(item.get("start_time")),
        working_directory=_text(item.get("current_working_directory")),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    if isinstance(value, dict):
        value = value.get("number", 0) if value.get("set") and not value.get("infinite") else 0
    return int(value or 0)
