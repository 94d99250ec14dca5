"""What CloudFormation will keep when a cluster's stack is deleted.  Read-only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext

_DEFAULT = "Delete"
UNKNOWN = "unknown"


class RetentionApi(Protocol):
    """The one question."""

    def policies(self, stack: str) -> Mapping[str, str]:
        """DeletionPolicy by id of everything that the stack made; `unknown` when the template does not tell."""


class Retention:
    """`RetentionApi` through boto3: the stack's template and its resources."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def policies(self, stack: str) -> Mapping[str, str]:
        client = self._context.client("cloudformation")
        declared = _resources(client.call("get_template", StackName=stack)["TemplateBody"])
        return {
            item["PhysicalResourceId"]: _policy(declared, item["LogicalResourceId"])
            for item in client.pages("list_stack_resources", "StackResourceSummaries", StackName=stack)
            if item.get("PhysicalResourceId")
        }


def _policy(declared: Mapping[str, Any] | None, name: str) -> str:
    if declared is None or name not in declared:
        return UNKNOWN
    return str(declared[name].get("DeletionPolicy", _DEFAULT))


def _resources(body: Any) -> Mapping[str, Any] | None:
    """Resources of a template in JSON or YAML (ParallelCluster's is YAML), None when it cannot be read."""
    if not isinstance(body, str):
        found = body.get("Resources")
    else:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            found = (YAML(typ="safe").load(body) or {}).get("Resources")
        except (YAMLError, AttributeError):
            return None
    return found if isinstance(found, dict) else None
