"""Attach an S3 prefix to a file system, or adopt the association that does so already."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daylily_ec.aws.fsx import Association, AssociationSpec
from daylily_ec.config.settings import config_dir
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import InvalidValue
from daylily_ec.fsx import policy
from daylily_ec.fsx.mounts import ensure_association, wait_available
from daylily_ec.fsx.records import DELETED, LEAVING, MountRecord, known_projection, project, record_of
from daylily_ec.fsx.slots import MAX_ASSOCIATIONS
from daylily_ec.workflow.mounts import CLUSTER_TAG, FileSystemTarget, check_file_system, operator
from daylily_ec.workflow.services import Services

_NEARLY_FULL = 6
_TOLD_APART = (policy.MOUNT_ID_TAG, policy.RUN_ID_TAG, policy.PLATFORM_TAG)
_CREATOR_TAG = "dyec:created-by"


@dataclass(frozen=True, slots=True)
class CreateMount:
    """A mount to be made, and how long to wait for it (seconds)."""

    target: FileSystemTarget
    mount: policy.MountRequest
    allow_writeback_admin: bool = False
    wait: bool = True
    timeout: float = 900.0


def create_mount(services: Services, request: CreateMount) -> MountRecord:
    """Make the mount, or adopt the equal one that exists; its local projection is there before it is waited for."""
    return _Attachment(services, request).make(complete_tags=False)


def ensure_mount(services: Services, request: CreateMount) -> MountRecord:
    """The same, and the tags that an adopted one lacks are added: UNCHANGED when nothing had to be done."""
    return _Attachment(services, request).make(complete_tags=True)


class _Attachment:
    """One mount on its way."""

    def __init__(self, services: Services, request: CreateMount) -> None:
        self.services, self.request = services, request
        self.cluster: str | None = request.target.cluster
        self.warnings: list[str] = []

    def make(self, *, complete_tags: bool) -> MountRecord:
        services, request = self.services, self.request
        begun = services.clock.monotonic()
        spec = self._checked()
        services.reporter.step(f"Attaching {spec.source} at {spec.path.on_node}")
        tools = services.fsx, services.clock, services.reporter
        made, outcome = ensure_association(*tools, spec, wait=False, deadline=request.timeout)
        if outcome is Outcome.ADOPTED:
            made, outcome = self._adopted(made, spec, complete_tags=complete_tags)
        self.note(made, outcome)
        if request.wait:
            left = max(request.timeout - (services.clock.monotonic() - begun), 0.0)
            made = wait_available(*tools, made, left)
        return self.note(made, outcome)

    def _checked(self) -> AssociationSpec:
        services, request = self.services, self.request
        policy.check_writeback(request.mount, admin=request.allow_writeback_admin)
        if not request.mount.is_read_only:
            marker = policy.writeback_marker(services.s3, request.mount.source)
            self.warnings.append(f"Write-back permitted by {marker}.")
        file_system_id = request.target.resolve(services)
        system = check_file_system(services.fsx, file_system_id)
        self.cluster = self.cluster or system.tags.get(CLUSTER_TAG)
        self._warn_of_slots(file_system_id)
        self._warn_of_remains(file_system_id)
        return request.mount.spec(file_system_id, self.cluster or "", operator())

    def _warn_of_slots(self, file_system_id: str) -> None:
        used = len(self.services.fsx.associations(file_system_id))
        if used >= _NEARLY_FULL:
            text = f"{used} of {MAX_ASSOCIATIONS} association slots of {file_system_id} were taken before."
            self.warnings.append(text)

    def _warn_of_remains(self, file_system_id: str) -> None:
        mount, owners = self.request.mount, (self.cluster, file_system_id)
        known = known_projection(config_dir(), self.services.context.region, owners, mount.mount_id)
        if known is not None and known.lifecycle in (DELETED, LEAVING) and known.source_s3_uri != str(mount.source):
            self.warnings.append(
                f"{mount.path.on_node} showed {known.source_s3_uri} before: files of it may still lie there. "
                "dyec mounts verify tells; another --mount-id keeps both apart."
            )

    def _adopted(
        self, found: Association, spec: AssociationSpec, *, complete_tags: bool
    ) -> tuple[Association, Outcome]:
        other = [f"{key.removeprefix('dyec:')} {found.tags[key]}, not {spec.tags[key]}"
                 for key in _TOLD_APART if found.tags.get(key, spec.tags[key]) != spec.tags[key]]  # fmt: skip
        if other:
            self.warnings.append(f"{found.id} exists already, with {'; '.join(other)}; it was left as it is.")
        if other or not complete_tags:
            return found, Outcome.ADOPTED
        lacking = {key: value for key, value in spec.tags.items() if key not in found.tags and key != _CREATOR_TAG}
        if not lacking:
            return found, Outcome.UNCHANGED
        self.services.fsx.tag_association(found, lacking)
        return replace(found, tags={**found.tags, **lacking}), Outcome.UPDATED

    def note(self, association: Association, outcome: Outcome) -> MountRecord:
        """The record, written to the local projection."""
        services = self.services
        record = record_of(association, cluster=self.cluster, region=services.context.region, now=services.clock.now())
        profile = services.context.profile or ""
        made = replace(record, profile_hint=profile, warnings=tuple(self.warnings), outcome=outcome)
        return note(made)


def note(record: MountRecord) -> MountRecord:
    """Write a record's local projection, unless somebody else's tags make a name that no file of ours can have."""
    try:
        return project(config_dir(), record)
    except InvalidValue:
        return record
