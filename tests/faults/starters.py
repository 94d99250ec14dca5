"""P7: many starters of one cluster name at once, against the CloudFormation endpoint."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.aws.clusters import Clusters
from daylily_ec.aws.context import AwsContext
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import ClusterFailed, Refused
from daylily_ec.pcluster.runner import CreationFailure, ValidationMessage
from daylily_ec.plan.steps import Action, Bindings
from daylily_ec.workflow.create_steps import HASH_TAG, OWNER_TAG, RUN_TAG, Claim, ClusterStep
from tests.faults.results import Point
from tests.integration.create.account import REGION

STARTERS = 16
OWNERS = ("ann", "ann", "bob", "ann")
"""Three of four starters are one person with one configuration; the fourth is somebody else."""


@dataclass(frozen=True)
class SubmittingPcluster:
    """A `PclusterApi` whose `create` is the CreateStack call that the real program ends with; tags as in its YAML."""

    client: Any
    tags: dict[str, str]

    def version(self) -> str:
        return "3.13.2"

    def dry_run(self, name: ClusterName, config: Path) -> tuple[ValidationMessage, ...]:
        return ()

    def create(self, name: ClusterName, config: Path, *, rollback: bool = False) -> str:
        tags = {**self.tags, "parallelcluster:version": "3.13.2", "parallelcluster:cluster-name": name}
        resources = {"Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}
        try:
            made = self.client.create_stack(
                StackName=name, TemplateBody=json.dumps({"Resources": resources}),
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )  # fmt: skip
        except self.client.exceptions.AlreadyExistsException as error:
            raise ClusterFailed(str(error)) from error
        return str(made["StackId"])

    def failures(self, name: ClusterName) -> tuple[CreationFailure, ...]:
        return ()

    def delete(self, name: ClusterName) -> str:
        raise AssertionError("a deletion")


def rounds(context: AwsContext, client: Any, count: int, starters: int = STARTERS) -> Iterator[Point]:
    """`count` rounds, each with a name of its own; the stack is deleted afterwards."""
    context.client("cloudformation")
    with ThreadPoolExecutor(starters) as pool:
        for number in range(1, count + 1):
            yield _round(context, client, number, starters, pool)


def _round(context: AwsContext, client: Any, number: int, starters: int, pool: ThreadPoolExecutor) -> Point:
    name, line = ClusterName(f"race-{number}"), threading.Barrier(starters)

    def start(place: int) -> str:
        owner = OWNERS[place % len(OWNERS)]
        claim = Claim(f"run-{place}", f"arn:{owner}", f"hash-{owner}")
        step = ClusterStep(name, REGION, claim, Clusters(context), SubmittingPcluster(client, claim.tags), Path("x"))
        line.wait(60)
        return _outcome(step)

    outcomes = Counter(pool.map(start, range(starters)))
    problem = _judged(client, name, outcomes, starters)
    client.delete_stack(StackName=name)
    text = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
    return Point(
        "P7", f"{starters} starters", number, "cloudformation:CreateStack", "one stack", problem and text + problem
    )


def _outcome(step: ClusterStep) -> str:
    try:
        observed = step.observe(Bindings())
        if observed.action is Action.ADOPT:
            return "adopted"
        outputs = step.apply(Bindings(), observed)
    except Refused as refused:
        return "refused" if "owner arn:" in refused.message else f"refused without owner: {refused.message}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "adopted" if "adopted" in outputs else "created"


def _judged(client: Any, name: str, outcomes: Counter[str], starters: int) -> str:
    stacks = [stack for stack in client.describe_stacks()["Stacks"] if stack["StackName"] == name]
    tags = {tag["Key"]: tag["Value"] for tag in stacks[0]["Tags"]}
    mine = sum(f"arn:{OWNERS[place % len(OWNERS)]}" == tags[OWNER_TAG] for place in range(starters))
    wanted = Counter({"created": 1, "adopted": mine - 1, "refused": starters - mine})
    whole = len(stacks) == 1 and tags.keys() >= {RUN_TAG, HASH_TAG} and +outcomes == +wanted
    return "" if whole else f"; {len(stacks)} stacks, expected {dict(wanted)}"
