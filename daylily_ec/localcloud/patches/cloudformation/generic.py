"""A placeholder for resource types that moto does not know.

They get a physical id and attributes and nothing else happens; in a ParallelCluster stack these are security group
egress rules and metric filters.
"""

from __future__ import annotations

import logging
from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

from daylily_ec.localcloud.patches.patching import replace

_log = logging.getLogger(__name__)


class Placeholder(CloudFormationModel):
    """A resource that exists on paper."""

    def __init__(self, name: str) -> None:
        self.name = name

    @staticmethod
    def cloudformation_type() -> str:
        return "LocalCloud::Placeholder::Resource"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @property
    def physical_resource_id(self) -> str:
        """The generated name."""
        return self.name

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """A value that names the resource and the attribute."""
        return f"arn:aws:placeholder:::{self.name}" if attribute_name == "Arn" else f"{self.name}.{attribute_name}"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> Placeholder:
        _log.info("placeholder for %s", cloudformation_json["Type"])
        return cls(resource_name)

    def delete(self, account_id: str, region_name: str) -> None:
        """Nothing to remove."""


def install() -> None:
    """Answer with the placeholder where moto has no model."""
    replace(parsing, "resource_class_from_type", lambda _original: _class_of)


def _class_of(resource_type: str) -> type[CloudFormationModel]:
    return parsing.get_model_map().get(resource_type, Placeholder)
