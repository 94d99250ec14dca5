"""What the real pcluster synthesises for each shipped template: resource types, as CloudFormation is given them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.integration.create.account import REGION
from tests.integration.create.desk import Operator
from tests.integration.price.test_templates import TEMPLATES, WITH_FPGA
from tests.permissions.recording import note_types

pytestmark = pytest.mark.e2e


def template_of(operator: Operator, stack: str) -> Any:
    """A stack's template; one of a network is YAML with CloudFormation's own tags."""
    body = operator.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    return body if isinstance(body, dict) else yaml.load(body, Loader=_Tagged)


class _Tagged(yaml.SafeLoader):
    """Reads `!Sub` and its like as nothing: only types are of interest here."""


_Tagged.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def types_of(template: Any) -> set[str]:
    return {str(resource["Type"]) for resource in template["Resources"].values()}


def stacks_of(operator: Operator, cluster: str) -> list[str]:
    """The cluster's stack and the stacks inside it."""
    found = operator.client("cloudformation").list_stack_resources(StackName=cluster)["StackResourceSummaries"]
    inner = [item["PhysicalResourceId"] for item in found if item["ResourceType"] == "AWS::CloudFormation::Stack"]
    return [cluster, *(stack for one in inner for stack in stacks_of(operator, one))]


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_resource_types_of_a_shipped_template_are_the_recorded_ones(operator: Operator, name: str) -> None:
    cluster = name.removesuffix(".yaml").replace("_", "-")
    zone = ["--region-az", WITH_FPGA] if "dragen" in name else []
    values = {"cluster_template_yaml": f"config/day_cluster/{name}"}
    made = operator.dyec(*operator.command(cluster, *zone, **values))
    assert made.code == 0, made.err
    found = set().union(*(types_of(template_of(operator, stack)) for stack in stacks_of(operator, cluster)))
    note_types(name, found)
    accepted = ("--node-unreachable-ok", "--lose-results")
    gone = operator.dyec("delete", "--yes", *accepted, "--region", REGION, "--cluster", cluster, "--json")
    assert gone.code == 0, gone.err
    assert cluster not in json.dumps(operator.stacks())


def test_the_resource_types_of_the_network_are_the_recorded_ones(operator: Operator) -> None:
    note_types("pcluster_env.yml", types_of(template_of(operator, "pcluster-vpc-stack-2d")))
