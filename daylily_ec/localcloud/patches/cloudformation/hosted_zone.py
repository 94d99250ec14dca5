"""`AWS::Route53::HostedZone`: its own name, private when it has VPCs, and deleted with its stack.

moto gives it the generated name, makes it public, and leaves it behind.
"""

from __future__ import annotations

from typing import Any

from moto.route53.models import FakeZone, route53_backends

from daylily_ec.localcloud.patches.patching import add, replace


def install() -> None:
    """Correct moto's model."""
    replace(FakeZone, "create_from_cloudformation_json", lambda _original: classmethod(_create))
    add(FakeZone, "delete", _delete)


def _create(
    cls: type[FakeZone],
    /,
    resource_name: str,
    cloudformation_json: dict[str, Any],
    account_id: str,
    region_name: str,
    **kwargs: Any,
) -> FakeZone:
    properties = cloudformation_json["Properties"]
    vpcs = properties.get("VPCs") or [{}]
    return route53_backends[account_id]["aws"].create_hosted_zone(
        properties["Name"],
        private_zone="VPCs" in properties,
        vpcid=vpcs[0].get("VPCId"),
        vpcregion=vpcs[0].get("VPCRegion"),
        comment=properties.get("HostedZoneConfig", {}).get("Comment"),
    )


def _delete(self: FakeZone, account_id: str, region_name: str) -> None:
    route53_backends[account_id]["aws"].delete_hosted_zone(self.resource_id)
