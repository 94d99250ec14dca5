"""Rules of security groups as resources of their own.

moto has no `AWS::EC2::SecurityGroupEgress` and never removes an `AWS::EC2::SecurityGroupIngress`.
"""

from __future__ import annotations

import contextlib
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.ec2.exceptions import InvalidPermissionDuplicateError, InvalidPermissionNotFoundError
from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroupIngress

from daylily_ec.localcloud.patches.patching import add


class SecurityGroupEgress(CloudFormationModel):
    """One outbound rule."""

    def __init__(self, name: str, properties: dict[str, Any]) -> None:
        self.name = name
        self.properties = properties

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::EC2::SecurityGroupEgress"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return False

    @property
    def physical_resource_id(self) -> str:
        """The generated name."""
        return self.name

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> SecurityGroupEgress:
        properties = cloudformation_json["Properties"]
        # A group starts with the rule that lets everything out; a template may name that one too.
        with contextlib.suppress(InvalidPermissionDuplicateError):
            ec2_backends[account_id][region_name].authorize_security_group_egress(**_rule(properties))
        return cls(resource_name, properties)

    def delete(self, account_id: str, region_name: str) -> None:
        """Revoke the rule."""
        with contextlib.suppress(InvalidPermissionNotFoundError):
            ec2_backends[account_id][region_name].revoke_security_group_egress(**_rule(self.properties))


def install() -> None:
    """Let ingress rules be removed."""
    add(SecurityGroupIngress, "delete", _revoke_ingress)
    add(SecurityGroupIngress, "physical_resource_id", property(lambda rule: f"{rule.security_group.id}-rule"))


def _revoke_ingress(self: SecurityGroupIngress, account_id: str, region_name: str) -> None:
    with contextlib.suppress(InvalidPermissionNotFoundError):
        ec2_backends[account_id][region_name].revoke_security_group_ingress(**_rule(self.properties))


def _rule(properties: dict[str, Any]) -> dict[str, Any]:
    source = properties.get("SourceSecurityGroupId") or properties.get("DestinationSecurityGroupId")
    ranges = [{"CidrIp": properties["CidrIp"]}] if "CidrIp" in properties else []
    if ranges and "Description" in properties:
        ranges[0]["Description"] = properties["Description"]
    return {
        "group_name_or_id": properties["GroupId"],
        "ip_protocol": str(properties["IpProtocol"]),
        "from_port": properties.get("FromPort"),
        "to_port": properties.get("ToPort"),
        "ip_ranges": ranges,
        "source_groups": [{"GroupId": source}] if source else [],
    }
