"""The order in which a template's resources come to be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daylily_ec.localcloud.patches.cloudformation.graph import (
    WAITS,
    CircularDependency,
    creation_order,
    dependencies,
    references,
    unresolved,
)


@pytest.mark.parametrize(
    ("fragment", "names"),
    [
        ({"Ref": "A"}, {"A"}),
        ({"Fn::GetAtt": ["A", "Arn"]}, {"A"}),
        ({"Fn::GetAtt": "A.Outputs.B"}, {"A"}),
        ({"Fn::Sub": "x-${A}-${B.Arn}-${!Literal}-${AWS::Region}"}, {"A", "B", "AWS::Region"}),
        ({"Fn::Sub": ["${own}/${A}", {"own": {"Ref": "B"}}]}, {"A", "B"}),
        ({"Fn::If": ["Condition", {"Ref": "A"}, {"Ref": "B"}]}, {"A", "B"}),
        ([{"Fn::Join": ["", ["x", {"Ref": "A"}]]}], {"A"}),
        ("Ref", set()),
    ],
)
def test_every_way_to_refer_to_a_resource(fragment: Any, names: set[str]) -> None:
    assert set(references(fragment)) == names


def test_metadata_and_explicit_dependencies_count() -> None:
    resource = {"DependsOn": ["A", "Parameter"], "Metadata": {"x": {"Fn::GetAtt": ["B", "Arn"]}}, "Properties": {}}
    assert dependencies(resource, {"A", "B", "C"}) == {"A", "B"}
    assert dependencies({"DependsOn": "C"}, {"C"}) == {"C"}


def test_wait_conditions_come_last() -> None:
    resources: dict[str, Any] = {
        "Wait": {"Type": WAITS},
        "After": {"Type": "T", "DependsOn": "Wait"},
        "Two": {"Type": "T"},
        "One": {"Type": "T"},
    }
    assert creation_order(resources) == ("Two", "One", "Wait", "After")


def test_a_circle_is_named() -> None:
    resources = {"B": {"DependsOn": "A"}, "A": {"DependsOn": "B"}, "C": {"Type": "T"}}
    with pytest.raises(CircularDependency, match="A, B"):
        creation_order(resources)


def test_names_of_nobody() -> None:
    resources = {"A": {"Properties": {"x": [{"Ref": "P"}, {"Ref": "Gone"}, {"Ref": "AWS::StackName"}]}}}
    assert unresolved(resources, ["A", "P"]) == ("Gone",)


@given(st.lists(st.lists(st.integers(min_value=0, max_value=19), max_size=4), min_size=1, max_size=20))
def test_everything_comes_after_what_it_needs(edges: list[list[int]]) -> None:
    resources = {
        f"R{number}": {"Type": "T", "DependsOn": [f"R{other}" for other in needed if other < number]}
        for number, needed in enumerate(edges)
    }
    order = creation_order(resources)
    assert sorted(order) == sorted(resources)
    for name, resource in resources.items():
        assert all(order.index(needed) < order.index(name) for needed in resource["DependsOn"])
