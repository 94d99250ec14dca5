"""How a check ends."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a check ended."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
