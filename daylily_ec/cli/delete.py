"""`dyec delete`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.options import DryRun, Profile
from daylily_ec.cli.render import emit, pairs, table, text
from daylily_ec.cli.session import services
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import MissingInput, Refused
from daylily_ec.state.store import StateStore
from daylily_ec.workflow.delete_cluster import Deleted, delete_cluster
from daylily_ec.workflow.delete_plan import plan_deletion
from daylily_ec.workflow.delete_results import ResultsFate
from daylily_ec.workflow.deletion import Acknowledged, DeleteRequest, DeletionPlan, FileSystemPlan
from daylily_ec.workflow.leftovers import Holdings, Item

app = App()
WORDS = "please delete"

OptionalCluster = Annotated[str | None, typer.Option("--cluster", "--cluster-name", help="Cluster name.")]
OptionalRegion = Annotated[
    str | None, typer.Option("--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="AWS region.")
]
StateFile = Annotated[Path | None, typer.Option("--state-file", help="Take name, region and profile from it.")]


@app.command()
def delete(
    cluster: OptionalCluster = None,
    region: OptionalRegion = None,
    profile: Profile = None,
    state_file: StateFile = None,
    yes: Annotated[bool, typer.Option("--yes", help=f"Do not ask for '{WORDS}'.")] = False,
    dry_run: DryRun = False,
    abandon_exports: Annotated[bool, typer.Option("--abandon-exports", help="Lose unfinished exports.")] = False,
    exports_unknown_ok: Annotated[
        bool, typer.Option("--exports-unknown-ok", help="Delete although FSx does not tell whether an export runs.")
    ] = False,
    lose_results: Annotated[
        bool, typer.Option("--lose-results", help="Lose analysis directories without a verified receipt.")
    ] = False,
    kill_jobs: Annotated[bool, typer.Option("--kill-jobs", help="Lose waiting and running Slurm jobs.")] = False,
    node_unreachable_ok: Annotated[
        bool, typer.Option("--node-unreachable-ok", help="Delete although nobody can tell whether jobs run.")
    ] = False,
    receipt: Annotated[
        list[str] | None, typer.Option("--receipt", help="fsx_export.yaml, its S3 URI, or a destination (repeatable).")
    ] = None,
) -> None:
    """Delete a cluster, unless results, an export or a job would be lost; run again to go on waiting."""
    store = StateStore(config_dir())
    name, place, who = _resolve(store, state_file, cluster, region, profile)
    accepted = Acknowledged(abandon_exports, exports_unknown_ok, lose_results, kill_jobs, node_unreachable_ok)
    request = DeleteRequest(name, accepted, tuple(receipt or ()))
    reach = services(who, place)
    if dry_run:
        emit(plan := plan_deletion(reach, request))
        raise typer.Exit(1 if plan.closed else 0)
    emit(delete_cluster(reach, request, store, _show if yes else _confirm))


def _resolve(
    store: StateStore, state_file: Path | None, cluster: str | None, region: str | None, profile: str | None
) -> tuple[ClusterName, str, str | None]:
    record = store.load(state_file) if state_file is not None else None
    name = cluster or (record.cluster_name if record else None)
    place = region or (record.region if record else None)
    if not name or not place:
        missing = " and ".join(flag for flag, value in (("--cluster", name), ("--region", place)) if not value)
        raise MissingInput(f"It is not known what to delete: {missing} missing.", hint="Or give --state-file.")
    return ClusterName.parse(name), place, profile or (record.aws_profile if record else None) or None


def _show(plan: DeletionPlan) -> None:
    """What is about to go, what it costs, and what of that could not be found out."""
    sys.stderr.write(text(plan))


def _confirm(plan: DeletionPlan) -> None:
    """Ask for the words on the terminal; without one nothing is deleted."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise MissingInput(f"Deleting {plan.cluster_name} needs a confirmation, and there is no terminal.",
                           hint="Look at it with --dry-run, then add --yes.", evidence=plan)  # fmt: skip
    _show(plan)
    sys.stderr.write(f"Type '{WORDS}' to delete {plan.cluster_name}: ")
    sys.stderr.flush()
    if sys.stdin.readline().removesuffix("\n") != WORDS:
        raise Refused(f"{plan.cluster_name} is not deleted: the words were not '{WORDS}'.", code="not_confirmed")


@text.register
def _(plan: DeletionPlan) -> str:
    node = plan.head_node
    facts = {
        "cluster": f"{plan.cluster_name} in {plan.region}", "status": plan.status, "stack": plan.stack_id,
        "head node": f"{node.instance_id} {node.instance_type} {node.state}" if node else "none", "jobs": _jobs(plan),
        "costs now": f"${plan.usd_per_hour:,.2f} an hour" + (" at least" if plan.holdings.unpriced else ""),
    }  # fmt: skip
    lines = [pairs(facts), *map(_file_system, plan.file_systems), _results(plan)]
    going = tuple(item for item in plan.holdings.items if item.id not in plan.stays)
    lines += [_items("Goes", going), _items("Stays", plan.staying), _problems(plan.holdings)]
    for gate in plan.gates:
        word = "acknowledged" if gate.acknowledged else "REFUSES"
        lines.append(f"{word}: {gate.fact} ({gate.flag})\n")
    return "".join(lines)


def _jobs(plan: DeletionPlan) -> str:
    if plan.jobs is None:
        return f"unknown: {plan.jobs_problem}"
    return ", ".join(f"{job.job_id} {job.name} {job.state}" for job in plan.jobs) or "none"


def _file_system(system: FileSystemPlan) -> str:
    fate = "is kept and goes on costing" if system.is_kept else "goes with everything on it"
    lines = [f"file system {system.file_system_id} {fate} (DeletionPolicy {system.deletion_policy})\n"]
    lines += [f"  {one.id} {one.path.on_node} -> {one.source} ({one.lifecycle})\n" for one in system.associations]
    lines += [f"  {task.id} {', '.join(task.paths)} ({task.progress})\n" for task in system.tasks if task.is_export]
    return "".join(lines)


def _results(plan: DeletionPlan) -> str:
    if plan.results is None:
        return f"analysis directories: unknown: {plan.results_problem}\n"
    return "".join(f"{one.path} ({one.files:,} files, {one.bytes:,} bytes): {_fate(one)}\n" for one in plan.results)


def _fate(one: ResultsFate) -> str:
    if not one.is_safe:
        return f"WOULD BE LOST: {one.reason}"
    return f"safe in {one.destination_s3_uri}, verified {one.verified_at} (mode {one.mode})"


def _items(title: str, items: tuple[Item, ...]) -> str:
    if not items:
        return ""
    rows = [[item.kind, item.id, item.state or "-", item.size or "-", _price(item)] for item in items]
    known = sum(item.usd_per_day or 0.0 for item in items)
    return f"{title}:\n{table(['KIND', 'ID', 'STATE', 'SIZE', '$/DAY'], rows)}{title} together: ${known:,.2f} a day\n"


def _price(item: Item) -> str:
    return f"unknown ({item.problem})" if item.usd_per_day is None else f"{item.usd_per_day:,.2f}"


def _problems(holdings: Holdings) -> str:
    return "".join(f"not looked for, {problem}\n" for problem in holdings.problems)


@text.register
def _(result: Holdings) -> str:
    return (_items("Left", result.items) or "Nothing is left.\n") + _problems(result)


@text.register
def _(result: Deleted) -> str:
    kept = f"Kept and still costing: {', '.join(result.kept)}\n" if result.kept else ""
    proof = f"{result.cluster_name} in {result.region} is deleted: its stack is not found any more.\n"
    return proof + kept + text(result.leftovers)
