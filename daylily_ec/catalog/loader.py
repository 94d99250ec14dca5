"""Reads a catalog file; what is wrong is named with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError as ModelError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from daylily_ec.catalog.models import Catalog
from daylily_ec.catalog.source import read_catalog
from daylily_ec.errors import ValidationError

_LEGACY_PROFILE = "legacy_v1"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in a catalog file: its line (from 1), the path of keys, and why."""

    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.key + ': ' if self.key else ''}{self.message}"


def load_catalog(path: Path | None = None) -> Catalog:
    """The catalog in `path`, or the site's own one, or the packaged one."""
    return parse_catalog(*read_catalog(path))


def parse_catalog(text: str, source: str) -> Catalog:
    """The catalog in `text`; the first finding is in the message, all of them are in the details."""
    try:
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise _invalid(source, [Finding(line, "", str(error.problem))]) from error
    except YAMLError as error:
        raise _invalid(source, [Finding(1, "", str(error))]) from error
    if not isinstance(document, Mapping):
        raise _invalid(source, [Finding(1, "", "is not a mapping")])
    try:
        return Catalog.model_validate(_complete(_plain(document)))
    except ModelError as error:
        # A misspelt key is also a missing one: the unknown key is what to look at.
        found = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        raise _invalid(source, [_finding(document, item) for item in found]) from error


def _invalid(source: str, findings: list[Finding]) -> ValidationError:
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return ValidationError(f"{source}: {findings[0]}{more}", code="invalid_catalog",
                           details={"file": source, "findings": [asdict(one) for one in findings]},
                           hint=f"dyec catalog validate {source}")  # fmt: skip


def _finding(document: Any, error: Any) -> Finding:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]")
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        text = "this key is not known here"
    return Finding(_line(document, error["loc"]), where, text)


def _line(document: Any, location: Sequence[Any]) -> int:
    """Line (from 1) of the deepest part of `location` that is in the document."""
    line = 1
    node: Any = document
    for part in location:
        try:
            marks: Any = node.lc
            mark = marks.item(part) if isinstance(node, list) else marks.key(part)
            line, node = mark[0] + 1, node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return str(node) if isinstance(node, str) else node


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with `repository` filled in; version 1 becomes version 2."""
    for key, command in _commands(document):
        command.setdefault("repository", key)
    return _migrated(document) if document.get("command_catalog_version") == 1 else document


def _commands(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    repositories = document.get("repositories")
    found = []
    for key, repository in repositories.items() if isinstance(repositories, dict) else ():
        commands = repository.get("analysis_commands") if isinstance(repository, dict) else None
        found += [(key, command) for command in commands or () if isinstance(command, dict)]
    return found


def _migrated(document: dict[str, Any]) -> dict[str, Any]:
    for key, command in _commands(document):
        defaults = {
            "type": "dev", "command_class": "sample_analysis", "input_contract": "sample_manifest",
            "requires_staging": True, "requires_run_mount": False, "test_data_profile": _LEGACY_PROFILE,
            "validated_version": document["repositories"][key].get("default_ref"),
        }  # fmt: skip
        for name, value in defaults.items():
            command.setdefault(name, value)
    profiles = document.setdefault("test_data_profiles", {})
    if isinstance(profiles, dict):
        profiles.setdefault(_LEGACY_PROFILE, {"source_mount_mode": "none"})
    return {**document, "command_catalog_version": 2}
