"""One block of a profile's YAML file: what it lacks is added at its top, and every character that was there stays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daylily_ec.errors import Refused

UNUSABLE = "bclconvert_profile"


def unusable(why: str) -> Refused:
    """The refusal of a profile."""
    return Refused(f"The profile's rule_config.yaml {why}.", code=UNUSABLE,
                   hint="Correct it in the clone, then go on with: dyec workflow resume.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Completed:
    """A file's text with the keys that were `added`; `kept` are those that its block had, as text."""

    text: str
    added: Mapping[str, str]
    kept: Mapping[str, str]


def completed(text: str, block: str, values: Mapping[str, str]) -> Completed:
    """The text with those `values` whose keys the block lacks, as quoted strings; `Refused` when there is no block.

    What is added has the block's own style and indentation; the result is read again and compared.
    """
    root = _compose(text)
    key, node = _find(root, block)
    kept = dict(_pairs(node))
    added = {name: value for name, value in values.items() if name not in kept}
    if not added:
        return Completed(text, added, kept)
    found = _with_entries(text, key, node, [f"{name}: {_quoted(value)}" for name, value in added.items()])
    if not _says(found, _expected(_tree(root), block, added)):
        raise unusable(f"cannot be completed safely; add to {block}: by hand: {', '.join(added)}")
    return Completed(found, added, kept)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _compose(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        raise unusable(f"is not read as YAML: {' '.join(str(error).split())}") from error


def _find(root: Any, block: str) -> tuple[Any, Any]:
    """The nodes of the block's key and of its value; of two blocks the last one counts, as for the engine."""
    from ruamel.yaml.nodes import MappingNode

    pairs = root.value if isinstance(root, MappingNode) else []
    key, node = next(((key, node) for key, node in reversed(pairs) if key.value == block), (None, None))
    if node is None:
        raise unusable(f"has no block {block}:")
    if not isinstance(node, MappingNode) and node.value != "":
        raise unusable(f"has no mapping below {block}:")
    return key, node


def _pairs(node: Any) -> Iterator[tuple[str, str]]:
    """Keys and values of a mapping as text, those that it merges first; a collection or null has the text ''."""
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    own = node.value if isinstance(node, MappingNode) else ()
    for merged in (value for key, value in own if key.value == "<<"):
        for one in reversed(merged.value) if isinstance(merged, SequenceNode) else (merged,):
            yield from _pairs(one)
    for key, value in own:
        null = not isinstance(value, ScalarNode) or str(value.tag).endswith(":null")
        yield str(key.value), "" if null else value.value


def _with_entries(text: str, key: Any, node: Any, entries: Sequence[str]) -> str:
    if getattr(node, "flow_style", False):
        at = text.index("{", node.start_mark.index) + 1
        return text[:at] + ", ".join([*entries, *([""] if node.value else [])]) + text[at:]
    # Right below the block's own line: a comment further down stays with the key that it is about.
    column = node.value[0][0].start_mark.column if node.value else key.start_mark.column + 2
    end = "\r\n" if "\r\n" in text else "\n"
    newline = text.find("\n", key.end_mark.index)
    head, rest = (text[: newline + 1], text[newline + 1 :]) if newline >= 0 else (text + end, "")
    return head + "".join(f"{' ' * column}{entry}{end}" for entry in entries) + rest


def _expected(tree: Any, block: str, added: Mapping[str, str]) -> Any:
    at = max(number for number, (key, _) in enumerate(tree) if key == block)
    return [*tree[:at], (block, [*added.items(), *(tree[at][1] or [])]), *tree[at + 1 :]]


def _says(text: str, tree: Any) -> bool:
    try:
        return bool(_tree(_compose(text)) == tree)
    except Refused:
        return False


def _tree(node: Any) -> Any:
    """The document as texts, lists and, for the entries of a mapping, pairs."""
    if isinstance(node, tuple):
        return tuple(map(_tree, node))
    return node.value if isinstance(node.value, str) else [_tree(one) for one in node.value]
