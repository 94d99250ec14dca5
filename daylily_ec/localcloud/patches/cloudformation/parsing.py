"""Reading: templates, references and attributes, without side effects.

moto's resource map creates a resource whenever somebody looks at it; here only the engine creates, and a look finds
what exists.  Templates in JSON are read by the JSON parser (moto's YAML reader takes a second for 75 kB); a bare date
in a YAML template, such as a policy's `Version: 2012-10-17`, is text, as it is for CloudFormation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from moto.cloudformation import models, parsing

from daylily_ec.localcloud.patches.patching import replace


def install() -> None:
    """Make looking harmless."""
    parsing.NULL_MODELS.clear()
    replace(parsing.ResourceMap, "__getitem__", lambda _original: _look)
    replace(models.Stack, "parse_template", lambda original: staticmethod(_json_first(original)))


def _look(self: parsing.ResourceMap, key: str) -> Any:
    if key in self._parsed_resources:
        return self._parsed_resources[key]
    if key in self._resource_json_map:
        return None
    raise KeyError(key)


def _json_first(read_yaml: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_template(template: str) -> Any:
        if template.lstrip().startswith("{"):
            try:
                return json.loads(template)
            except ValueError:
                pass
        return with_dates_as_text(read_yaml(template))

    return parse_template


def with_dates_as_text(node: Any) -> Any:
    """The document with YAML's dates as they were written."""
    if isinstance(node, dict):
        return {key: with_dates_as_text(value) for key, value in node.items()}
    if isinstance(node, list):
        return [with_dates_as_text(item) for item in node]
    return node.isoformat() if isinstance(node, date) else node
