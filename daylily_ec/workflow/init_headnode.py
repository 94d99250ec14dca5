"""`headnode init`: what a login on the head node needs to charge a project; runs on the head node.

The project is the cluster's tag unless another is named; who may charge it is in the table that `create` writes
(read from S3, where it is never behind), its budget among all budgets of the account.
"""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from daylily_ec.aws.budgets import CLUSTER_TAG, GLOBAL_BUDGET, PROJECT_TAG, Budget, tag_filter
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AccessDenied, MissingInput, Refused, ValidationError
from daylily_ec.headnode.cluster_facts import CLUSTER_CONFIG, ClusterFacts, read_facts
from daylily_ec.headnode.local import CFNCONFIG, ThisNode, this_head_node
from daylily_ec.plan.steps import Bindings, Step
from daylily_ec.workflow.ensure_budgets import CLUSTER_THRESHOLDS, GLOBAL_THRESHOLDS, BudgetStep, Wish
from daylily_ec.workflow.ensure_projects import TABLE, Project, ProjectsStep
from daylily_ec.workflow.services import Services

BUDGET_USD = Decimal(200)

_QUEUE = "%i  %P  %C  %t  %N  %c  %T  %m  %M  %D  %j"
Ask = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class InitRequest:
    """What the user asks for; `ask` puts a yes-or-no question, None when nobody can be asked."""

    project: str = ""
    skip_project_check: bool = False
    email: str = ""
    ask: Ask | None = None
    cfnconfig: Path = CFNCONFIG
    cluster_config: Path = CLUSTER_CONFIG


@dataclass(frozen=True, slots=True)
class Initialised:
    """The project and what is known of it; `budget` is None when it does not exist or may not be seen."""

    cluster: str
    region: str
    project: str
    user: str
    member: bool
    users: tuple[str, ...]
    budget: Budget | None
    budget_text: str
    email: str
    reference: str
    bucket: str
    warnings: tuple[str, ...]

    @property
    def shell(self) -> str:
        """Shell code that sets the variables, aliases and functions of a login; every value is quoted."""
        cache = "/fsx/tmp/apptainer_cache"
        values = {
            "DAY_CONTACT_EMAIL": self.email, "DAY_PROJECT": self.project, "DAY_AWS_REGION": self.region,
            "APPTAINER_HOME": f"/fsx/tmp/apptainer_home/{self.user}", "APPTAINER_CACHEDIR": f"{cache}/{self.user}",
            "SINGULARITY_CACHEDIR": f"{cache}/{self.user}", "DAY_BIOME": "AWSPC", "reference_s3_uri": self.bucket,
        }  # fmt: skip
        lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
        # Where the user stands and what the shell looks like is known only to the shell that reads this.
        lines += ['export DAY_ROOT="${DAY_ROOT:-$PWD}"', 'export ORIG_PATH="${ORIG_PATH:-$PATH}"',
                  'export ORIG_PS1="${ORIG_PS1:-${PS1:-}}"', """alias dy-b='. "$DAY_ROOT/bin/day_build"'""",
                  """alias day-build-env='. "$DAY_ROOT/bin/day_build"'""",
                  f"sqq() {{ squeue -o {shlex.quote(_QUEUE)} \"$@\"; }}", "alias sq=sqq"]  # fmt: skip
        return "".join(f"{line}\n" for line in lines)


def init_head_node(services: Services, request: InitRequest) -> Initialised:
    """Look up project, users and budget; create what is missing when somebody can be asked and says yes."""
    node = this_head_node(request.cfnconfig)
    if node is None:
        raise ValidationError("This machine is no head node.", code="not_a_head_node",
                              hint="dyec headnode connect, then run it there.")  # fmt: skip
    facts = read_facts(request.cluster_config)
    project = request.project or facts.tags.get(PROJECT_TAG, "")
    if not project:
        raise MissingInput(f"The cluster has no tag {PROJECT_TAG}.", hint="Give the project with --project.")
    if not node.region or facts.reference is None:
        raise MissingInput(f"The {'region' if not node.region else 'reference bucket'} of this cluster is not known.",
                           hint=f"Look at {request.cfnconfig} and {request.cluster_config}.")  # fmt: skip
    return _Login(services, request, node, facts, facts.reference, project).run()


class _Login:
    """One run of the command."""

    def __init__(
        self, services: Services, request: InitRequest, node: ThisNode, facts: ClusterFacts, reference: S3Prefix,
        project: str,
    ) -> None:  # fmt: skip
        self.services = services
        self.request = request
        self.node = node
        self.facts = facts
        self.reference = reference
        self.project = project
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.warnings: list[str] = []

    def run(self) -> Initialised:
        budget = self._budget()
        rows = self._rows()
        if (budget is None or self.project not in rows) and self._create(budget is None):
            budget, rows = self._budget(), self._rows()
        self._check(rows)
        users = rows.get(self.project, ())
        return Initialised(
            self.node.cluster, self.node.region, self.project, self.user, self.user in users, users, budget,
            self._budget_text(budget), self._email(budget), str(self.reference), self.reference.bucket,
            tuple(self.warnings),
        )  # fmt: skip

    def _rows(self) -> dict[str, tuple[str, ...]]:
        """Users by project, of every row of the table; a project with several rows has the users of all."""
        folder = self.reference.child("runtime_assets", "budget_tags")
        found = self.services.s3.read_text(folder.bucket, folder.object_key(TABLE))
        rows: dict[str, tuple[str, ...]] = {}
        for line in found.text.splitlines() if found else ():
            name, _, users = line.partition("\t")
            listed = tuple(user.strip() for user in users.split(",") if user.strip())
            rows[name.strip()] = tuple(dict.fromkeys((*rows.get(name.strip(), ()), *listed)))
        return rows

    def _check(self, rows: dict[str, tuple[str, ...]]) -> None:
        if self.project not in rows and not self.request.skip_project_check:
            known = ", ".join(sorted(rows)) or "none"
            raise Refused(
                f"Project {self.project} is not in the table of projects (known: {known}).", code="unknown_project",
                hint="Choose one with --project, or give --skip-project-check.",
            )  # fmt: skip
        if self.project in rows and self.user not in rows[self.project]:
            self._warn(f"{self.user} is not among the users of project {self.project}: {', '.join(rows[self.project])}")

    def _budget(self) -> Budget | None:
        try:
            every = self.services.budgets.every()
        except AccessDenied as error:
            self._warn(f"The budgets cannot be seen from here: {error.message}")
            return None
        return next((budget for budget in every if budget.name == self.project), None)

    def _budget_text(self, budget: Budget | None) -> str:
        if budget is None:
            return "none"
        share = f"{budget.spent / budget.amount * 100:.1f} %" if budget.amount > 0 else "no fixed limit"
        return f"{budget.spent} of {budget.amount} USD used this month ({share})"

    def _email(self, budget: Budget | None) -> str:
        if self.request.email or budget is None:
            return self.request.email
        try:
            alerts = self.services.budgets.alerts(budget.name)
        except AccessDenied:
            return ""
        return next((address for addresses in alerts.values() for address in addresses), "")

    def _create(self, no_budget: bool) -> bool:
        """Whether something was created: only after a yes, by steps that are safe beside others who do the same."""
        missing = "budget" if no_budget else "row in the table of projects"
        ask = self.request.ask
        if ask is None or not ask(f"Project {self.project} has no {missing}. Create it, charged to {self.user}?"):
            return False
        if no_budget and not self.request.email:
            raise MissingInput("A budget needs an address for its alerts.", hint="Give it with --contact-email.")
        bindings = Bindings()
        for step in self._steps(no_budget):
            observed = step.observe(bindings)
            if not step.is_done(observed):
                step.apply(bindings, observed)
        return True

    def _steps(self, no_budget: bool) -> tuple[Step, ...]:
        services, email = self.services, self.request.email
        tags = (tag_filter(PROJECT_TAG, self.project), tag_filter(CLUSTER_TAG, self.node.cluster))
        wishes = (
            Wish(self.project, BUDGET_USD, CLUSTER_THRESHOLDS, email, tags),
            Wish(GLOBAL_BUDGET, BUDGET_USD, GLOBAL_THRESHOLDS, email,
                 (tag_filter(PROJECT_TAG, GLOBAL_BUDGET), *tags), shared=True, amount_chosen=False),
        )  # fmt: skip
        budgets = tuple(BudgetStep(wish.name, wish, services.budgets, services.clock) for wish in wishes)
        projects = (Project(GLOBAL_BUDGET, (self.user,), shared=True), Project(self.project, (self.user,), shared=True))
        table = ProjectsStep(services.s3, self.reference, projects, services.clock)
        return (*(budgets if no_budget else ()), table)

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            self.services.reporter.warn(text)
