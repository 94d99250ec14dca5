"""Checks answers against the output shapes of botocore's service models."""

from __future__ import annotations

import json
from typing import Any

from botocore.validate import ParamValidator

# The model calls it required; Route 53 sends it only when the request had one.
OMITTED_BY_AWS = {("route53", "ListHostedZones"): {"Marker": ""}}


class ShapeError(AssertionError):
    """An answer is not what the service's model says."""


def check_answer(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Handler of boto3's `after-call` event.

    Raises ShapeError when a required member is missing, has the wrong type, or when a JSON document has a member that
    the model does not know.
    """
    shape = model.output_shape
    if http_response.status_code >= 300 or shape is None or model.has_streaming_output:
        return
    answer = {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
    answer = {**OMITTED_BY_AWS.get((model.service_model.service_name, model.name), {}), **answer}
    validator: Any = ParamValidator()
    report = validator.validate(answer, shape)
    if report.has_errors():
        raise ShapeError(f"{model.service_model.service_name}.{model.name}: {report.generate_report()}")
    if model.service_model.metadata.get("protocol") == "json":
        strangers = sorted(unknown_members(json.loads(http_response.content or b"{}"), shape))
        if strangers:
            raise ShapeError(f"{model.service_model.service_name}.{model.name}: unknown members {strangers}")


def unknown_members(value: Any, shape: Any, path: str = "") -> set[str]:
    """Members of a raw JSON answer that the shape does not have."""
    if shape.type_name == "structure" and isinstance(value, dict):
        found = {f"{path}.{key}" for key in value if key not in shape.members}
        for key, inner in value.items():
            if key in shape.members:
                found |= unknown_members(inner, shape.members[key], f"{path}.{key}")
        return found
    if shape.type_name == "list" and isinstance(value, list):
        return set().union(*(unknown_members(item, shape.member, f"{path}[]") for item in value))
    return set()
