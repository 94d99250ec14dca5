"""Replaces `${REGSUB_*}` tokens in the scalar nodes of a YAML document.

Only nodes are touched, never text: whatever a value contains, the document keeps its shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from daylily_ec.errors import ValidationError

_TOKEN = re.compile(r"\$\{(REGSUB_[A-Za-z0-9_]*)\}")
_NO_FOLDING = 1_000_000

Scalar = str | int | bool


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _NO_FOLDING
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def load(text: str, source: str) -> CommentedMap:
    """The template as a mapping that remembers comments and order; `ValidationError` names `source`."""
    try:
        document = _yaml().load(text)
    except YAMLError as error:
        raise ValidationError(f"{source} is not valid YAML: {error}", code="bad_template") from error
    if not isinstance(document, CommentedMap):
        raise ValidationError(f"{source} must hold a YAML mapping.", code="bad_template")
    return document


def load_values(text: str, source: str) -> dict[str, Any]:
    """The template as a plain mapping, for those who only read it: half the time of `load`, and its errors."""
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ValidationError(f"{source} is not valid YAML: {error}", code="bad_template") from error
    if not isinstance(document, dict):
        raise ValidationError(f"{source} must hold a YAML mapping.", code="bad_template")
    return document


def dump(document: CommentedMap) -> str:
    """The document as text; equal documents give equal bytes."""
    out = StringIO()
    _yaml().dump(document, out)
    return out.getvalue()


def substitute(document: dict[str, Any], values: Mapping[str, Scalar], source: str) -> None:
    """Replace every token in place.

    A node that is one token takes the value with its type; a token within text takes the value's text.  Tokens without
    a value, unknown ones and tokens in keys raise one `ValidationError` that lists them all.
    """
    used = {name for text in _texts(document) for name in _TOKEN.findall(text)}
    unknown = sorted(used - values.keys())
    empty = sorted(name for name in used & values.keys() if values[name] == "")
    in_keys = sorted({name for key in _keys(document) for name in _TOKEN.findall(key)})
    problems = [f"{words}: {', '.join(names)}" for words, names in
                (("unknown tokens", unknown), ("tokens without a value", empty), ("tokens in keys", in_keys))
                if names]  # fmt: skip
    if problems:
        raise ValidationError(f"{source}: {'; '.join(problems)}.", code="bad_template",
                              details={"unknown": unknown, "empty": empty, "keys": in_keys})  # fmt: skip
    _replace(document, lambda text: _value(text, values))


def _value(text: str, values: Mapping[str, Scalar]) -> Any:
    whole = _TOKEN.fullmatch(text)
    value = values[whole[1]] if whole else _TOKEN.sub(lambda match: _plain(values[match[1]]), text)
    # Double quotes say "text" to every YAML version; plain `no`, `1_000` or `12:30` would become something else.
    return DoubleQuotedScalarString(value) if isinstance(value, str) else value


def _plain(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _replace(node: Any, change: Callable[[str], Any]) -> None:
    entries = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
    for key, value in entries:
        if isinstance(value, str) and _TOKEN.search(value):
            node[key] = change(value)
        elif isinstance(value, dict | list):
            _replace(value, change)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _texts(child)


def _keys(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (key for key in node if isinstance(key, str))
    if isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _keys(child)
