"""EC2: availability zones, subnets, key pairs; read only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, Client, aws_code
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError

PUBLIC_MARK = "Public Subnet"
PRIVATE_MARK = "Private Subnet"


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet; `name` is its Name tag."""

    subnet_id: str
    vpc_id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair; `kind` is `rsa` or `ed25519`."""

    name: str
    kind: str


class Ec2Api(Protocol):
    """The calls the product makes."""

    def zones(self) -> tuple[str, ...]:
        """Names of the region's available zones."""

    def subnets(self, zone: AvailabilityZone) -> tuple[Subnet, ...]:
        """Every subnet of the zone, by id."""

    def key_pair(self, name: str) -> KeyPair | None:
        """The key pair, None when there is none of that name."""


class Ec2:
    """`Ec2Api` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    @property
    def _client(self) -> Client:
        return self._context.client("ec2")

    def zones(self) -> tuple[str, ...]:
        answer = self._client.call("describe_availability_zones")
        return tuple(sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"] if zone["State"] == "available"))

    def subnets(self, zone: AvailabilityZone) -> tuple[Subnet, ...]:
        filters = [{"Name": "availability-zone", "Values": [str(zone)]}]
        found = self._client.pages("describe_subnets", "Subnets", Filters=filters)
        return tuple(sorted(map(_subnet, found), key=lambda subnet: subnet.subnet_id))

    def key_pair(self, name: str) -> KeyPair | None:
        try:
            found = self._client.call("describe_key_pairs", KeyNames=[name])["KeyPairs"]
        except AwsError as error:
            if aws_code(error) == "InvalidKeyPair.NotFound":
                return None
            raise
        return KeyPair(found[0]["KeyName"], found[0].get("KeyType", "rsa")) if found else None


def marked(subnets: Iterable[Subnet], mark: str) -> tuple[Subnet, ...]:
    """Subnets whose Name tag contains `mark` (`PUBLIC_MARK` or `PRIVATE_MARK`)."""
    return tuple(subnet for subnet in subnets if mark in subnet.name)


def _subnet(raw: dict[str, Any]) -> Subnet:
    names = [tag["Value"] for tag in raw.get("Tags", []) if tag["Key"] == "Name"]
    return Subnet(raw["SubnetId"], raw["VpcId"], names[0] if names else "")
