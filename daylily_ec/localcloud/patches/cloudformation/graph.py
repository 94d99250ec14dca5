"""The order in which the resources of a template can be created (pure).

Follows the intrinsic functions that make one resource depend on another:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

Resources = Mapping[str, Mapping[str, Any]]

WAITS = "AWS::CloudFormation::WaitCondition"
_PLACEHOLDER = re.compile(r"\$\{([^!}][^}]*)\}")


class CircularDependency(ValueError):
    """Resources that wait for each other; `args[0]` names them."""


def references(value: Any) -> Iterator[str]:
    """Every logical id (or parameter or pseudo parameter) that a template fragment refers to."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _references_of(key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def _references_of(key: str, inner: Any) -> Iterator[str]:
    if key == "Ref" and isinstance(inner, str):
        yield inner
    elif key == "Fn::GetAtt":
        yield inner.partition(".")[0] if isinstance(inner, str) else str(inner[0])
    elif key == "Fn::Sub":
        template, variables = (inner, {}) if isinstance(inner, str) else (inner[0], inner[1])
        yield from (name for name in _placeholders(template) if name not in variables)
        yield from references(variables)
    else:
        yield from references(inner)


def _placeholders(template: str) -> Iterator[str]:
    for found in _PLACEHOLDER.finditer(template):
        yield found[1].strip().partition(".")[0]


def dependencies(resource: Mapping[str, Any], known: Collection[str]) -> frozenset[str]:
    """The logical ids among `known` that must exist before this resource."""
    explicit = resource.get("DependsOn", [])
    named = {explicit} if isinstance(explicit, str) else set(explicit)
    return frozenset((named | set(_all_references(resource))) & set(known))


def _all_references(resource: Mapping[str, Any]) -> Iterator[str]:
    # Metadata counts: a head node's launch template refers to the queues' stack there and nowhere else.
    for part in ("Properties", "Metadata"):
        yield from references(resource.get(part, {}))


def creation_order(resources: Resources) -> tuple[str, ...]:
    """Logical ids, each after everything it depends on; template order otherwise, wait conditions as late as possible.

    Raises CircularDependency.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for logical_id, resource in resources.items():
        sorter.add(logical_id, *sorted(dependencies(resource, resources.keys())))
    try:
        sorter.prepare()
    except CycleError as error:
        raise CircularDependency(", ".join(sorted(set(error.args[1])))) from error
    return tuple(_drain(sorter, resources))


def _drain(sorter: TopologicalSorter[str], resources: Resources) -> Iterator[str]:
    position = {logical_id: index for index, logical_id in enumerate(resources)}
    ready: list[str] = []
    while sorter.is_active():
        ready.extend(sorter.get_ready())
        # A wait condition blocks its whole stack here, so everything else that can be made is made first.
        ready.sort(key=lambda name: (resources[name].get("Type") == WAITS, position[name]))
        chosen = ready.pop(0)
        yield chosen
        sorter.done(chosen)


def unresolved(resources: Resources, known: Collection[str]) -> tuple[str, ...]:
    """Names that resources refer to and nobody declares, sorted."""
    named = {name for resource in resources.values() for name in _all_references(resource)}
    return tuple(sorted(name for name in named if name not in known and not name.startswith("AWS::")))
