"""Which cluster a command means when it names none."""

from __future__ import annotations

from collections.abc import Callable

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.errors import MissingInput
from daylily_ec.headnode.local import ThisNode, this_head_node
from daylily_ec.workflow.services import Services

Choose = Callable[[tuple[ClusterView, ...]], str]
"""Lets a person choose among clusters; the name of one."""


def choose_cluster(
    services: Services,
    given: str | None,
    choose: Choose | None,
    node: Callable[[], ThisNode | None] = this_head_node,
) -> str:
    """The name given; else the cluster whose head node this is; else what a person chooses.

    Without a person `MissingInput` lists the clusters of the region, even when there is only one: a script must say
    which it means.
    """
    if given:
        return given
    here = node()
    if here is not None:
        return here.cluster
    region = services.context.region
    found = services.clusters.every()
    if not found:
        raise MissingInput(f"--cluster was not given, and there is no cluster in {region}.",
                           hint="Give another --region, or create one: dyec create")  # fmt: skip
    if choose is not None:
        return choose(found)
    names = [view.name for view in found]
    raise MissingInput(
        f"--cluster was not given; there are in {region}: {', '.join(names)}.",
        hint=f"--cluster {names[0]}", details={"clusters": names, "region": region},
    )  # fmt: skip
