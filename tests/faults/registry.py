"""Every scenario of the sweeps, by verb."""

from __future__ import annotations

from tests.faults.on_data import DELETE, EXPORT
from tests.faults.on_mounts import MOUNT, UNMOUNT
from tests.faults.on_node import CONFIGURE, LAUNCH, LAUNCH_ON_RUN
from tests.faults.scenario import CREATE

SCENARIOS = {one.verb: one for one in (CREATE, CONFIGURE, LAUNCH, LAUNCH_ON_RUN, MOUNT, UNMOUNT, EXPORT, DELETE)}
