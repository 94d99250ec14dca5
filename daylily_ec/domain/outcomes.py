"""What an `ensure` found or did."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """CREATED now, ADOPTED (existed, not recorded by us), UPDATED, or UNCHANGED."""

    CREATED = "CREATED"
    ADOPTED = "ADOPTED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
