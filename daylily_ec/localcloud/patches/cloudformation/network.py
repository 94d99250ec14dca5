"""Networks as stacks: properties that moto's models drop, and the removal that they lack.

moto ignores a VPC's DNS settings and a subnet's `MapPublicIpOnLaunch`, does not associate subnets with route tables,
and cannot remove routes, route tables, associations, gateways, addresses and endpoints through CloudFormation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.internet_gateways import InternetGateway
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.models.route_tables import Route, RouteTable
from moto.ec2.models.subnets import Subnet, SubnetRouteTableAssociation
from moto.ec2.models.vpcs import VPC, VPCEndPoint
from moto.ec2.models.vpn_gateway import VPCGatewayAttachment

from daylily_ec.localcloud.patches.patching import add, replace

Ec2 = Any


def install() -> None:
    """Complete moto's models."""
    _after_creation(VPC, _set_dns)
    _after_creation(Subnet, _set_public)
    _after_creation(SubnetRouteTableAssociation, _associate)
    add(SubnetRouteTableAssociation, "delete", _deletion(_disassociate))
    add(Route, "delete", _deletion(_delete_route))
    add(RouteTable, "delete", _deletion(lambda ec2, table: ec2.delete_route_table(table.id)))
    add(VPCGatewayAttachment, "delete", _deletion(_detach))
    add(InternetGateway, "delete", _deletion(lambda ec2, gateway: ec2.delete_internet_gateway(gateway.id)))
    add(NatGateway, "delete", _deletion(_delete_nat))
    add(ElasticAddress, "delete", _deletion(lambda ec2, address: ec2.release_address(address=address.public_ip)))
    add(VPCEndPoint, "delete", _deletion(_delete_endpoint))


def _after_creation(model: Any, complete: Callable[[Ec2, Any, dict[str, Any]], None]) -> None:
    def make(original: Any) -> Any:
        def create(
            cls: Any, /, name: str, definition: dict[str, Any], account_id: str, region_name: str, **kw: Any
        ) -> Any:
            resource = original(name, definition, account_id, region_name, **kw)
            complete(ec2_backends[account_id][region_name], resource, definition["Properties"])
            return resource

        return classmethod(create)

    replace(model, "create_from_cloudformation_json", make)


def _deletion(remove: Callable[[Ec2, Any], object]) -> Callable[[Any, str, str], None]:
    def delete(self: Any, account_id: str, region_name: str) -> None:
        remove(ec2_backends[account_id][region_name], self)

    return delete


def _true(value: object) -> bool:
    return str(value).lower() == "true"


def _set_dns(ec2: Ec2, vpc: VPC, properties: dict[str, Any]) -> None:
    for key, attribute in (("EnableDnsSupport", "enable_dns_support"), ("EnableDnsHostnames", "enable_dns_hostnames")):
        if key in properties:
            ec2.modify_vpc_attribute(vpc.id, attribute, _true(properties[key]))


def _set_public(ec2: Ec2, subnet: Subnet, properties: dict[str, Any]) -> None:
    if "MapPublicIpOnLaunch" in properties:
        ec2.modify_subnet_attribute(subnet.id, "map_public_ip_on_launch", _true(properties["MapPublicIpOnLaunch"]))


def _associate(ec2: Ec2, association: Any, properties: dict[str, Any]) -> None:
    made = ec2.associate_route_table(properties["RouteTableId"], subnet_id=properties["SubnetId"])
    association.association_id = made


def _disassociate(ec2: Ec2, association: Any) -> None:
    ec2.disassociate_route_table(association.association_id)


def _delete_route(ec2: Ec2, route: Route) -> None:
    ec2.delete_route(route.route_table.id, route.destination_cidr_block)


def _detach(ec2: Ec2, attachment: VPCGatewayAttachment) -> None:
    ec2.detach_internet_gateway(attachment.gateway_id, attachment.vpc_id)


def _delete_nat(ec2: Ec2, gateway: NatGateway) -> None:
    ec2.delete_nat_gateway(gateway.id)
    ec2.enis.pop(gateway._eni.id, None)


def _delete_endpoint(ec2: Ec2, endpoint: VPCEndPoint) -> None:
    ec2.delete_vpc_endpoints([endpoint.id])
    ec2.vpc_end_points.pop(endpoint.id, None)
