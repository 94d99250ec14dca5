"""The role with which EventBridge Scheduler publishes heartbeats.

Order: the configured role (file, flag or environment), the two roles that earlier clusters may have made, else a new
one.  The regions in its inline policy add up, so a heartbeat in one region never silences one in another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daylily_ec.aws.iam import IamApi
from daylily_ec.aws.iam_writes import Document, IamWritesApi, Role, listed, statements
from daylily_ec.config.policies import Place, policy_document
from daylily_ec.errors import AccessDenied, AwsError, ValidationError
from daylily_ec.plan.steps import Action, Bindings, Observed, Output
from daylily_ec.util.clock import Clock

STEP = "scheduler-role"
ROLE_ARN = Output(STEP, "role_arn")
ROLE_NAMES = ("eventbridge-scheduler-to-sns", "daylily-eventbridge-scheduler")
INLINE_POLICY = "eventbridge-scheduler-to-sns-inline"
SERVICE = "scheduler.amazonaws.com"
TAGS = {"Owner": "Daylily", "Purpose": "SchedulerToSNS"}

_PUBLISH = "sns:Publish"
_ROUNDS = 6
_SETTLE_S = 2.0


@dataclass(frozen=True, slots=True)
class Configured:
    """A role that the operator chose; `source` tells where: `preconfigured` or `env:<NAME>`."""

    arn: str
    source: str


@dataclass(frozen=True, slots=True)
class SchedulerRoleStep:
    """The role; safe to repeat by its unique name, with its tags in the create call."""

    configured: Configured | None
    topic_arn: str
    iam: IamApi
    writes: IamWritesApi
    place: Place
    clock: Clock
    name: str = STEP
    needs: tuple[Output, ...] = ()

    def describe(self, bindings: Bindings) -> str:
        """The role."""
        return f"Scheduler role {bindings.get(ROLE_ARN) or ROLE_NAMES[0]}"

    def observe(self, bindings: Bindings) -> Observed:
        """The role to use, and whether it may publish in this region; a configured one is checked, never changed."""
        if self.configured is not None:
            self._check(self.configured)
            return _found(Action.UNCHANGED, self.configured.arn, self.configured.source)
        role = self._existing()
        if role is None:
            return Observed(Action.CREATE, "the account has none")
        source = f"existing_role:{role.name}"
        if self._covers(self.writes.inline(role.name, INLINE_POLICY)):
            return _found(Action.UNCHANGED, role.arn, source)
        return _found(Action.UPDATE, role.arn, source, f"add {self.place.region} to {INLINE_POLICY}")

    def is_done(self, observed: Observed) -> bool:
        """Whether it may publish here."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Make the role unless it exists, then add this region, and look again: others may add theirs meanwhile."""
        role = self._existing() or self._create()
        for number in range(_ROUNDS):
            found = self.writes.inline(role.name, INLINE_POLICY)
            if self._covers(found):
                return _outputs(role.arn, observed.outputs.get("source", "created"))
            self.writes.put_inline(role.name, INLINE_POLICY, self._added(found))
            self.clock.sleep(_SETTLE_S * number)
        raise AwsError(f"Policy {INLINE_POLICY} of role {role.name} does not keep region {self.place.region}.",
                       code="scheduler_role", hint="Repeat; if it stays, somebody keeps replacing it.")  # fmt: skip

    def _check(self, configured: Configured) -> None:
        role = self.writes.role(configured.arn.rsplit("/", 1)[-1])
        if role is None or role.arn != configured.arn:
            raise _unusable(configured, "does not exist")
        if not role.trusts(SERVICE):
            raise _unusable(configured, f"does not let {SERVICE} assume it")
        try:
            denied = self.iam.denials(role.arn, [_PUBLISH], [self.topic_arn])
        except AccessDenied:
            # A caller who may not simulate learns it from the first heartbeat instead.
            return
        if denied:
            raise _unusable(configured, f"may not publish to {self.topic_arn} ({denied[0].decision})")

    def _existing(self) -> Role | None:
        found = (self.writes.role(name) for name in ROLE_NAMES)
        return next((role for role in found if role is not None and role.trusts(SERVICE)), None)

    def _create(self) -> Role:
        name = ROLE_NAMES[0]
        arn = self.writes.create_role(name, policy_document(f"{name}.trust", self.place), TAGS)
        if arn is not None:
            return Role(arn, name)
        found = self._existing()
        if found is None:
            raise AwsError(f"Role {name} exists, but does not let {SERVICE} assume it.", code="scheduler_role",
                           hint="Correct its trust policy, or set heartbeat_scheduler_role_arn.")  # fmt: skip
        return found

    @property
    def _wanted(self) -> dict[str, Any]:
        statement: dict[str, Any] = policy_document(ROLE_NAMES[0], self.place)["Statement"][0]
        return statement

    def _covers(self, document: Document | None) -> bool:
        wanted = set(self._wanted["Resource"])
        return any(wanted <= set(listed(item.get("Resource"))) for item in _publishing(document))

    def _added(self, document: Document | None) -> Document:
        """The policy with this region's topics beside what it allows already."""
        if document is None:
            return policy_document(ROLE_NAMES[0], self.place)
        changed: dict[str, Any] = json.loads(json.dumps(document))
        open_to = _publishing(changed)
        if open_to:
            known = [*listed(open_to[0].get("Resource")), *self._wanted["Resource"]]
            open_to[0]["Resource"] = list(dict.fromkeys(known))
            return changed
        return {**changed, "Statement": [*statements(changed), self._wanted]}


def _publishing(document: Document | None) -> list[dict[str, Any]]:
    return [
        item
        for item in statements(document or {})
        if item.get("Effect") == "Allow" and _PUBLISH in listed(item.get("Action")) and "Condition" not in item
    ]


def _outputs(arn: str, source: str) -> dict[str, str]:
    return {ROLE_ARN.name: arn, "source": source}


def _found(action: Action, arn: str, source: str, detail: str = "") -> Observed:
    return Observed(action, detail or source, _outputs(arn, source))


def _unusable(configured: Configured, why: str) -> ValidationError:
    return ValidationError(
        f"The scheduler role {configured.arn} ({configured.source}) {why}.", code="scheduler_role",
        hint="Correct heartbeat_scheduler_role_arn, or leave it empty: a role is found or made then.",
    )  # fmt: skip
