"""The real Slurm of a box."""

from __future__ import annotations

import time

import pytest

from daylily_ec.localcloud.seams import ComputeResource, NodeSpec, Queue
from tests.integration.localcloud_nodes.conftest import Nodes, eventually, text

pytestmark = pytest.mark.e2e


def as_ubuntu(nodes: Nodes, head: str, line: str, timeout: float = 30) -> str:
    return text(
        nodes.run(head, "cat > /tmp/line.sh <<'X'", line, "X", "sudo -iu ubuntu bash -l /tmp/line.sh", timeout=timeout)
    )


def test_a_job_of_ubuntu_gets_its_number_and_sees_fsx(nodes: Nodes, cluster: NodeSpec) -> None:
    head, shared = cluster.instance_id, nodes.root / "fsx" / cluster.file_systems["/fsx"]
    body = "echo $SLURM_JOB_ID $(id -un) $(hostname) $SLURM_CPUS_ON_NODE; srun --quiet hostname"
    (shared / "job.sh").write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
    number = as_ubuntu(nodes, head, "cd /fsx && sbatch --parsable -p i8 -c 8 -o /fsx/job.out job.sh").strip()
    eventually(lambda: "COMPLETED" in as_ubuntu(nodes, head, f"squeue -h -t all -j {number} -o %T"))
    node = (shared / "job.out").read_text(encoding="utf-8").split()[2]
    assert node.startswith("i8-dy-r8-")
    assert (shared / "job.out").read_text(encoding="utf-8") == f"{number} ubuntu {node} 8\n{node}\n"
    assert f"JobId={number} " in as_ubuntu(nodes, head, f"scontrol show job {number}")


def test_partitions_and_sizes_are_the_queues(nodes: Nodes, head: str) -> None:
    listed = as_ubuntu(nodes, head, "sinfo -h -o '%R %D %c %m %l %f'").splitlines()
    assert sorted(listed) == [
        "i128 32 128 996147 infinite dynamic,r7i.32xlarge,r6i.32xlarge,r128",
        "i8 4 8 62259 infinite dynamic,r7i.2xlarge,r8",
    ]
    assert as_ubuntu(nodes, head, "sinfo -h -o %P").splitlines()[0].endswith("*")


def test_a_sleeping_node_wakes_up_for_a_job(nodes: Nodes, head: str) -> None:
    assert "idle~" in as_ubuntu(nodes, head, "sinfo -h -n i8-dy-r8-4 -o %T")
    started = time.monotonic()
    assert as_ubuntu(nodes, head, "timeout 25 srun --quiet -p i8 -w i8-dy-r8-4 hostname") == "i8-dy-r8-4\n"
    assert time.monotonic() - started < 20


def test_steps_span_nodes(nodes: Nodes, head: str) -> None:
    shown = as_ubuntu(nodes, head, "timeout 25 srun --quiet -p i128 -N2 -n2 hostname").split()
    assert sorted(shown) == ["i128-dy-r128-1", "i128-dy-r128-2"]


def test_a_failed_and_a_cancelled_job_are_told_apart(nodes: Nodes, head: str) -> None:
    failed = as_ubuntu(nodes, head, "sbatch --parsable -p i8 -o /dev/null --wrap 'exit 3'").strip()
    cancelled = as_ubuntu(nodes, head, "sbatch --parsable -p i8 -o /dev/null --wrap 'sleep 100'").strip()
    eventually(lambda: "RUNNING" in as_ubuntu(nodes, head, f"squeue -h -t all -j {cancelled} -o %T"))
    as_ubuntu(nodes, head, f"scancel {cancelled}")
    eventually(lambda: "FAILED" in as_ubuntu(nodes, head, f"squeue -h -t all -j {failed} -o %T"))
    eventually(lambda: "CANCELLED" in as_ubuntu(nodes, head, f"squeue -h -t all -j {cancelled} -o %T"))


def test_static_nodes_are_up_and_named_so_and_a_dead_controller_is_felt(nodes: Nodes) -> None:
    queue = Queue("q", (ComputeResource("r", ("m7i.large",), 2, 8_192, 1, 2),))
    spec = nodes.spec(queues=(queue,))
    assert nodes.boot(spec).ok
    assert as_ubuntu(nodes, spec.instance_id, "sinfo -h -N -o '%N %T'").split("\n")[:2] == [
        "q-dy-r-1 idle",
        "q-st-r-1 idle",
    ]
    assert text(nodes.run(spec.instance_id, "readlink -f /proc/$(cat /run/slurm/slurmctld.pid)/exe")).startswith(
        "/usr/sbin/slurmctld"
    )
    text(nodes.run(spec.instance_id, "pkill slurmctld"))
    eventually(lambda: nodes.run(spec.instance_id, "timeout 2 sudo -iu ubuntu squeue").exit_code != 0)
    nodes.manager.terminate(spec.instance_id)
