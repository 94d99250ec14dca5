"""What each storage role must hold: data in `config/storage_roles.yaml`, replaceable in the configuration directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.config.resources import resource
from daylily_ec.config.settings import config_dir
from daylily_ec.errors import CorruptFile

ROLE_NAMES = ("reference", "control_data", "staging", "export_destination")
_FILE = "storage_roles.yaml"


@dataclass(frozen=True, slots=True)
class StorageRole:
    """Content rule of one role; keys are relative to the role's prefix."""

    name: str
    holds: tuple[str, ...] = ()
    marker_object: str = ""
    marker_text: str = ""


def load_roles(env: Mapping[str, str] | None = None) -> tuple[StorageRole, ...]:
    """The four rules: the operator's file if there is one, else the packaged one."""
    own = config_dir(env) / _FILE
    return parse_roles(own if own.exists() else resource(f"config/{_FILE}"))


def parse_roles(path: Path) -> tuple[StorageRole, ...]:
    """The rules in a file; `CorruptFile` when it is not of the expected shape."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        roles = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["roles"]
        return tuple(_role(name, roles.get(name) or {}) for name in ROLE_NAMES)
    except (OSError, YAMLError, TypeError, KeyError, AttributeError) as exc:
        raise CorruptFile(f"{path} is no list of storage roles: {exc}") from exc


def _role(name: str, rule: dict[str, Any]) -> StorageRole:
    marker = rule.get("marker") or {}
    holds = tuple(str(prefix).strip("/") for prefix in rule.get("holds") or ())
    return StorageRole(name, holds, str(marker.get("object", "")), str(marker.get("text", "")).strip())
