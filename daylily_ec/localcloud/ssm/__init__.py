"""Systems Manager: managed nodes, session preferences and Run Command on the emulated head nodes.

moto answers `SendCommand` with Success at once, whatever the instance, and knows neither invocations with output nor
managed nodes.  Here a command really runs: `manager.run` executes it in the head node's box, and the API shows its life
as the API reference and "Understanding command statuses" describe it.
"""

from __future__ import annotations

from daylily_ec.localcloud.runtime import current
from daylily_ec.localcloud.seams import NodeManager
from daylily_ec.localcloud.ssm import documents, responses
from daylily_ec.localcloud.ssm.inventory import Ec2Inventory
from daylily_ec.localcloud.ssm.objects import put_object
from daylily_ec.localcloud.ssm.runcommand import RunCommand, Timing


def install(manager: NodeManager, timing: Timing | None = None) -> None:
    """Extend moto's Systems Manager in this process; call once, after the runtime is set."""
    inventory = Ec2Inventory(manager)
    service = RunCommand(manager, inventory, put_object, timing=timing or Timing(),
                         answer=lambda: current().switches.answer)  # fmt: skip
    documents.install()
    responses.install(service, inventory)
    current().resets.extend([service.forget, inventory.forget])
