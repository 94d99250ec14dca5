"""A menu on a terminal, for commands that were not told which cluster they mean."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from daylily_ec.cli.frame import FRAME
from daylily_ec.errors import MissingInput
from daylily_ec.workflow.choose_cluster import choose_cluster
from daylily_ec.workflow.services import Services

if TYPE_CHECKING:  # loads what only a look-up needs
    from daylily_ec.aws.clusters import ClusterView


def cluster_meant(services: Services, given: str | None) -> str:
    """The cluster given or meant; asks only on a terminal, and never with --json."""
    person = sys.stdin.isatty() and sys.stderr.isatty() and not FRAME.json
    return choose_cluster(services, given, _choose if person else None)


def _choose(found: tuple[ClusterView, ...]) -> str:
    for number, view in enumerate(found, 1):
        sys.stderr.write(f"  {number}  {view.name}  {view.status}\n")
    while True:
        sys.stderr.write(f"Which cluster? [1-{len(found)}]: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise MissingInput("The input ended before a cluster was chosen.", hint="Give --cluster.")
        answer = line.strip()
        if answer.isdecimal() and 1 <= int(answer) <= len(found):
            return found[int(answer) - 1].name
        if answer in (view.name for view in found):
            return answer
