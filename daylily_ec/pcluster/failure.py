"""Turns a failed creation into an error whose first lines say what broke."""

from __future__ import annotations

import re
from dataclasses import dataclass

from daylily_ec.aws.boot import BootLog, BootLogsApi
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import AwsError, ClusterFailed, DeadlinePassed, DyecError
from daylily_ec.pcluster.monitor import Ended
from daylily_ec.pcluster.runner import CreationFailure, PclusterApi
from daylily_ec.util.clock import Clock, wait_until

_SCRIPT_FAILED = re.compile(r"Failed to (?:execute|run|download) (OnNode\w+) script")
_RETURN_CODE = re.compile(r"return code: (\d+)")
_TAIL_LINES = 20
_LOG_WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class BootFailure:
    """A custom action that failed on the head node; `exit_code` is None when nobody reported one."""

    action: str
    script: str
    exit_code: int | None
    tail: tuple[str, ...]
    log: str = ""


def explain(
    ended: Ended,
    name: ClusterName,
    region: str,
    scripts: dict[str, str],
    logs: BootLogsApi,
    pcluster: PclusterApi,
    clock: Clock,
) -> ClusterFailed:
    """The error for a creation that failed; `scripts` maps custom actions to their S3 URIs."""
    events = ended.progress.failed
    known = _failures(pcluster, name)
    boot = _boot_failure([event.reason for event in events], ended, name, scripts, logs, clock)
    status = ended.stack.status if ended.stack else "gone"
    lines = [_headline(name, status, boot, [str(event) for event in events])]
    if boot:
        lines += [f"Last lines of its output ({boot.log or 'no log has arrived in CloudWatch'}):"]
        lines += [f"  | {line}" for line in boot.tail]
    lines += [f"ParallelCluster: {item.code}: {item.reason}" for item in known]
    lines += [f"CloudFormation: {event}" for event in events]
    return ClusterFailed(
        "\n".join(lines), code="boot_script_failed" if boot else None,
        details={"cluster": name, "status": status, "boot": boot, "failures": known, "events": events},
        hint=f"dyec delete --region {region} --cluster {name}, correct the cause, then run the same command again.",
    )  # fmt: skip


def _headline(name: ClusterName, status: str, boot: BootFailure | None, events: list[str]) -> str:
    if boot is None:
        return (
            f"Cluster {name} was not created ({status}): {events[0] if events else 'no failed resource was reported'}"
        )
    code = "unknown exit code" if boot.exit_code is None else f"exit code {boot.exit_code}"
    return f"Cluster {name} was not created: boot script {boot.script} failed with {code} on the head node."


def _boot_failure(
    reasons: list[str], ended: Ended, name: ClusterName, scripts: dict[str, str], logs: BootLogsApi, clock: Clock
) -> BootFailure | None:
    found = next((match for reason in reasons if (match := _SCRIPT_FAILED.search(reason))), None)
    if found is None:
        return None
    log = _log(logs, name, ended.progress.head_node, clock)
    place = f"{log.group} {log.stream}" if log else ""
    code = _RETURN_CODE.search(found.string, found.end())
    script = scripts.get(found[1], found[1])
    return BootFailure(found[1], script, int(code[1]) if code else None, log.lines if log else (), place)


def _log(logs: BootLogsApi, name: ClusterName, instance: str, clock: Clock) -> BootLog | None:
    """The most telling boot log; nodes deliver their lines some seconds after the fact."""
    try:
        tails = wait_until(lambda: _tails(logs, name, instance), done=bool, what="boot log", deadline=_LOG_WAIT_S,
                           first=1.0, every=5.0, clock=clock)  # fmt: skip
    except DeadlinePassed:
        return None
    order = (".cloud-init-output", ".cfn-init", "")
    return min(tails, key=lambda log: next(rank for rank, end in enumerate(order) if log.stream.endswith(end)))


def _tails(logs: BootLogsApi, name: ClusterName, instance: str) -> tuple[BootLog, ...]:
    try:
        return tuple(log for log in logs.tails(name, instance, _TAIL_LINES) if log.lines)
    except AwsError:
        # The reason of the failure matters more than its log; an unreadable log must not hide it.
        return ()


def _failures(pcluster: PclusterApi, name: ClusterName) -> tuple[CreationFailure, ...]:
    try:
        return pcluster.failures(name)
    except DyecError:
        return ()
