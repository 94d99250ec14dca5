"""Where a file system is attached: the VPC of its subnets, with one network interface in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends

from daylily_ec.localcloud.fsx.errors import InvalidNetworkSettings


@dataclass(frozen=True, slots=True)
class Attachment:
    """VPC and interfaces of one file system."""

    vpc: str
    interfaces: tuple[str, ...]


class Network(Protocol):
    """The calls made on EC2."""

    def attach(self, subnets: Sequence[str], groups: Sequence[str], owner: str) -> Attachment:
        """Make the interfaces of `owner` (a file system id).

        Raises InvalidNetworkSettings.
        """

    def detach(self, attachment: Attachment) -> None:
        """Remove the interfaces."""


class MotoNetwork:
    """`Network` on moto's EC2."""

    def __init__(self, account_id: str, region: str) -> None:
        self._account, self._region = account_id, region

    def attach(self, subnets: Sequence[str], groups: Sequence[str], owner: str) -> Attachment:
        ec2 = ec2_backends[self._account][self._region]
        try:
            found = [ec2.get_subnet(subnet) for subnet in subnets]
            made = [
                ec2.create_network_interface(
                    subnet, "", group_ids=list(groups), description=f"Interface for Amazon FSx {owner}"
                )
                for subnet in found
            ]
        except ServiceException as error:
            raise InvalidNetworkSettings(str(error)) from error
        return Attachment(found[0].vpc_id, tuple(interface.id for interface in made))

    def detach(self, attachment: Attachment) -> None:
        present = ec2_backends[self._account][self._region].enis
        for interface in attachment.interfaces:
            present.pop(interface, None)
