"""The end of an instance: its network interfaces become free or go, and its head node, if it was one, stops.

moto leaves the interfaces `in-use` for ever.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instances import Instance

from daylily_ec.localcloud.patches.patching import replace
from daylily_ec.localcloud.runtime import current

OWN_INTERFACE = "Primary network interface"
"""moto's description of an interface that it made for an instance."""


def install() -> None:
    """Clean up after terminated instances."""

    def terminating(original: Any) -> Any:
        def terminate(self: Instance) -> Any:
            interfaces = list(self.nics.values())
            current().manager.terminate(self.id)
            state = original(self)
            for interface in interfaces:
                _release(self, interface)
            return state

        return terminate

    replace(Instance, "terminate", terminating)


def _release(instance: Instance, interface: Any) -> None:
    # instance.nics stays as it is: a terminated instance is still described for a while.
    interface.instance = None
    interface.attachment_id = None
    interface.status = "available"
    if interface.description == OWN_INTERFACE:
        instance.ec2_backend.enis.pop(interface.id, None)
