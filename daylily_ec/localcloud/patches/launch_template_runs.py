"""RunInstances and CreateFleet from the launch templates of a cluster's queues.

moto reads neither instance-store mappings, network interfaces nor the spot market out of a launch template.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend

from daylily_ec.localcloud.patches.block_devices import sized
from daylily_ec.localcloud.patches.patching import replace


def install() -> None:
    """Fill what the request leaves to the template."""

    def running(original: Any) -> Any:
        def run_instances(
            self: EC2Backend, image_id: str, count: int, user_data: Any, security_group_names: list[str], **options: Any
        ) -> Any:
            template = options.get("launch_template")
            if template:
                options = _completed(options, self._get_template_from_args(template).data)
            return original(self, image_id, count, user_data, security_group_names, **options)

        return run_instances

    replace(EC2Backend, "run_instances", running)


def _completed(options: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    full = dict(options)
    full.setdefault("block_device_mappings", [m for m in sized(data.get("BlockDeviceMappings", [])) if "Ebs" in m])
    if not full.get("nics") and not full.get("subnet_id"):
        full["nics"] = [{"DeleteOnTermination": True, **nic} for nic in data.get("NetworkInterfaces", [])]
    if not full.get("instance_market_options") and data.get("InstanceMarketOptions", {}).get("MarketType") == "spot":
        full["instance_market_options"] = "spot"
    return full
