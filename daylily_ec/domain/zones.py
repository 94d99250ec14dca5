"""Availability zones and the regions they lie in."""

from __future__ import annotations

import re

from daylily_ec.errors import InvalidValue

_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d)([a-z])")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")


class Region(str):
    """An AWS region, such as `us-west-2`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Region:
        """The region, or `InvalidValue`."""
        if not _REGION.fullmatch(text):
            raise InvalidValue("region", text, "must look like us-west-2")
        return cls(text)


class AvailabilityZone(str):
    """A standard availability zone, such as `us-west-2d`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> AvailabilityZone:
        """The zone, or `InvalidValue`."""
        if not _ZONE.fullmatch(text):
            raise InvalidValue("region-az", text, "must be a region and a zone letter, such as us-west-2d")
        return cls(text)

    @property
    def region(self) -> Region:
        """The region of the zone."""
        return Region(self[:-1])
