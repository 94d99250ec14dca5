"""The part of a head node that AWS sees: it boots, signals CloudFormation, writes logs and keeps the fleet's status.

On a real head node these are cloud-init, cfn-init, cfn-signal, the CloudWatch agent and clusterstatusmgtd.
https://docs.aws.amazon.com/parallelcluster/latest/ug/troubleshooting-v3.html
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudformation.models import Stack
from moto.dynamodb.exceptions import ResourceNotFoundException
from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models.instances import Instance
from moto.logs.models import logs_backends

from daylily_ec.localcloud.cluster_spec import node_spec
from daylily_ec.localcloud.runtime import BootPlan, Runtime, current
from daylily_ec.localcloud.seams import BootResult
from daylily_ec.localcloud.signals import handle_urls, send_signal

_log = logging.getLogger(__name__)
READY = "HeadNode setup complete"
POLL_SECONDS = 0.25
TRANSITION_SECONDS = 0.5
TABLE_SECONDS = 60.0
"""How long the fleet's table may take to appear."""
TRANSITIONS = {"STOP_REQUESTED": ("STOPPING", "STOPPED"), "START_REQUESTED": ("STARTING", "RUNNING")}
FAILED_SCRIPT = (
    "Failed to execute OnNodeConfigured script, return code: {code}. Please check /var/log/cfn-init.log in the head "
    "node, or check the cfn-init.log in CloudWatch logs."
)


@dataclass(frozen=True, slots=True)
class HeadNode:
    """One head node of one cluster's stack."""

    stack: Stack
    instance: Instance
    cluster: str


def start_agent(node: HeadNode) -> None:
    """Boot the head node in the background and stay with it until it is terminated."""
    thread = threading.Thread(target=_Agent(node, current()).run, name=f"head node {node.cluster}", daemon=True)
    thread.start()


class _Agent:
    def __init__(self, node: HeadNode, runtime: Runtime) -> None:
        self._node = node
        self._runtime = runtime
        self._closing = runtime.closing
        self._streams = _Streams(node)
        self._fleet = _Fleet(node)
        self._signalled: set[str] = set()

    def run(self) -> None:
        try:
            result = self._boot(self._runtime.switches.boot_plan(self._node.cluster))
            if self._gone():
                return
            if result.ok:
                self._await_fleet()
            self._signal(result)
            self._attend(result)
        except Exception:
            _log.exception("head node of %s", self._node.cluster)

    def _boot(self, plan: BootPlan) -> BootResult:
        self._streams.write("cfn-init", "-----------------------Starting build-----------------------")
        self._closing.wait(plan.delay)
        if self._gone():
            return BootResult(False, "the head node was terminated", 1)
        result = self._try_boot(plan)
        for line in () if result.ok else result.tail:
            self._streams.write("cfn-init", f"[ERROR] {line}")
        self._streams.write("cfn-init", READY if result.ok else f"[ERROR] {result.reason}")
        return result

    def _try_boot(self, plan: BootPlan) -> BootResult:
        if plan.fail is not None:
            code = plan.fail.exit_code
            for line in plan.fail.tail:
                self._streams.write("cloud-init-output", line)
            return BootResult(False, plan.fail.reason or FAILED_SCRIPT.format(code=code), code, plan.fail.tail)
        unavailable = self._runtime.manager.unavailable()
        if unavailable is not None:
            _log.warning("head node of %s not booted: %s", self._node.cluster, unavailable)
            self._streams.write("cloud-init-output", f"local cloud: not booted: {unavailable}")
            return BootResult(True, READY, 0)
        try:
            spec = node_spec(self._node.stack, self._node.instance, self._node.cluster)
            return self._runtime.manager.boot(spec, lambda line: self._streams.write("cloud-init-output", line))
        except Exception as error:
            _log.exception("boot of %s", self._node.cluster)
            return BootResult(False, f"Failed to bootstrap the head node. {type(error).__name__}: {error}", 1)

    def _gone(self) -> bool:
        return self._closing.is_set() or self._node.instance.state not in ("running", "pending")

    def _await_fleet(self) -> None:
        deadline = time.monotonic() + TABLE_SECONDS
        while not self._fleet.put("RUNNING") and time.monotonic() < deadline and not self._gone():
            self._closing.wait(POLL_SECONDS)

    def _signal(self, result: BootResult) -> None:
        for url in handle_urls(self._node.stack):
            if url not in self._signalled:
                self._signalled.add(url)
                send_signal(url, ok=result.ok, reason=result.reason, unique_id=self._node.instance.id)

    def _attend(self, result: BootResult) -> None:
        """Follow start and stop requests; signal the handles that updates of the stack add."""
        while not self._gone():
            self._closing.wait(POLL_SECONDS)
            self._signal(result)
            step = TRANSITIONS.get(self._fleet.status() or "")
            if step is not None:
                self._fleet.put(step[0])
                self._closing.wait(TRANSITION_SECONDS)
                self._fleet.put(step[1])


class _Fleet:
    """The compute fleet's record in the cluster's DynamoDB table, where pcluster reads and writes it."""

    def __init__(self, node: HeadNode) -> None:
        self._table = f"parallelcluster-{node.cluster}"
        self._where = (node.stack.account_id, node.stack.region_name)

    def put(self, status: str) -> bool:
        """Write the status; False while (or after) there is a table."""
        data = {"status": {"S": status}, "lastStatusUpdatedTime": {"S": str(datetime.now(UTC))}}
        try:
            self._backend().put_item(self._table, {"Id": {"S": "COMPUTE_FLEET"}, "Data": {"M": data}})
        except ResourceNotFoundException:
            return False
        return True

    def status(self) -> str | None:
        """The status that was written last, by anyone."""
        try:
            item = self._backend().get_item(self._table, {"Id": {"S": "COMPUTE_FLEET"}})
        except ResourceNotFoundException:
            return None
        return None if item is None else str(item.attrs["Data"].value["status"].value)

    def _backend(self) -> Any:
        return dynamodb_backends[self._where[0]][self._where[1]]


class _Streams:
    """The node's log streams in the cluster's CloudWatch log group, if the cluster has one."""

    def __init__(self, node: HeadNode) -> None:
        self._group = str(node.stack.stack_parameters.get("ClusterCWLogGroup", "NONE"))
        self._prefix = f"{node.instance.private_dns_name.split('.')[0]}.{node.instance.id}"
        self._logs = logs_backends[node.stack.account_id][node.stack.region_name]

    def write(self, name: str, line: str) -> None:
        """Append one line to the stream of one log file."""
        if self._group not in self._logs.groups:
            return
        stream = f"{self._prefix}.{name}"
        self._logs.ensure_log_stream(self._group, stream)
        event = {"timestamp": int(time.time() * 1000), "message": line}
        self._logs.put_log_events(self._group, stream, [event])
