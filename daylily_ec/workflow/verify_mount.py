"""Prove that a mount can be used: FSx has imported what S3 holds, the head node reads it, and it is a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from daylily_ec.aws import clusters
from daylily_ec.aws.fsx import Association
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import DeadlinePassed, InvalidValue, NotFound, ValidationError
from daylily_ec.fsx import settling
from daylily_ec.fsx.content import Content, judge
from daylily_ec.fsx.mounts import wait_available
from daylily_ec.fsx.policy import Platform
from daylily_ec.fsx.records import MountRecord
from daylily_ec.fsx.settling import Comparison, Expected, Seen
from daylily_ec.headnode.remote import Remote
from daylily_ec.util.clock import wait_until
from daylily_ec.util.jsonio import plain
from daylily_ec.workflow.mounts import FileSystemTarget, MountName, choose
from daylily_ec.workflow.services import Services

_POLL_S = 15.0
_FIRST_POLL_S = 1.0
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class VerifyMount:
    """Which mount; without `platform` its tag counts.  `timeout` in seconds."""

    cluster: str
    name: MountName
    file_system_id: str | None = None
    platform: Platform | None = None
    timeout: float = 300.0


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found: `found` names one file per marker of the platform, `missing` the markers without one."""

    instance_id: str
    path: str
    platform: str
    usable: bool
    s3_objects: int
    files: int
    directories: int
    not_imported: tuple[str, ...] = ()
    not_imported_count: int = 0
    extra_files: int = 0
    not_importable: tuple[str, ...] = ()
    found: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why it is not usable, in sentences."""
        found = []
        if self.not_imported:
            count = f"{self.not_imported_count} of {self.s3_objects}"
            found.append(f"{count} files of S3 are not there, such as {self.not_imported[0]}")
        if self.missing:
            found.append(f"it lacks {', '.join(self.missing)} ({self.platform})")
        return (*found, *(f"{path} cannot be read: {why}" for path, why in self.unreadable.items()))


@dataclass(frozen=True, slots=True)
class VerifiedMount:
    """A mount that is what it should be; JSON is the record with `verified` and `verification`."""

    record: MountRecord
    verification: Verification
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The record's own names, and what was verified."""
        warnings = [*self.record.warnings, *self.warnings]
        more = {"warnings": warnings} if warnings else {}
        return {**self.record.to_json(), **more, "verified": True, "verification": plain(self.verification)}


def verify_mount(services: Services, request: VerifyMount) -> VerifiedMount:
    """Wait until S3 and tree agree, then judge; `ValidationError` (code `mount_incomplete`) names what is missing."""
    view = clusters.require(services.clusters, ClusterName.parse(request.cluster), services.context.region)
    begun = services.clock.monotonic()
    target = FileSystemTarget(request.cluster, request.file_system_id)
    file_system_id = target.resolve(services) if request.file_system_id else view.file_system_id
    if file_system_id not in view.file_system_ids:
        raise InvalidValue("file system id", file_system_id, f"is not mounted by {view.name}, whose head node looks")
    found = choose(services, services.fsx.associations(file_system_id), request.name, request.cluster)
    if found is None:
        raise NotFound(f"There is no mount {request.name}.", hint="dyec mounts list shows all of them.")
    association = wait_available(services.fsx, services.clock, services.reporter, found[0], request.timeout)
    left = max(request.timeout - (services.clock.monotonic() - begun), 1.0)
    platform = request.platform or _platform(found[1].platform)
    remote = services.headnodes.connect(view)
    look = _Look(services, remote, association, platform)
    look.wait(left)
    checked = look.verification(view.running_head_node.instance_id)
    if checked.problems:
        raise ValidationError(
            f"{association.path.on_node} is not usable: {'; '.join(checked.problems)}.", code="mount_incomplete",
            hint=_hint(association, checked), details={"verification": plain(checked)},
        )  # fmt: skip
    found = choose(services, (association,), MountName(association_id=association.id), request.cluster) or found
    return VerifiedMount(found[1], checked, look.warnings(checked))


def _platform(text: str) -> Platform:
    try:
        return Platform.parse(text)
    except ValidationError:  # somebody else's tag
        return Platform.OTHER


def _hint(association: Association, checked: Verification) -> str:
    if checked.not_imported_count and not association.batch_import:
        return "It was mounted with --no-batch-import-metadata-on-create: FSx shows only what is written from then on."
    if checked.not_imported_count:
        return "Repeat with a longer --timeout-seconds; dyec mounts describe shows what FSx follows."
    return "Is the prefix the run's own directory, the run complete, and --platform right?"


class _Look:
    """The last look at S3 and at the tree."""

    def __init__(self, services: Services, remote: Remote, association: Association, platform: Platform) -> None:
        self._services, self._remote, self._association = services, remote, association
        self._platform = platform
        self._directory: PurePosixPath = association.path.on_node
        self.wanted = Expected({}, ())
        self.content = Content(platform, {})
        self.seen = Seen(is_there=False)
        self.difference: Comparison | None = None

    def wait(self, deadline: float) -> None:
        """Look until the tree shows all that S3 has, or for `deadline` seconds; the last look knows every name."""
        clock, what = self._services.clock, f"import of {self._association.source} at {self._directory}"
        begun = clock.monotonic()
        try:
            wait_until(
                lambda: self._again(max(deadline - (clock.monotonic() - begun), 30.0)), done=self._settled, what=what,
                deadline=deadline, every=_POLL_S, first=_FIRST_POLL_S, clock=clock, describe=lambda _: self._state(),
                observe=lambda found, elapsed: None if self._settled(found)
                else self._services.reporter.waiting(what, self._state(), elapsed),
            )  # fmt: skip
        except DeadlinePassed:
            if self.difference is None:
                self._see(60.0, names=True)
            if not self.seen.is_there:
                raise

    def _again(self, timeout: float) -> Comparison | None:
        prefix = self._association.source
        self.wanted = settling.expected(prefix, self._services.s3.objects(prefix))
        self.content = judge(self._platform, self.wanted.files.items())
        self._see(timeout, names=False)
        # As many files as S3 has and yet other names: only the names tell whether one is missing.
        if self.difference is None and self.seen.is_there and self.seen.files >= len(self.wanted.files):
            self._see(timeout, names=True)
        return self.difference

    def _see(self, timeout: float, *, names: bool) -> None:
        examples = tuple(self.content.found.values())
        self.seen = settling.look(self._remote, self._directory, examples, timeout, names=names)
        self.difference = settling.compare(self.wanted, self.seen)

    @staticmethod
    def _settled(found: Comparison | None) -> bool:
        return found is not None and not found.missing

    def _state(self) -> str:
        if not self.seen.is_there:
            return self.seen.problem or "the directory is not there"
        return f"{self.seen.files} of {len(self.wanted.files)} files"

    def verification(self, instance_id: str) -> Verification:
        """The facts; `missing` and `not_imported` decide."""
        missing = self.difference.missing if self.difference is not None else tuple(sorted(self.wanted.files))
        absent = set(missing)
        unreadable = {path: why for path, why in self.seen.unreadable.items() if path not in absent}
        usable = not (missing or self.content.missing or unreadable)
        return Verification(
            instance_id, str(self._directory), str(self._platform), usable, len(self.wanted.files), self.seen.files,
            self.seen.directories, missing[:_SHOWN], len(missing),
            self.difference.extra if self.difference is not None else 0, self.wanted.not_importable[:_SHOWN],
            dict(self.content.found), self.content.missing, unreadable,
        )  # fmt: skip

    def warnings(self, checked: Verification) -> tuple[str, ...]:
        """What is odd and no obstacle."""
        extra, odd, found = checked.extra_files, len(self.wanted.not_importable), []
        if extra:
            where = f"{self._directory} shows {extra} files that {self._association.source} does not have"
            found.append(f"{where}: written there, deleted in S3, or left by an earlier mount.")
        if odd:
            found.append(f"{odd} keys are no paths, or lie where others make a directory; FSx never shows them.")
        if self.content.advised:
            found.append(f"It has no {', '.join(self.content.advised)}.")
        return tuple(found)
