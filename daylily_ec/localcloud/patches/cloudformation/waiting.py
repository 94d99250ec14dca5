"""Wait conditions that wait.

moto creates neither the condition nor its handle.
"""

from __future__ import annotations

import json
import time
from typing import Any

from moto.core.common_models import CloudFormationModel

from daylily_ec.localcloud.patches.cloudformation.ledger import ledger_of
from daylily_ec.localcloud.patches.cloudformation.stacks import stack_by_id
from daylily_ec.localcloud.runtime import current
from daylily_ec.localcloud.signals import HANDLE_TYPE, forget_signals, new_handle, read_signals

POLL_SECONDS = 0.1


class WaitConditionHandle(CloudFormationModel):
    """A place to signal to."""

    def __init__(self, url: str) -> None:
        self.url = url

    @staticmethod
    def cloudformation_type() -> str:
        return HANDLE_TYPE

    @property
    def physical_resource_id(self) -> str:
        """The presigned URL."""
        return self.url

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> WaitConditionHandle:
        return cls(new_handle(kwargs["StackId"], kwargs["LogicalId"], region_name, current().endpoint))

    def delete(self, account_id: str, region_name: str) -> None:
        """Forget the signals."""
        forget_signals(self.url)


class WaitFailed(Exception):
    """The condition was signalled as failed, or nobody signalled in time."""


class WaitCondition(CloudFormationModel):
    """A resource that exists as soon as enough signals have arrived."""

    def __init__(self, name: str, data: dict[str, str]) -> None:
        self.name = name
        self.data = data

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudFormation::WaitCondition"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Data"

    @property
    def physical_resource_id(self) -> str:
        """The generated name."""
        return self.name

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """`Data` as JSON: unique id -> data."""
        return json.dumps(self.data)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> WaitCondition:
        properties = cloudformation_json["Properties"]
        ledger = ledger_of(stack_by_id(kwargs["StackId"], account_id, region_name))
        count, deadline = int(properties.get("Count", 1)), time.monotonic() + float(properties.get("Timeout", 300))
        got: dict[str, str] = {}
        while len(got) < count:
            ledger.check()
            for unique_id, signal in read_signals(properties["Handle"]).items():
                if signal["Status"] != "SUCCESS":
                    raise WaitFailed(
                        f"WaitCondition received failed message: '{signal.get('Reason')}' for uniqueId: {unique_id}"
                    )
                got[unique_id] = str(signal.get("Data", ""))
            if len(got) < count and time.monotonic() > deadline:
                raise WaitFailed(f"WaitCondition timed out. Received {len(got)} conditions when expecting {count}")
            ledger.cancelled.wait(POLL_SECONDS)
        return cls(resource_name, got)

    def delete(self, account_id: str, region_name: str) -> None:
        """Nothing to remove."""
