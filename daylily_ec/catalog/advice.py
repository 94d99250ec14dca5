"""What is allowed in a catalog and still worth a second look."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from daylily_ec.catalog.command_line import CONFIG

if TYPE_CHECKING:  # the models load pydantic, which most commands never need
    from daylily_ec.catalog.models import AnalysisCommand, Catalog

BRANCHES = ("main", "master", "develop", "HEAD")


def advice(catalog: Catalog) -> tuple[str, ...]:
    """One sentence for each thing that will surprise somebody who launches from this catalog."""
    return tuple(f"{one.command_id}: {text}" for one in catalog.commands() for text in _command(one))


def _command(one: AnalysisCommand) -> Iterator[str]:
    ref = one.git_tag if "git_tag" in one.model_fields_set else one.validated_version
    if ref in BRANCHES:
        yield f"follows branch {ref}, so that two launches may run different code"
    elif ref != one.validated_version:
        yield f"git_tag {ref} is not the validated version {one.validated_version}"
    if one.dryrun_dy_command == one.dy_command and one.command_class != "utility":
        yield "dryrun_dy_command is the command itself: it would run"
    for name in ("dy_command", "dryrun_dy_command"):
        yield from _line(name, getattr(one, name), one.targets)
    states = [run.status for run in sorted(one.validation_runs, key=lambda run: run.generated_at)]
    if states and states[-1] != "success":
        yield f"its last validation is {states[-1]}"


def _line(name: str, line: str, targets: list[str]) -> Iterator[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        yield f"{name} cannot be read by a shell: {error}"
        return
    if sum(word in CONFIG for word in words) > 1:
        yield f"{name} has --config more than once; the engine heeds the last one"
    if lost := [target for target in targets if target not in words]:
        yield f"{name} lacks the targets {', '.join(lost)}"
