"""Asks everything about a cluster that its deletion depends on, by read-only calls, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from daylily_ec.aws import clusters
from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.fsx import Association, Task
from daylily_ec.errors import CredentialsExpired, DyecError, NoCredentials
from daylily_ec.fsx.results import Results, look
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.slurm import SlurmJob, list_jobs
from daylily_ec.workflow.delete_gates import gates
from daylily_ec.workflow.delete_results import Evidence, ResultsFate, judge, read_receipts
from daylily_ec.workflow.deletion import DELETING, KEEPS, DeleteRequest, DeletionPlan, FileSystemPlan, is_shared
from daylily_ec.workflow.leftovers import Holdings, look_for
from daylily_ec.workflow.services import Services

_NEVER_USED = ("CREATE_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_")
_ALWAYS = ("budget", "snapshot")
_LOGS = "log group"

T = TypeVar("T")


def plan_deletion(services: Services, request: DeleteRequest, *, priced: bool = True) -> DeletionPlan:
    """Everything that goes and every gate, by read-only calls; `NotFound` when there is no such cluster.

    Without `priced` the holdings are left out: the gates alone are asked.
    """
    view = clusters.require(services.clusters, request.cluster, services.context.region)
    named = read_receipts(services, request.receipts)
    with ThreadPoolExecutor(max_workers=8) as pool:
        policies = pool.submit(services.retention.policies, view.stack_id)
        holdings = pool.submit(look_for, services, request.cluster, view.artifacts, view.stack_id) if priced else None
        asked = pool.submit(_ask_node, services, view)
        found = {name: pool.submit(_exports, services, name) for name in view.file_system_ids}
        systems = tuple(_file_system(name, policies, exports) for name, exports in found.items())
        node = asked.result()
        owned = holdings.result() if holdings else Holdings(())
    evidence = Evidence(
        view.file_system_ids, tuple(one for system in systems for one in system.associations),
        tuple(one for system in systems for one in system.tasks), named,
    )  # fmt: skip
    results, problem = _results(services, node, systems, evidence)
    plan = DeletionPlan(
        view.name, view.region, view.status, view.stack_id, view.head_node, systems, node.jobs, node.jobs_problem,
        results, problem, owned, _stays(owned, policies.result(), systems),
        view.artifacts,
    )  # fmt: skip
    return replace(plan, gates=gates(plan, request.acknowledged))


@dataclass(frozen=True, slots=True)
class _Node:
    """What the head node says: its queue and its analysis directories, each None with the reason when it does not."""

    remote: Remote | None
    jobs: tuple[SlurmJob, ...] | None = ()
    jobs_problem: str = ""
    found: tuple[Results, ...] | None = ()
    found_problem: str = ""


def _ask_node(services: Services, view: ClusterView) -> _Node:
    """Without a head node there is no Slurm, so no jobs; what lies on a file system of a used cluster is not known."""
    if view.status == DELETING:
        return _Node(None)
    if view.head_node is None:
        if not view.file_system_ids or view.status.startswith(_NEVER_USED):
            return _Node(None)
        return _Node(None, found=None, found_problem="there is no head node that could be asked")
    try:
        remote = services.headnodes.connect(view)
    except (CredentialsExpired, NoCredentials):
        raise
    except DyecError as error:
        return _Node(None, None, error.message, None, error.message)
    jobs, jobs_problem = _told(lambda: tuple(job for job in list_jobs(remote) if job.is_active))
    found, problem = _told(lambda: look(remote, mounted=bool(view.file_system_ids)))
    return _Node(remote, jobs, jobs_problem, found, problem)


def _told(ask: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return ask(), ""
    except (CredentialsExpired, NoCredentials):
        raise
    except DyecError as error:
        return None, error.message


def _results(
    services: Services, node: _Node, systems: tuple[FileSystemPlan, ...], evidence: Evidence
) -> tuple[tuple[ResultsFate, ...] | None, str]:
    """The fate of every analysis directory; a file system that is kept keeps them."""
    if systems and all(system.is_kept for system in systems):
        return (), ""
    if node.found is None or (node.found and node.remote is None):
        return None, node.found_problem
    return (judge(services, node.remote, node.found, evidence) if node.remote else ()), ""


def _exports(services: Services, name: str) -> tuple[tuple[Association, ...], tuple[Task, ...], str]:
    def ask() -> tuple[tuple[Association, ...], tuple[Task, ...]]:
        return services.fsx.associations(name), services.fsx.tasks(name)

    told, problem = _told(ask)
    return (*(told or ((), ())), problem)


def _file_system(
    file_system_id: str,
    policies: Future[Mapping[str, str]],
    exports: Future[tuple[tuple[Association, ...], tuple[Task, ...], str]],
) -> FileSystemPlan:
    # A file system that the stack did not make is not deleted with it.
    policy = policies.result().get(file_system_id, "Retain")
    return FileSystemPlan(file_system_id, policy, *exports.result())


def _stays(owned: Holdings, policies: Mapping[str, str], systems: tuple[FileSystemPlan, ...]) -> tuple[str, ...]:
    """Ids of what outlives the stack: by its policy, or because nobody deletes it."""
    kept = {system.file_system_id for system in systems if system.is_kept}
    kept |= {name for name, policy in policies.items() if policy.startswith(KEEPS)}
    # Functions write their logs into groups that are no part of the stack.
    kept |= {item.id for item in owned.items if item.kind == _LOGS and item.id not in policies}
    return tuple(item.id for item in owned.items if item.id in kept or item.kind in _ALWAYS or is_shared(item))
