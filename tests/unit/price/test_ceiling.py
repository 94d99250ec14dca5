from __future__ import annotations

import pytest

from daylily_ec.config.resources import resource
from daylily_ec.domain.fleet import Purchase
from daylily_ec.render.ceiling import Family, ceiling, family, fleets, instance_types
from daylily_ec.render.substitutions import load

VCPUS = {
    "r7i.2xlarge": 8,
    "r6i.2xlarge": 8,
    "c6i.32xlarge": 128,
    "c6i.metal": 128,
    "f2.6xlarge": 24,
    "m7i.48xlarge": 192,
}

CLUSTER = """
HeadNode: {InstanceType: r7i.2xlarge}
Scheduling:
  SlurmQueues:
    - Name: i8
      CapacityType: SPOT
      ComputeResources:
        - {Name: a, InstanceType: r7i.2xlarge, MaxCount: 3, SpotPrice: 4.4}
        - {Name: b, Instances: [{InstanceType: r6i.2xlarge}, {InstanceType: c6i.metal}], MaxCount: 2}
    - Name: dragen
      ComputeResources:
        - {Name: f2, Instances: [{InstanceType: f2.6xlarge}], MaxCount: 5}
        - {Name: default, Instances: [{InstanceType: m7i.48xlarge}]}
"""


@pytest.mark.weakness("W-18")
def test_the_ceiling_counts_every_compute_resource_at_its_largest_type() -> None:
    found = ceiling(CLUSTER, VCPUS)
    assert found.vcpus(Purchase.SPOT) == 3 * 8 + 2 * 128
    assert found.vcpus(Purchase.ONDEMAND, Family.F) == 5 * 24
    assert found.vcpus(Purchase.ONDEMAND) == 8 + 10 * 192, "head node, and ParallelCluster's default MaxCount"
    assert found.unknown == ()


def test_a_type_without_known_vcpus_is_named_and_not_counted_as_nothing() -> None:
    found = ceiling(CLUSTER, {"r7i.2xlarge": 8})
    assert found.unknown == ("c6i.metal", "f2.6xlarge", "m7i.48xlarge", "r6i.2xlarge")
    assert found.vcpus(Purchase.SPOT) == 24


def test_the_stock_template_reaches_three_times_the_sum_of_its_counts() -> None:
    text = resource("config/day_cluster/prod_cluster.yaml").read_text(encoding="utf-8")
    for token, count in (("8I", 5), ("128I", 7), ("192I", 11)):
        text = text.replace(f"${{REGSUB_MAX_COUNT_{token}}}", str(count))
    text = text.replace("${REGSUB_HEADNODE_INSTANCE_TYPE}", "r7i.2xlarge")
    sizes = {name: 192 if "48x" in name else 8 if "2xlarge" in name and "32" not in name else 128
             for name in instance_types(text)}  # fmt: skip
    assert ceiling(text, sizes).vcpus(Purchase.SPOT) == 16 * 5 + 384 * 7 + 576 * 11


def test_fleets_carry_the_bid_and_the_defaults() -> None:
    head, first, second, dragen, default = fleets(load(CLUSTER, "test"))
    assert (head.name, head.purchase, head.count) == ("head node", Purchase.ONDEMAND, 1)
    assert (first.name, first.spot_price, second.spot_price) == ("i8/a", 4.4, None)
    assert (dragen.purchase, dragen.count, default.count) == (Purchase.ONDEMAND, 5, 10)


@pytest.mark.parametrize(
    ("name", "group"),
    [("c6i.metal", Family.STANDARD), ("im4gn.large", Family.STANDARD), ("f2.6xlarge", Family.F),
     ("g5.xlarge", Family.G), ("vt1.3xlarge", Family.G), ("p5.48xlarge", Family.P), ("x2iedn.32xlarge", Family.X),
     ("u-6tb1.metal", Family.HIGH_MEMORY), ("hpc7a.96xlarge", Family.HPC), ("mac1.metal", Family.OTHER),
     ("inf2.xlarge", Family.INF), ("dl1.24xlarge", Family.DL), ("trn1.2xlarge", Family.TRN)],
)  # fmt: skip
def test_families_are_those_of_the_quotas(name: str, group: Family) -> None:
    assert family(name) is group
