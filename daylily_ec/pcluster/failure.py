"""Turns a failed creation into an error whose first lines say what broke."""

from __future__ import annotations

import re
from dataclasses import dataclass

from daylily_ec.aws.boot import BootLog, BootLogsApi
from daylily_ec.aws.cloudformation import StackEvent
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import AwsError, ClusterFailed, DeadlinePassed, DyecError
from daylily_ec.pcluster.monitor import Ended
from daylily_ec.pcluster.progress import Phase, phase_of
from daylily_ec.pcluster.runner import CreationFailure, PclusterApi
from daylily_ec.util.clock import Clock, wait_until

_SCRIPT_FAILED = re.compile(r"Failed to (?:execute|run|download) (OnNode\w+) script")
_RETURN_CODE = re.compile(r"return code: (\d+)")
_TAIL_LINES = 20
_LOG_WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class BootFailure:
    """A head node that did not come up; `action` and `script` are empty when no custom action is to blame.

    `exit_code` is None when nobody reported one.
    """

    action: str
    script: str
    exit_code: int | None
    tail: tuple[str, ...]
    log: str = ""


@dataclass(frozen=True, slots=True)
class Inquest:
    """Whom to ask why: the logs and ParallelCluster; `scripts` maps custom actions to their S3 URIs."""

    logs: BootLogsApi
    pcluster: PclusterApi
    clock: Clock
    scripts: dict[str, str]


def explain(ended: Ended, name: ClusterName, region: str, ask: Inquest) -> ClusterFailed:
    """The error for a creation that failed."""
    events = ended.progress.failed
    known = _failures(ask.pcluster, name)
    boot = _boot_failure(events, ended, name, ask)
    status = ended.stack.status if ended.stack else "gone"
    lines = [_headline(name, status, boot, [str(event) for event in events])]
    if boot:
        lines += [f"Last lines of its output ({boot.log or 'no log has arrived in CloudWatch'}):"]
        lines += [f"  | {line}" for line in boot.tail]
    lines += [f"ParallelCluster: {item.code}: {item.reason}" for item in known]
    lines += [f"CloudFormation: {event}" for event in events]
    return ClusterFailed(
        "\n".join(lines), code="boot_script_failed" if boot and boot.script else None,
        details={"cluster": name, "status": status, "boot": boot, "failures": known, "events": list(events)},
        hint=f"dyec delete --region {region} --cluster {name}, correct the cause, then run the same command again.",
    )  # fmt: skip


def _headline(name: ClusterName, status: str, boot: BootFailure | None, events: list[str]) -> str:
    if boot is None or not boot.script:
        return (
            f"Cluster {name} was not created ({status}): {events[0] if events else 'no failed resource was reported'}"
        )
    code = "unknown exit code" if boot.exit_code is None else f"exit code {boot.exit_code}"
    return f"Cluster {name} was not created: boot script {boot.script} failed with {code} on the head node."


def _boot_failure(events: list[StackEvent], ended: Ended, name: ClusterName, ask: Inquest) -> BootFailure | None:
    if not any(phase_of(event) is Phase.BOOT for event in events):
        return None
    found = next((match for event in events if (match := _SCRIPT_FAILED.search(event.reason))), None)
    log = _log(ask.logs, name, ended.progress.head_node, ask.clock)
    place, tail = (f"{log.group} {log.stream}", log.lines) if log else ("", ())
    if found is None:
        return BootFailure("", "", None, tail, place)
    code = _RETURN_CODE.search(found.string, found.end())
    return BootFailure(found[1], ask.scripts.get(found[1], found[1]), int(code[1]) if code else None, tail, place)


def _log(logs: BootLogsApi, name: ClusterName, instance: str, clock: Clock) -> BootLog | None:
    """The most telling boot log; nodes deliver their lines some seconds after the fact."""
    try:
        tails = wait_until(lambda: boot_logs(logs, name, instance, _TAIL_LINES), done=bool, what="boot log",
                           deadline=_LOG_WAIT_S, first=1.0, every=5.0, clock=clock)  # fmt: skip
    except DeadlinePassed:
        return None
    order = (".cloud-init-output", ".cfn-init", "")
    return min(tails, key=lambda log: next(rank for rank, end in enumerate(order) if log.stream.endswith(end)))


def boot_logs(logs: BootLogsApi, name: ClusterName, instance: str, lines: int) -> tuple[BootLog, ...]:
    """The last lines of each boot log that has any; none when the logs cannot be read."""
    try:
        return tuple(log for log in logs.tails(name, instance, lines) if log.lines)
    except AwsError:
        # The reason of the failure matters more than its log; an unreadable log must not hide it.
        return ()


def _failures(pcluster: PclusterApi, name: ClusterName) -> tuple[CreationFailure, ...]:
    try:
        return pcluster.failures(name)
    except DyecError:
        return ()
