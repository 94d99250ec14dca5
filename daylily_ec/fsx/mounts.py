"""Data repository associations: which may exist beside each other, and how one comes to be.

AWS's rules: 8 associations per file system, FAILED ones included; neither paths nor prefixes of two may overlap; one
request is worked on at a time; MISCONFIGURED recovers once its cause is gone, FAILED never does.
https://docs.aws.amazon.com/fsx/latest/LustreGuide/create-dra-linked-data-repo.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from daylily_ec.aws.context import aws_code
from daylily_ec.aws.fsx import Association, AssociationLifecycle, AssociationSpec, FsxApi
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, Refused
from daylily_ec.fsx.policy import is_of_export, is_startup
from daylily_ec.fsx.slots import MAX_ASSOCIATIONS as MAX_ASSOCIATIONS
from daylily_ec.fsx.slots import slots_of
from daylily_ec.fsx.turns import turn
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.jsonio import plain
from daylily_ec.util.progress import Reporter

WAIT_S = 900.0
_POLL_S = 15.0
_FIRST_POLL_S = 1.0
_GENERATIONS = 20
_PENDING = "(to be made"
_STILL_FAILED_S = 60.0
"""How long a FAILED association that is being deleted may go on being shown as FAILED."""
_REJECTED = {"BadRequest", "IncompatibleParameterError", "ServiceLimitExceeded"}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a wanted association cannot exist beside what is there."""

    reason: str
    hint: str
    others: tuple[Association, ...]
    code: str = "mount_conflict"

    def error(self, wanted: AssociationSpec) -> Refused:
        """The refusal, with the associations in the way as details."""
        return Refused(
            f"{wanted.source} cannot be attached at {wanted.path.on_node}: {self.reason}",
            code=self.code,
            hint=self.hint,
            details={
                "associations": [summary(other) for other in self.others],
                "slots": [plain(slot) for slot in slots_of(self.others)],
            },
        )


def summary(association: Association) -> dict[str, str]:
    """What identifies an association in messages and receipts."""
    return {
        "association_id": association.id,
        "file_system_path": association.path.value,
        "data_repository_path": str(association.source),
        "lifecycle": str(association.lifecycle),
        "purpose": association.tags.get("lsmc:purpose", ""),
    }


def same_link(association: Association, wanted: AssociationSpec) -> bool:
    """Whether it links exactly the wanted directory with the wanted prefix."""
    return association.path == wanted.path and association.source == wanted.source


def equal(association: Association, wanted: AssociationSpec) -> bool:
    """Whether it links the same places and reacts to the same events."""
    return (
        same_link(association, wanted)
        and set(association.auto_import) == set(wanted.auto_import)
        and set(association.auto_export) == set(wanted.auto_export)
    )


def covers(association: Association, path: FsxPath, source: S3Prefix | None = None) -> bool:
    """Whether it shows `path`, at itself or above, and there just `source` (anything without one)."""
    if association.lifecycle.is_failed or association.lifecycle.is_leaving:
        return False
    if not path.value.startswith(association.path.value):
        return False
    below = path.value.removeprefix(association.path.value)
    return source is None or S3Prefix(association.source.bucket, association.source.key + below) == source


@dataclass(frozen=True, slots=True)
class PlannedMount:
    """A wanted association and the existing one that already shows the same, None when it is to be made."""

    wanted: AssociationSpec
    found: Association | None = None


def plan_associations(wanted: Sequence[AssociationSpec], existing: tuple[Association, ...]) -> tuple[PlannedMount, ...]:
    """What is there and what is to be made; `Refused` when one of them cannot be, or when slots do not suffice.

    An association that shows the same is taken whatever events it follows.  One that is being detached is no obstacle:
    it is waited for.
    """
    planned: list[PlannedMount] = []
    for spec in wanted:
        found = next((one for one in existing if covers(one, spec.path, spec.source)), None)
        if found is None:
            pending = (_pending(one.wanted, number) for number, one in enumerate(planned) if one.found is None)
            conflict = find_conflict(spec, (*(one for one in existing if not _awaited(one, spec)), *pending))
            if conflict is not None:
                raise conflict.error(spec)
        planned.append(PlannedMount(spec, found))
    return tuple(planned)


def _awaited(association: Association, wanted: AssociationSpec) -> bool:
    """Whether creating the wanted one first waits until this one is gone."""
    overlaps = association.path.overlaps(wanted.path) or association.source.overlaps(wanted.source)
    return association.lifecycle.is_leaving and overlaps


def _pending(spec: AssociationSpec, number: int) -> Association:
    return Association(f"{_PENDING} {number + 1})", spec.file_system_id, spec.path, spec.source,
                       AssociationLifecycle.CREATING, tags=spec.tags)  # fmt: skip


def find_conflict(wanted: AssociationSpec, existing: tuple[Association, ...]) -> Conflict | None:
    """The first reason why `wanted` cannot be created beside `existing`, None when it can."""
    for other in existing:
        if same_link(other, wanted):
            return _conflict_of_equals(other, wanted)
        if other.path.overlaps(wanted.path):
            reason = f"{other.id} ({other.lifecycle}) already links {other.path.on_node} with {other.source}"
            return Conflict(reason, _advice("Choose another path", "or if nobody uses it", other), (other,))
        if other.source.overlaps(wanted.source):
            reason = f"{other.id} ({other.lifecycle}) already shows {other.source} at {other.path.on_node}"
            return Conflict(reason, _advice(f"Use {other.path.on_node}", "or detach it", other), (other,))
    if len(existing) >= MAX_ASSOCIATIONS:
        failed = [other for other in existing if other.lifecycle.is_failed]
        first = _advice(f"Delete the FAILED {failed[0].id} first", "", failed[0]) if failed else (
            "Detach one that nobody uses: dyec mounts list shows them, dyec mounts delete detaches.")  # fmt: skip
        taken = f"all {MAX_ASSOCIATIONS} association slots of {wanted.file_system_id} are taken"
        who = "; ".join(str(slot) for slot in slots_of(existing))
        return Conflict(f"{taken} ({len(failed)} by FAILED ones): {who}", first, existing, "no_free_slot")
    return None


def _conflict_of_equals(other: Association, wanted: AssociationSpec) -> Conflict:
    if other.lifecycle.is_failed:
        return Conflict(f"{other.id} is FAILED: {other.reason or 'FSx gives no reason'}",
                        _advice(f"Delete the FAILED {other.id}", "then repeat", other), (other,))  # fmt: skip
    found = f"imports {_events(other.auto_import)}, exports {_events(other.auto_export)}"
    asked = f"imports {_events(wanted.auto_import)}, exports {_events(wanted.auto_export)}"
    return Conflict(f"{other.id} links the same places but {found}; asked: {asked}",
                    _advice("Ask for the same events", "or detach it", other), (other,))  # fmt: skip


def _advice(first: str, then: str, association: Association) -> str:
    """What to do, with the command that detaches it unless there is nothing to detach or that would be refused."""
    if association.id.startswith(_PENDING) or is_startup(association):
        return f"{first}."
    advice = ", ".join(filter(None, (first, then)))
    if is_of_export(association):
        return f"{advice}: dyec exports detach --association-id {association.id}"
    owner = f"--fsx-file-system-id {association.file_system_id}"
    return f"{advice}: dyec mounts delete {owner} --association-id {association.id}"


def _events(events: tuple[str, ...]) -> str:
    return ",".join(events) or "nothing"


def request_token(*parts: object) -> str:
    """A client request token (at most 63 characters) that is the same for the same parts."""
    canonical = json.dumps([str(part) for part in parts])
    return "dyec-" + hashlib.sha256(canonical.encode()).hexdigest()[:48]


def ensure_association(
    fsx: FsxApi,
    clock: Clock,
    reporter: Reporter,
    wanted: AssociationSpec,
    *,
    wait: bool = True,
    deadline: float = WAIT_S,
) -> tuple[Association, Outcome]:
    """The wanted association: an equal one is adopted, a conflicting one explained, else it is created.

    With `wait` it is AVAILABLE on return.  MISCONFIGURED is waited for up to `deadline` seconds because FSx recovers
    from it; FAILED is an `AwsError`.  Safe to repeat after any interruption: what was created is found again.
    """
    begun = clock.monotonic()
    with turn(clock, reporter, wanted.file_system_id, deadline):
        existing = _settled(fsx, clock, reporter, wanted, _left(clock, begun, deadline))
        found, outcome = _equal_one(existing, wanted), Outcome.ADOPTED
        if found is None:
            conflict = find_conflict(wanted, existing)
            if conflict is not None:
                raise conflict.error(wanted)
            found, outcome = _create(fsx, wanted)
    if wait:
        found = wait_available(fsx, clock, reporter, found, _left(clock, begun, deadline))
    return found, outcome


def _left(clock: Clock, begun: float, deadline: float) -> float:
    return max(deadline - (clock.monotonic() - begun), 0.0)


def _equal_one(existing: tuple[Association, ...], wanted: AssociationSpec) -> Association | None:
    """An equal one that is there, or on its way to be."""
    staying = (one for one in existing if not (one.lifecycle.is_failed or one.lifecycle.is_leaving))
    return next((one for one in staying if equal(one, wanted)), None)


def _settled(
    fsx: FsxApi, clock: Clock, reporter: Reporter, wanted: AssociationSpec, deadline: float
) -> tuple[Association, ...]:
    """Existing associations once none is in the way that will go by itself: one that FSx makes, or detaches.

    An equal one, or an obstacle that stays, ends the wait.
    """

    def passing(existing: tuple[Association, ...]) -> list[Association]:
        if _equal_one(existing, wanted) is not None:
            return []
        staying = tuple(one for one in existing if not one.lifecycle.is_leaving)
        if find_conflict(wanted, staying) is not None:
            return []
        full = len(existing) >= MAX_ASSOCIATIONS
        return [
            one
            for one in existing
            if one.lifecycle.is_arriving or _awaited(one, wanted) or (full and one.lifecycle.is_leaving)
        ]

    def names(existing: tuple[Association, ...]) -> str:
        return ", ".join(f"{one.id} {one.state}" for one in passing(existing)) or "none"

    what = f"turn of the association at {wanted.path.on_node}"
    return wait_until(
        lambda: fsx.associations(wanted.file_system_id),
        done=lambda existing: not passing(existing),
        what=what,
        deadline=deadline,
        every=_POLL_S,
        first=_FIRST_POLL_S,
        clock=clock,
        describe=names,
        observe=lambda seen, elapsed: reporter.waiting(what, names(seen), elapsed) if passing(seen) else None,
    )


def _create(fsx: FsxApi, wanted: AssociationSpec) -> tuple[Association, Outcome]:
    # FSx may answer an old token with the association it once made, although that was deleted since: ask anew then.
    for generation in range(_GENERATIONS):
        try:
            created = fsx.create_association(wanted, request_token(*_identity(wanted), generation))
        except AwsError as error:
            if aws_code(error) not in _REJECTED:
                raise
            # Another operator may have been quicker: their equal association is as good as ours.
            existing = fsx.associations(wanted.file_system_id)
            found = _equal_one(existing, wanted)
            if found is not None:
                return found, Outcome.ADOPTED
            conflict = find_conflict(wanted, existing)
            raise (conflict.error(wanted) if conflict is not None else error) from error
        seen = fsx.association(created.id)
        if seen is not None and not seen.lifecycle.is_leaving:
            return seen, Outcome.CREATED
    raise AwsError(f"FSx did not keep the association it acknowledged for {wanted.path.on_node}.")


def _identity(wanted: AssociationSpec) -> tuple[object, ...]:
    tags = sorted(wanted.tags.items())
    policy = (wanted.auto_import, wanted.auto_export, wanted.batch_import)
    return (wanted.file_system_id, wanted.path, wanted.source, policy, tags)


def wait_available(
    fsx: FsxApi, clock: Clock, reporter: Reporter, association: Association, deadline: float = WAIT_S
) -> Association:
    """Wait until the association is usable; FAILED and disappearance are `AwsError`s that say why."""
    what = f"association {association.id} at {association.path.on_node}"

    def settled(seen: Association | None) -> bool:
        return seen is None or seen.lifecycle.is_failed or seen.lifecycle.is_usable

    def state(seen: Association | None) -> str:
        return seen.state if seen is not None else "gone"

    seen = wait_until(
        lambda: fsx.association(association.id), done=settled, what=what, deadline=deadline, every=_POLL_S,
        first=_FIRST_POLL_S, clock=clock, describe=state,
        observe=lambda seen, elapsed: None if settled(seen) else reporter.waiting(what, state(seen), elapsed),
    )  # fmt: skip
    if seen is None or seen.lifecycle.is_failed:
        hint = "Check that FSx may read the bucket, then repeat."
        raise AwsError(
            f"The {what} ended as {state(seen)}.",
            code="association_failed", details=summary(seen or association), hint=hint,
        )  # fmt: skip
    return seen


def detach(fsx: FsxApi, clock: Clock, reporter: Reporter, association_id: str, deadline: float = WAIT_S) -> None:
    """Delete the association, keep the files on the file system, and wait until FSx no longer knows it."""
    fsx.delete_association(association_id)
    begun, what = clock.monotonic(), f"association {association_id} to be detached"
    went = False

    def settled(seen: Association | None) -> bool:
        nonlocal went
        went = went or (seen is not None and seen.lifecycle.is_leaving)
        # One that was FAILED before is shown so for a moment more: only when it was leaving, that is the end.
        return seen is None or (seen.lifecycle.is_failed and (went or clock.monotonic() - begun >= _STILL_FAILED_S))

    seen = wait_until(
        lambda: fsx.association(association_id), done=settled, what=what, deadline=deadline, every=_POLL_S,
        first=_FIRST_POLL_S, clock=clock, describe=lambda seen: seen.state if seen is not None else "gone",
        observe=lambda seen, elapsed: reporter.waiting(what, seen.state, elapsed) if seen is not None else None,
    )  # fmt: skip
    if seen is not None:
        raise AwsError(f"The association {association_id} could not be detached: {seen.state}.",
                       code="association_failed", details=summary(seen),
                       hint="Repeat; a FAILED association keeps its slot until it is deleted.")  # fmt: skip
