"""Template → init template → final cluster configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from daylily_ec.domain.fsxpath import CONTROL_DATA, REFERENCES
from daylily_ec.errors import ValidationError
from daylily_ec.render.spot import Bid, fill_bids, spot_types
from daylily_ec.render.substitutions import Scalar, dump, load, substitute

_TAG_FORBIDDEN = re.compile(r"[^\w\s.:/=+\-@]", re.UNICODE)
_TAG_LIMIT = 256


@dataclass(frozen=True, slots=True)
class InitTemplate:
    """The template with its tokens replaced; `text` still lacks spot prices, `spot_types` are to be priced."""

    text: str
    source: str
    spot_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The final configuration and the bids in it."""

    text: str
    bids: tuple[Bid, ...]


def render_init(
    template: str, source: str, values: Mapping[str, Scalar], tags: Mapping[str, str], key_name: str | None = None
) -> InitTemplate:
    """Replace the tokens, add `tags` and the optional key pair, and check the startup associations."""
    document = load(template, source)
    substitute(document, values, source)
    _add_tags(document, tags)
    if key_name:
        document["HeadNode"].setdefault("Ssh", CommentedMap())["KeyName"] = DoubleQuotedScalarString(key_name)
    check_startup_associations(document, source)
    return InitTemplate(dump(document), source, spot_types(document))


def render_final(
    init: InitTemplate, prices: Mapping[str, float], bump: float, zone: str, caps: Mapping[str, float] | None = None
) -> Rendered:
    """Fill in the spot bids; see `fill_bids`."""
    document = load(init.text, init.source)
    bids = fill_bids(document, prices, bump, zone, caps)
    return Rendered(dump(document), bids)


def tag_value(text: str) -> str:
    """`text` as AWS accepts it as a tag's value: letters, digits, spaces and `.:/=+-@_`, at most 256 characters."""
    return _TAG_FORBIDDEN.sub("-", text)[:_TAG_LIMIT] or "none"


def _add_tags(document: CommentedMap, tags: Mapping[str, str]) -> None:
    section = document.setdefault("Tags", CommentedSeq())
    present = {entry.get("Key") for entry in section}
    for key, value in tags.items():
        if key in present:
            raise ValidationError(f"The template sets the tag {key}, which belongs to dyec.", code="bad_template")
        section.append(CommentedMap(Key=DoubleQuotedScalarString(key), Value=DoubleQuotedScalarString(value)))


def check_startup_associations(document: Mapping[str, Any], source: str) -> None:
    """The file system starts with the reference, usually with the control data, and with nothing else."""
    found = []
    for storage in document.get("SharedStorage") or []:
        if storage.get("StorageType") == "FsxLustre":
            settings = storage.get("FsxLustreSettings") or {}
            found += [(str(entry.get("FileSystemPath")), str(entry.get("DataRepositoryPath") or ""))
                      for entry in settings.get("DataRepositoryAssociations") or []]  # fmt: skip
    paths = sorted(path for path, repository in found if repository)
    if len(paths) != len(found) or paths not in ([REFERENCES], sorted([CONTROL_DATA, REFERENCES])):
        raise ValidationError(
            f"{source}: the startup data repository associations must be {REFERENCES}, with {CONTROL_DATA} or alone; "
            f"found {', '.join(path for path, _ in found) or 'none'}.",
            code="startup_associations", details={"found": [list(pair) for pair in found]},
        )  # fmt: skip
