"""Reads and checks `SendCommand` requests.

Limits: API reference, SendCommand; parameters: the document AWS-RunShellScript.  The 97 KB for parameters and document
together are in no public page; the number is from the service's own message, as users report it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from daylily_ec.localcloud.ssm.commands import Request
from daylily_ec.localcloud.ssm.documents import RUN_SHELL_SCRIPT, TIMEOUT_PATTERN, content
from daylily_ec.localcloud.ssm.errors import constraint, error
from daylily_ec.localcloud.ssm.inventory import Inventory, ManagedNode, Scope

MAX_COMMENT = 100
MAX_INSTANCES = 50
DELIVERY_TIMEOUT = 3600
DELIVERY_RANGE = (30, 2_592_000)
EXECUTION_TIMEOUT = 3600
MIN_EXECUTION_TIMEOUT = 5
"""The agent takes a smaller execution timeout for the default (public source of the SSM agent)."""
MAX_TOTAL_BYTES = 97 * 1024
_PARAMETERS = frozenset({"commands", "workingDirectory", "executionTimeout"})
_VERSIONS = frozenset({"", "$DEFAULT", "$LATEST", "1"})
_BAD_PARAMETERS = "Parameters provided in document are invalid or not supported."


def read_send(
    query: Mapping[str, Any], scope: Scope, inventory: Inventory, bucket_exists: Callable[[str, str], bool]
) -> Request:
    """The request as something that can be run; raises the error that the service would answer."""
    _check_document(query)
    _check_limits(query)
    parameters = {str(key): [str(value) for value in values] for key, values in query.get("Parameters", {}).items()}
    _check_size(parameters)
    instance_ids = _instances(query, scope, inventory)
    bucket = query.get("OutputS3BucketName", "")
    if bucket and not bucket_exists(scope.account, bucket):
        raise error("InvalidOutputFolder", f"The S3 bucket {bucket} does not exist.")
    return Request(
        scope=scope,
        instance_ids=instance_ids,
        commands=_lines(parameters),
        parameters=parameters,
        document=RUN_SHELL_SCRIPT,
        document_version=query.get("DocumentVersion") or "$DEFAULT",
        delivery_timeout=int(query.get("TimeoutSeconds") or DELIVERY_TIMEOUT),
        execution_timeout=_execution_timeout(parameters),
        comment=query.get("Comment", ""),
        targets=tuple(query.get("Targets", [])),
        bucket=bucket,
        prefix=query.get("OutputS3KeyPrefix", ""),
        max_concurrency=query.get("MaxConcurrency", "50"),
        max_errors=query.get("MaxErrors", "0"),
        service_role=query.get("ServiceRoleArn", ""),
    )


def _check_document(query: Mapping[str, Any]) -> None:
    name = str(query.get("DocumentName", ""))
    if name.rpartition("document/")[2] != RUN_SHELL_SCRIPT:
        raise error("InvalidDocument", f"Document {name} does not exist, or is none that the local cloud can run.")
    if query.get("DocumentVersion", "") not in _VERSIONS:
        raise error("InvalidDocumentVersion", f"{name} has no version {query['DocumentVersion']}.")


def _check_limits(query: Mapping[str, Any]) -> None:
    comment, timeout, listed = query.get("Comment", ""), query.get("TimeoutSeconds"), query.get("InstanceIds", [])
    low, high = DELIVERY_RANGE
    if len(comment) > MAX_COMMENT:
        raise constraint("comment", comment, f"have length less than or equal to {MAX_COMMENT}")
    if len(listed) > MAX_INSTANCES:
        raise constraint("instanceIds", listed, f"have length less than or equal to {MAX_INSTANCES}")
    if timeout is not None and int(timeout) < low:
        raise constraint("timeoutSeconds", timeout, f"have value greater than or equal to {low}")
    if timeout is not None and int(timeout) > high:
        raise constraint("timeoutSeconds", timeout, f"have value less than or equal to {high}")


def _check_size(parameters: Mapping[str, list[str]]) -> None:
    given = sum(len(text.encode()) for name, values in parameters.items() for text in (name, *values))
    if given + len(content(RUN_SHELL_SCRIPT).encode()) > MAX_TOTAL_BYTES:
        text = "The total size of your parameter(s) and document exceeds the 97KB limit."
        raise error("MaxDocumentSizeExceeded", text)


def _instances(query: Mapping[str, Any], scope: Scope, inventory: Inventory) -> tuple[str, ...]:
    listed = [str(item) for item in query.get("InstanceIds", [])]
    targets = query.get("Targets", [])
    if not listed and not targets:
        raise error("InvalidInstanceId", "Neither InstanceIds nor Targets were given.")
    if len(set(listed)) < len(listed):
        raise error("DuplicateInstanceId")
    unmanaged = [item for item in listed if inventory.find(scope, item) is None]
    if unmanaged:
        where = f"[[{', '.join(unmanaged)}]] not in a valid state for account {scope.account}"
        raise error("InvalidInstanceId", f"Instances {where}")
    matching = [node.instance_id for node in inventory.nodes(scope) if targets and _matches(node, targets)]
    chosen = tuple(dict.fromkeys([*listed, *matching]))
    if not chosen:
        raise error("InvalidInstanceId", "No managed node matches the targets.")
    return chosen


def _matches(node: ManagedNode, targets: list[dict[str, Any]]) -> bool:
    return all(_matches_target(node, str(target.get("Key", "")), target.get("Values", [])) for target in targets)


def _matches_target(node: ManagedNode, key: str, values: list[str]) -> bool:
    if key.lower() == "instanceids":
        return node.instance_id in values
    if key.startswith("tag:"):
        return node.tags.get(key.removeprefix("tag:")) in values
    if key == "tag-key":
        return not node.tags.keys().isdisjoint(values)
    raise error("ValidationException", f"Target key {key} is not supported.")


def _lines(parameters: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The script's lines; a working directory is entered after an interpreter line."""
    lines = parameters.get("commands", [])
    if not lines or parameters.keys() - _PARAMETERS:
        raise error("InvalidParameters", _BAD_PARAMETERS)
    directory = "".join(parameters.get("workingDirectory", []))
    if not directory:
        return tuple(lines)
    head = int(lines[0].startswith("#!"))
    return (*lines[:head], f"cd -- {shlex.quote(directory)} || exit 1", *lines[head:])


def _execution_timeout(parameters: Mapping[str, list[str]]) -> int:
    given = "".join(parameters.get("executionTimeout", [])) or str(EXECUTION_TIMEOUT)
    if not re.fullmatch(TIMEOUT_PATTERN, given):
        raise error("InvalidParameters", _BAD_PARAMETERS)
    seconds = int(given)
    return seconds if seconds >= MIN_EXECUTION_TIMEOUT else EXECUTION_TIMEOUT
