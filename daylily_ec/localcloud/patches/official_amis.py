"""The public AWS ParallelCluster images: pcluster looks its official AMI up before it does anything else.

moto ships no such images.  Names follow `aws-parallelcluster-<version>-<os>-<architecture>*`, the pattern that pcluster
searches for, owned by `amazon`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from moto.ec2.models.amis import AMIS

NAME_PARTS = {
    "alinux2": "amzn2-hvm",
    "alinux2023": "amzn2023-hvm",
    "ubuntu2204": "ubuntu-2204-lts-hvm",
    "ubuntu2404": "ubuntu-2404-lts-hvm",
    "rhel8": "rhel8-hvm",
    "rhel9": "rhel9-hvm",
}
ARCHITECTURES = ("x86_64", "arm64")
OWNER = "247102896272"
"""Publisher of the ParallelCluster images."""


def install() -> None:
    """Add one image per operating system and architecture; accounts get them when they are first used."""
    AMIS.extend(_images(version("aws-parallelcluster")))


def _images(release: str) -> Iterator[dict[str, Any]]:
    for number, (system, part) in enumerate(NAME_PARTS.items()):
        for offset, architecture in enumerate(ARCHITECTURES):
            yield {
                "ami_id": f"ami-0da{2 * number + offset:014x}",
                "name": f"aws-parallelcluster-{release}-{part}-{architecture}-202506101200",
                "description": f"AWS ParallelCluster AMI for {system}",
                "owner_id": OWNER,
                "public": True,
                "virtualization_type": "hvm",
                "architecture": architecture,
                "state": "available",
                "creation_date": "2025-06-10T12:00:00.000Z",
                "image_type": "machine",
                "image_location": f"amazon/aws-parallelcluster-{release}",
                "hypervisor": "xen",
                "root_device_type": "ebs",
                "root_device_name": "/dev/sda1",
                "sriov": "simple",
            }
