"""What the nodes of a cluster logged while they booted (CloudWatch Logs).  All calls are reads.

ParallelCluster writes to `/aws/parallelcluster/<cluster>-<YYYYMMDDHHMM>`, a log group that outlives a rollback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.errors import AwsError

_PREFIX = "/aws/parallelcluster/"
_STREAMS = (".cloud-init-output", ".cfn-init", ".chef-client")
_PAGES_PER_LOOK = 5


@dataclass(frozen=True, slots=True)
class BootLog:
    """The last lines of one log stream, oldest first."""

    group: str
    stream: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogPosition:
    """How far a stream has been read; empty before the stream exists."""

    group: str = ""
    stream: str = ""
    token: str = ""


class BootLogsApi(Protocol):
    """What the product asks of the boot logs."""

    def tails(self, cluster: str, instance_id: str, limit: int) -> tuple[BootLog, ...]:
        """Last lines of the node's boot logs (any node when `instance_id` is empty); none when nothing was logged."""

    def following(self, cluster: str, instance_id: str, position: LogPosition) -> tuple[tuple[str, ...], LogPosition]:
        """The lines that the node's boot script printed since `position`, and the position behind them."""


class BootLogs:
    """`BootLogsApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def tails(self, cluster: str, instance_id: str, limit: int) -> tuple[BootLog, ...]:
        group = self._newest_group(cluster)
        if group is None:
            return ()
        names = [name for name in self._streams(group) if instance_id in name and name.endswith(_STREAMS)]
        return tuple(BootLog(group, name, self._last_lines(group, name, limit)) for name in sorted(names))

    def following(self, cluster: str, instance_id: str, position: LogPosition) -> tuple[tuple[str, ...], LogPosition]:
        place = position if position.stream else self._boot_output(cluster, instance_id)
        if place is None:
            return (), position
        lines: list[str] = []
        for _ in range(_PAGES_PER_LOOK):
            more = {"nextToken": place.token} if place.token else {}
            answer = self._context.client("logs").call(
                "get_log_events", logGroupName=place.group, logStreamName=place.stream, startFromHead=True, **more
            )
            lines += [line for event in answer["events"] for line in str(event["message"]).splitlines()]
            before, place = place.token, replace(place, token=answer["nextForwardToken"])
            # CloudWatch answers with the token it was given once there is nothing more.
            if place.token == before or not answer["events"]:
                break
        return tuple(lines), place

    def _boot_output(self, cluster: str, instance_id: str) -> LogPosition | None:
        group = self._newest_group(cluster)
        names = [name for name in self._streams(group) if instance_id in name] if group else []
        found = next((name for name in names if name.endswith(_STREAMS[0])), None)
        return LogPosition(group, found) if group and found else None

    def _newest_group(self, cluster: str) -> str | None:
        exact = re.compile(re.escape(f"{_PREFIX}{cluster}-") + r"\d{12,14}")
        groups = self._context.client("logs").pages(
            "describe_log_groups", "logGroups", logGroupNamePrefix=f"{_PREFIX}{cluster}-"
        )
        names = [group["logGroupName"] for group in groups if exact.fullmatch(group["logGroupName"])]
        return max(names, default=None)

    def _streams(self, group: str) -> list[str]:
        try:
            found = self._context.client("logs").pages("describe_log_streams", "logStreams", logGroupName=group)
            return [stream["logStreamName"] for stream in found]
        except AwsError as error:
            if aws_code(error) == "ResourceNotFoundException":
                return []
            raise

    def _last_lines(self, group: str, stream: str, limit: int) -> tuple[str, ...]:
        events = self._context.client("logs").call(
            "get_log_events", logGroupName=group, logStreamName=stream, limit=limit, startFromHead=False
        )["events"]
        lines = [line for event in events for line in str(event["message"]).splitlines()]
        return tuple(lines[-limit:])
