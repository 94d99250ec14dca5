"""Block device mappings of RunInstances as EC2 reads them.

pcluster's dry runs map 24 instance-store volumes (`VirtualName: ephemeralN`, no `Ebs`) and give no size to the root
volume, which then takes that of the image's snapshot; moto insists on `Ebs` and on a size.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_BlockDeviceMapping.html
"""

from __future__ import annotations

from typing import Any

from moto.ec2.responses.instances import InstanceResponse

from daylily_ec.localcloud.patches.patching import replace

IMAGE_GIB = 35
"""Size of the ParallelCluster images' root snapshot."""


def install() -> None:
    """Sort the mappings out before moto sees them."""

    def reading(original: Any) -> Any:
        def parse(self: Any) -> Any:
            mappings = self._get_param("BlockDeviceMappings", [])
            mappings[:] = sized(mappings)
            return original(self)

        return parse

    replace(InstanceResponse, "_parse_block_device_mapping", reading)


def sized(mappings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Only the EBS mappings, each with a size or a snapshot."""
    return [_with_size(mapping) for mapping in mappings if "Ebs" in mapping or "NoDevice" in mapping]


def _with_size(mapping: dict[str, Any]) -> dict[str, Any]:
    ebs = mapping.get("Ebs")
    if ebs is None or ebs.get("VolumeSize") or ebs.get("SnapshotId"):
        return mapping
    return {**mapping, "Ebs": {**ebs, "VolumeSize": IMAGE_GIB}}
