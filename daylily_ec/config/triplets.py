"""The configuration file: `ephemeral_cluster: {config: {key: triplet}, template_defaults: {key: scalar}}`.

A triplet is `[action, default_value, set_value]`, also written as a bare action, as a map of those three names, or as
null.  Everything is text here; `config.models` knows what a key means.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.errors import CorruptFile, NotFound
from daylily_ec.util.files import write_atomic

PROMPT = "PROMPTUSER"
USE_SET_VALUE = "USESETVALUE"
_FIELDS = ("action", "default_value", "set_value")
_NORMAL = {"null": "", "None": "", "True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
_NO_DEFAULT = {"", "__MISSING__"}


@dataclass(frozen=True, slots=True)
class Triplet:
    """What the file says of one key; empty texts mean "nothing said"."""

    action: str = PROMPT
    default_value: str = ""
    set_value: str = ""

    def applies(self, *, auto_select: bool = True) -> bool:
        """Whether `set_value` is to be used without asking; any action permits it once a value is there."""
        wanted = self.action == USE_SET_VALUE or self.set_value != PROMPT
        return auto_select and wanted and bool(self.set_value)


@dataclass(frozen=True, slots=True)
class TripletFile:
    """A parsed configuration file: every key in file order, unknown ones too."""

    path: Path
    triplets: Mapping[str, Triplet]
    template_defaults: Mapping[str, str]

    def default(self, key: str) -> str:
        """The file's own default of a key: the triplet's, else that of `template_defaults`."""
        triplet = self.triplets.get(key)
        return (triplet.default_value if triplet else "") or self.template_defaults.get(key, "")


def normalise(value: object) -> str:
    """The text of one YAML scalar: null is empty, booleans are `true`/`false`, numbers (0 too) their digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return _NORMAL.get(text, text)


def parse_triplet(node: object) -> Triplet:
    """The triplet of one YAML value; `ValueError` says what it should be."""
    if node is None:
        return Triplet()
    if isinstance(node, str):
        return _triplet([node])
    if isinstance(node, Mapping):
        return _triplet([node.get(name) for name in _FIELDS])
    if isinstance(node, list | tuple):
        return _triplet(node)
    raise ValueError(f'is the bare value {normalise(node)}; write it as [{USE_SET_VALUE}, "", {normalise(node)}]')


def _triplet(parts: Iterable[object]) -> Triplet:
    values = list(parts)[:3]
    if any(isinstance(part, list | tuple | Mapping) for part in values):
        raise ValueError("holds a list or map where a single value belongs")
    action, default, chosen = (*map(normalise, values), "", "", "")[:3]
    return Triplet(action or PROMPT, default, chosen)


def load_config(path: Path) -> TripletFile:
    """Read a configuration file; `NotFound` when it is absent, `CorruptFile` (with the line) when it is not one."""
    document = _document(path)
    block = _mapping(document, "ephemeral_cluster", path, required=True)
    config = _mapping(block, "config", path, required=True)
    defaults = _mapping(block, "template_defaults", path)
    triplets = {str(key): _parsed(path, config, key) for key in config}
    texts = {str(key): normalise(value) for key, value in defaults.items()}
    return TripletFile(path, triplets, {key: text for key, text in texts.items() if text not in _NO_DEFAULT})


def add_missing_keys(path: Path, keys: Iterable[str]) -> tuple[str, ...]:
    """Write absent keys into the file as `[PROMPTUSER, "", ""]`, keeping comments and order; the keys added."""
    document = _document(path)
    config = _mapping(_mapping(document, "ephemeral_cluster", path, required=True), "config", path, required=True)
    added = tuple(key for key in keys if key not in config)
    if added:
        for key in added:
            config[key] = flow_triplet(Triplet())
        target = path.resolve()
        write_atomic(target, dump(document), mode=target.stat().st_mode & 0o777)
    return added


def flow_triplet(triplet: Triplet) -> Any:
    """The triplet as a one-line YAML list with quoted values."""
    from ruamel.yaml.comments import CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

    line = CommentedSeq([triplet.action, Quoted(triplet.default_value), Quoted(triplet.set_value)])
    line.fa.set_flow_style()
    return line


def dump(document: Any) -> str:
    """The YAML text of a round-trip document."""
    out = io.StringIO()
    _yaml().dump(document, out)
    return out.getvalue()


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096  # no line of the operator's file is folded
    return yaml


def _document(path: Path) -> Any:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text(encoding="utf-8")
        return _yaml().load(text)
    except FileNotFoundError as exc:
        raise NotFound(f"The configuration file {path} does not exist.", code="config_not_found",
                       hint=f"dyec config init --config {path}") from exc  # fmt: skip
    except UnicodeDecodeError as exc:
        raise CorruptFile(f"The configuration file {path} is not UTF-8 text: {exc.reason}.") from exc
    except OSError as exc:
        raise CorruptFile(f"The configuration file {path} cannot be read: {exc.strerror}.") from exc
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise _corrupt(path, mark.line if mark else None, f"is not valid YAML: {exc.problem or exc.context}") from exc
    except YAMLError as exc:
        raise _corrupt(path, None, f"is not valid YAML: {exc}") from exc


def _corrupt(path: Path, line: int | None, what: str) -> CorruptFile:
    place = f"{path}, line {line + 1}" if line is not None else str(path)
    return CorruptFile(f"The configuration file {place} {what}.", details={"path": str(path), "line": (line or 0) + 1},
                       hint="dyec config init writes a commented file to start from.")  # fmt: skip


def _mapping(parent: Any, key: str, path: Path, *, required: bool = False) -> Any:
    value = parent.get(key) if isinstance(parent, Mapping) else None
    if value is None and not required:
        return {}
    if not isinstance(value, Mapping):
        raise _corrupt(path, _line(parent, key), f"has no map {key!r} where one belongs")
    return value


def _parsed(path: Path, config: Any, key: Any) -> Triplet:
    try:
        return parse_triplet(config[key])
    except ValueError as exc:
        raise _corrupt(path, _line(config, key), f"has a wrong entry: {key} {exc}") from exc


def _line(parent: Any, key: Any) -> int | None:
    if not isinstance(parent, Mapping) or key not in parent:
        return None
    position = parent.lc.key(key)  # type: ignore[attr-defined]
    return int(position[0]) if position else None
