"""How moto is changed: loudly.

`replace` insists that the attribute exists and `add` that it does not, so a new moto release that moves or implements
something stops the server at start instead of silently meaning something else.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any


class PatchError(RuntimeError):
    """moto is not the release that the extensions were written for."""


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put `make(original)` in place of `owner.name`, which must exist."""
    original = getattr(owner, name, None)
    if original is None:
        raise PatchError(f"{owner!r} has no {name!r} to extend")
    setattr(owner, name, make(original))


def add(owner: Any, name: str, value: Any) -> None:
    """Give `owner` an attribute that it must not have yet."""
    if name in vars(owner):
        raise PatchError(f"{owner!r} has its own {name!r} now: delete this extension")
    setattr(owner, name, value)


def json_action(handler: Callable[[Any, dict[str, Any]], dict[str, Any]]) -> Callable[[Any], str]:
    """A method for a moto response class of a JSON-protocol service: request document in, response document out."""

    @functools.wraps(handler)
    def method(self: Any) -> str:
        return json.dumps(handler(self, json.loads(self.body or "{}")))

    return method
