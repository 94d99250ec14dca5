"""JSON as this project writes it: sorted keys, two spaces, a final newline."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from daylily_ec.util.clock import timestamp


def plain(value: Any) -> Any:
    """`value` as dicts, lists and scalars; dataclasses may offer `to_json()`."""
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def dumps(value: Any) -> str:
    """The document, ending in a newline."""
    return json.dumps(plain(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
