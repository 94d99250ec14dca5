"""A head node's box for tests that need no cloud around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daylily_ec.localcloud.nodes.manager import create_manager
from daylily_ec.localcloud.seams import ComputeResource, NodeManager, NodeMount, NodeSpec, Queue

INSTANCE = "i-0123456789abcdef0"
NOWHERE = "http://127.0.0.1:9"
"""Where no cloud answers."""
_QUEUE = Queue("i8", (ComputeResource("r", ("r7i.2xlarge",), 8, 65536, 0, 2),))
_SPEC = NodeSpec(
    instance_id=INSTANCE, cluster="demo-1", region="us-west-2", account_id="123456789012", private_ip="10.0.0.10",
    availability_zone="us-west-2d", instance_type="r7i.2xlarge", queues=(_QUEUE,), cluster_config="Region: us-west-2\n",
    file_systems={"/fsx": "fs-0123456789abcdef0"},
)  # fmt: skip


@contextmanager
def booted(root: Path, *mounts: NodeMount) -> Iterator[NodeManager]:
    """The manager of one running box; `root` must be short: a socket's path has at most 108 characters."""
    manager = create_manager(root, NOWHERE, mounts)
    why = manager.unavailable()
    assert why is None, why
    done = manager.boot(_SPEC, lambda line: None)
    assert done.ok, done.reason
    yield manager
    manager.close()
