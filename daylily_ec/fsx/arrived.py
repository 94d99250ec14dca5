"""How much of an export has arrived in S3 while its task runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, Throttled, Unreachable
from daylily_ec.fsx.manifest import Manifest
from daylily_ec.fsx.verification import data_objects
from daylily_ec.util.clock import Clock
from daylily_ec.util.progress import Reporter

_SHARE = 20
"""A listing that took a second is not repeated for so many: S3 gives a thousand keys a page."""


@dataclass(slots=True)
class Arrived:
    """Objects and bytes below the destination, listed no more often than is cheap."""

    s3: S3Api
    clock: Clock
    reporter: Reporter
    destination: S3Prefix
    manifest: Manifest
    text: str = ""
    again: float = field(default=0.0)

    def told(self) -> str:
        """What S3 held when it was asked last, for people; nothing when it does not answer.

        Never fails: the task is waited for whether or not its progress can be seen.
        """
        began = self.clock.monotonic()
        if began >= self.again:
            self.text = self._listed()
            ended = self.clock.monotonic()
            self.again = max(self.again, ended + _SHARE * (ended - began))
        return self.text

    def _listed(self) -> str:
        try:
            sizes = [one.size for one in data_objects(self.s3.objects(self.destination), self.destination)]
        except (Throttled, Unreachable):
            return ""
        except AwsError as error:
            self.reporter.note(f"What has arrived in S3 is not shown: {error.message}")
            self.again = math.inf
            return ""
        whole = self.manifest
        return f"({len(sizes):,} of {whole.objects:,} objects, {sum(sizes):,} of {whole.bytes:,} bytes in S3)"
