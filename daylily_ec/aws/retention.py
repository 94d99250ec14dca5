"""What CloudFormation will keep when a cluster's stack is deleted.  Read-only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext

_FILE_SYSTEM = "AWS::FSx::FileSystem"
_DEFAULT = "Delete"


class RetentionApi(Protocol):
    """The one question."""

    def file_system_policies(self, stack: str) -> Mapping[str, str]:
        """DeletionPolicy by file system id, for the file systems that the stack made."""


class Retention:
    """`RetentionApi` through boto3: the stack's template and its resources."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def file_system_policies(self, stack: str) -> Mapping[str, str]:
        client = self._context.client("cloudformation")
        body: Any = client.call("get_template", StackName=stack)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        declared = template.get("Resources", {})
        return {
            item["PhysicalResourceId"]: str(declared.get(item["LogicalResourceId"], {}).get("DeletionPolicy", _DEFAULT))
            for item in client.pages("list_stack_resources", "StackResourceSummaries", StackName=stack)
            if item["ResourceType"] == _FILE_SYSTEM and item.get("PhysicalResourceId")
        }
