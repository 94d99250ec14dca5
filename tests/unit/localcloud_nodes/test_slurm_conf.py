"""The cluster's Slurm configuration, from the queues."""

from __future__ import annotations

from dataclasses import replace

from daylily_ec.localcloud.nodes.slurm import nodes_of, ports_needed, render
from daylily_ec.localcloud.seams import ComputeResource, NodeSpec, Queue

SMALL = ComputeResource("small", ("c7i.large",), 2, 4_096, 0, 3)
MIXED = ComputeResource("mixed", ("r7i.2xlarge", "r6i.2xlarge"), 8, 65_536, 2, 1_000)
SPEC = NodeSpec(
    instance_id="i-1", cluster="demo", region="us-west-2", account_id="1", private_ip="10.0.0.7",
    availability_zone="us-west-2d", instance_type="m5.large", cluster_config="",
    queues=(Queue("i8", (SMALL, MIXED)), Queue("i2", (SMALL,))),
)  # fmt: skip


def lines(text: str, word: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(word)]


def test_nodes_are_named_as_parallelcluster_names_them() -> None:
    named = [line.split()[0] for line in lines(render(SPEC, 20_000), "NodeName=")]
    assert named == [
        "NodeName=i8-dy-small-[1-3]",
        "NodeName=i8-st-mixed-[1-2]",
        "NodeName=i8-dy-mixed-[1-30]",
        "NodeName=i2-dy-small-[1-3]",
    ]


def test_a_thousand_nodes_cost_thirty_two_ports() -> None:
    assert [nodes.count for nodes in nodes_of(SPEC.queues)] == [3, 32, 3]
    assert ports_needed(SPEC) == 1 + 3 + 32 + 3


def test_every_node_has_a_port_of_its_own() -> None:
    ranges = [
        field
        for line in lines(render(SPEC, 20_000), "NodeName=")
        for field in line.split()
        if field.startswith("Port=")
    ]
    assert ranges == ["Port=20001-20003", "Port=20004-20005", "Port=20006-20035", "Port=20036-20038"]
    assert lines(render(SPEC, 20_000), "SlurmctldPort=") == ["SlurmctldPort=20000"]


def test_sizes_and_features_are_the_compute_resource_s() -> None:
    mixed = lines(render(SPEC, 20_000), "NodeName=i8-dy-mixed")[0]
    assert "CPUs=8 RealMemory=62259 State=CLOUD Feature=dynamic,r7i.2xlarge,r6i.2xlarge,mixed" in mixed


def test_partitions_are_the_queues_and_the_first_is_the_default() -> None:
    nodes = "i8-dy-small-[1-3],i8-st-mixed-[1-2],i8-dy-mixed-[1-30]"
    assert lines(render(SPEC, 20_000), "PartitionName=") == [
        f"PartitionName=i8 Nodes={nodes} MaxTime=INFINITE State=UP Default=YES",
        "PartitionName=i2 Nodes=i2-dy-small-[1-3] MaxTime=INFINITE State=UP Default=NO",
    ]


def test_static_and_two_dynamic_nodes_are_never_put_to_sleep() -> None:
    kept = "SuspendExcNodes=i8-dy-small-[1-2],i8-st-mixed-[1-2],i8-dy-mixed-[1-2],i2-dy-small-[1-2]"
    assert lines(render(SPEC, 20_000), "SuspendExcNodes=") == [kept]


def test_everything_stays_on_the_loopback_interface() -> None:
    text = render(SPEC, 20_000)
    assert "SlurmctldHost=ip-10-0-0-7(127.0.0.1)" in text
    assert "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" in text
    assert all("NodeAddr=127.0.0.1" in line for line in lines(text, "NodeName="))


def test_a_queue_without_nodes_has_no_partition() -> None:
    empty = replace(SPEC, queues=(Queue("none", (replace(SMALL, max_count=0),)),))
    assert lines(render(empty, 20_000), "PartitionName=") == []
    assert lines(render(empty, 20_000), "SuspendExcNodes=") == []
