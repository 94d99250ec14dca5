"""The table of projects that nodes read: budget name, a tab, the users who may charge it.

It lies in the reference bucket and is shared by all clusters, so it is only ever replaced on condition that nobody has
changed it since it was read (ETag); other rows stay byte for byte.  An object that cannot be read is never replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from daylily_ec.aws.budgets import GLOBAL_BUDGET, cluster_budget_name
from daylily_ec.aws.s3 import ObjectText, S3Api
from daylily_ec.config.models import ClusterConfig
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError, CorruptFile
from daylily_ec.plan.steps import Action, Bindings, Observed, Output
from daylily_ec.util.clock import Clock

TABLE = "pcluster-project-budget-tags.tsv"
FIRST_USER = "ubuntu"

_ATTEMPTS = 20
_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Project:
    """One row; `shared`: users that the row has already stay."""

    name: str
    users: tuple[str, ...]
    shared: bool = False


def projects_of(config: ClusterConfig, zone: AvailabilityZone) -> tuple[Project, ...]:
    """The rows of the global budget and of the cluster's."""
    return (
        Project(GLOBAL_BUDGET, config.global_allowed_budget_users, shared=True),
        Project(cluster_budget_name(zone, config.cluster_name), config.allowed_budget_users),
    )


def row(name: str, users: Iterable[str]) -> str:
    """`<name>TAB<users>`: each user once, ubuntu first."""
    return f"{name}\t{','.join(dict.fromkeys((FIRST_USER, *users)))}"


def merged(text: str, projects: Iterable[Project]) -> str:
    """The table with one row for each project, in the place of the first one it had; every other line stays."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    for project in projects:
        places = [number for number, line in enumerate(lines) if _name(line) == project.name]
        known = [user for number in places for user in _users(lines[number])] if project.shared else []
        wanted = row(project.name, (*known, *project.users))
        lines = [line for number, line in enumerate(lines) if number not in places[1:]]
        if places:
            lines[places[0]] = wanted
        else:
            lines.append(wanted)
    return "".join(f"{line}\n" for line in lines)


def _name(line: str) -> str:
    return line.split("\t", 1)[0].strip()


def _users(line: str) -> list[str]:
    return [user.strip() for user in line.partition("\t")[2].split(",") if user.strip()]


@dataclass(frozen=True, slots=True)
class ProjectsStep:
    """The rows of this cluster's budgets; safe to repeat because each write is conditional and rows are unique."""

    s3: S3Api
    reference: S3Prefix
    projects: tuple[Project, ...]
    clock: Clock
    name: str = "budget-projects"
    needs: tuple[Output, ...] = ()

    @property
    def folder(self) -> S3Prefix:
        """`<reference>/runtime_assets/budget_tags/`, which nodes see below /fsx/references."""
        return self.reference.child("runtime_assets", "budget_tags")

    def describe(self, bindings: Bindings) -> str:
        """The table's URI."""
        return f"Budget projects in {self.folder.object_uri(TABLE)}"

    def observe(self, bindings: Bindings) -> Observed:
        """Whether the table exists and which rows it lacks."""
        outputs = {"uri": self.folder.object_uri(TABLE)}
        found = self._read()
        if found is None:
            return Observed(Action.CREATE, "there is no table yet", outputs)
        if merged(found.text, self.projects) == found.text:
            return Observed(Action.UNCHANGED, "has the rows", outputs)
        return Observed(Action.UPDATE, f"rows of {', '.join(project.name for project in self.projects)}", outputs)

    def is_done(self, observed: Observed) -> bool:
        """Whether the rows are there."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Write the table; whoever loses the race reads it again."""
        for number in range(_ATTEMPTS):
            if self._write(self._read()):
                return observed.outputs
            self.clock.sleep(_PAUSE_S * (number + 1))
        raise AwsError(f"{self.folder.object_uri(TABLE)} kept changing; {_ATTEMPTS} conditional writes were refused.",
                       code="budget_projects", hint="Repeat when fewer clusters are being created.")  # fmt: skip

    def _read(self) -> ObjectText | None:
        try:
            return self.s3.read_text(self.folder.bucket, self.folder.object_key(TABLE))
        except UnicodeDecodeError as error:
            raise CorruptFile(f"{self.folder.object_uri(TABLE)} is not UTF-8 text ({error}).",
                              hint="Look at it and correct it; it is not overwritten.") from error  # fmt: skip

    def _write(self, found: ObjectText | None) -> bool:
        bucket, key = self.folder.bucket, self.folder.object_key(TABLE)
        if found is None:
            return self.s3.put_if_absent(bucket, key, merged("", self.projects).encode())
        wanted = merged(found.text, self.projects)
        return wanted == found.text or self.s3.put_if_match(bucket, key, wanted.encode(), found.etag)
