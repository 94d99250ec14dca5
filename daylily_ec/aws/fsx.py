"""FSx for Lustre: file systems, data repository associations, data repository tasks.

How each mutation is safe to repeat: `create_association` and `start_export` carry a client request token and their tags
in the same call; `delete_association` of something that is gone succeeds; `tag_association` sets values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, Client, aws_code
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError

_EXPORT = "EXPORT_TO_REPOSITORY"
_REPORT_FORMAT = "REPORT_CSV_20191124"


class AssociationLifecycle(StrEnum):
    """FSx's states of an association; a state this release does not know becomes UNKNOWN, which is never good news."""

    CREATING = "CREATING"
    AVAILABLE = "AVAILABLE"
    MISCONFIGURED = "MISCONFIGURED"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> AssociationLifecycle:
        return cls.UNKNOWN

    @property
    def is_usable(self) -> bool:
        """Whether files appear and tasks run."""
        return self in {AssociationLifecycle.AVAILABLE, AssociationLifecycle.UPDATING}

    @property
    def is_arriving(self) -> bool:
        """Whether FSx is making it, and works on no other request of the file system."""
        return self is AssociationLifecycle.CREATING

    @property
    def is_failed(self) -> bool:
        """Whether it can never recover; MISCONFIGURED can, so it is not failed."""
        return self is AssociationLifecycle.FAILED

    @property
    def is_leaving(self) -> bool:
        """Whether it is being deleted."""
        return self is AssociationLifecycle.DELETING


class TaskLifecycle(StrEnum):
    """FSx's states of a task; one this release does not know counts as running, so nothing is torn down under it."""

    PENDING = "PENDING"
    EXECUTING = "EXECUTING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    CANCELING = "CANCELING"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> TaskLifecycle:
        return cls.UNKNOWN

    @property
    def is_over(self) -> bool:
        """Whether it will not change any more."""
        return self in {TaskLifecycle.SUCCEEDED, TaskLifecycle.FAILED, TaskLifecycle.CANCELED}

    @property
    def is_success(self) -> bool:
        """Whether FSx reports success; single files may still have failed."""
        return self is TaskLifecycle.SUCCEEDED


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One file system; `legacy_link` tells of a data repository from before associations existed."""

    id: str
    kind: str
    lifecycle: str
    deployment: str
    legacy_link: bool
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssociationSpec:
    """What an association shall be.  Events are `NEW`, `CHANGED`, `DELETED`; no events, no policy."""

    file_system_id: str
    path: FsxPath
    source: S3Prefix
    tags: Mapping[str, str] = field(default_factory=dict)
    auto_import: tuple[str, ...] = ()
    auto_export: tuple[str, ...] = ()
    batch_import: bool = False


@dataclass(frozen=True, slots=True)
class Association:
    """A data repository association as FSx describes it."""

    id: str
    file_system_id: str
    path: FsxPath
    source: S3Prefix
    lifecycle: AssociationLifecycle
    reason: str = ""
    auto_import: tuple[str, ...] = ()
    auto_export: tuple[str, ...] = ()
    batch_import: bool = False
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    arn: str = ""

    @property
    def state(self) -> str:
        """Lifecycle, with FSx's reason when it gives one."""
        return f"{self.lifecycle} ({self.reason})" if self.reason else str(self.lifecycle)


@dataclass(frozen=True, slots=True)
class Task:
    """A data repository task; counts are FSx's own and lag behind while it runs."""

    id: str
    file_system_id: str
    kind: str
    lifecycle: TaskLifecycle
    paths: tuple[str, ...]
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    report: str = ""
    reason: str = ""
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_export(self) -> bool:
        """Whether it writes to S3."""
        return self.kind == _EXPORT

    @property
    def is_running_export(self) -> bool:
        """Whether files are still on their way to S3."""
        return self.is_export and not self.lifecycle.is_over

    @property
    def progress(self) -> str:
        """Lifecycle and counters, for people."""
        counted = f" {self.succeeded}/{self.total} done, {self.failed} failed" if self.total else ""
        return f"{self.lifecycle}{counted}"


class FsxApi(Protocol):
    """The calls the product makes."""

    def file_system(self, file_system_id: str) -> FileSystem | None:
        """The file system, None when FSx does not know it."""

    def associations(self, file_system_id: str) -> tuple[Association, ...]:
        """Every association of the file system in every lifecycle, all pages, by path."""

    def association(self, association_id: str) -> Association | None:
        """One association, None when it is gone."""

    def create_association(self, spec: AssociationSpec, token: str) -> Association:
        """Ask for an association; the same token gives the same one."""

    def tag_association(self, association: Association, tags: Mapping[str, str]) -> None:
        """Add tags, or replace their values; the others stay."""

    def delete_association(self, association_id: str) -> None:
        """Detach it and keep the files on the file system; one that is gone is fine."""

    def tasks(self, file_system_id: str) -> tuple[Task, ...]:
        """Every task of the file system, all pages, oldest first."""

    def task(self, task_id: str) -> Task | None:
        """One task, None when FSx does not know it."""

    def start_export(
        self, file_system_id: str, path: FsxPath, report: S3Prefix, *, token: str, tags: Mapping[str, str]
    ) -> Task:
        """Export one directory; failures are listed below `report`; the same token gives the same task."""


class Fsx:
    """`FsxApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    @property
    def _client(self) -> Client:
        return self._context.client("fsx")

    def file_system(self, file_system_id: str) -> FileSystem | None:
        try:
            found = self._client.call("describe_file_systems", FileSystemIds=[file_system_id])["FileSystems"]
        except AwsError as error:
            _raise_unless(error, "FileSystemNotFound")
            return None
        return _file_system(found[0]) if found else None

    def associations(self, file_system_id: str) -> tuple[Association, ...]:
        filters = [{"Name": "file-system-id", "Values": [file_system_id]}]
        items = self._every("describe_data_repository_associations", "Associations", Filters=filters)
        return tuple(sorted(map(_association, items), key=lambda item: (item.path.value, item.id)))

    def association(self, association_id: str) -> Association | None:
        try:
            found = list(
                self._every("describe_data_repository_associations", "Associations", AssociationIds=[association_id])
            )
        except AwsError as error:
            _raise_unless(error, "DataRepositoryAssociationNotFound")
            return None
        return _association(found[0]) if found else None

    def create_association(self, spec: AssociationSpec, token: str) -> Association:
        policies = {
            name: {"Events": list(events)}
            for name, events in (("AutoImportPolicy", spec.auto_import), ("AutoExportPolicy", spec.auto_export))
            if events
        }
        answer = self._client.call(
            "create_data_repository_association",
            FileSystemId=spec.file_system_id,
            FileSystemPath=spec.path.value,
            DataRepositoryPath=str(spec.source),
            BatchImportMetaDataOnCreate=spec.batch_import,
            ClientRequestToken=token,
            Tags=_tag_list(spec.tags),
            **({"S3": policies} if policies else {}),
        )
        return _association(answer["Association"])

    def tag_association(self, association: Association, tags: Mapping[str, str]) -> None:
        self._client.call("tag_resource", ResourceARN=association.arn, Tags=_tag_list(tags))

    def delete_association(self, association_id: str) -> None:
        try:
            self._client.call(
                "delete_data_repository_association", AssociationId=association_id, DeleteDataInFileSystem=False
            )
        except AwsError as error:
            _raise_unless(error, "DataRepositoryAssociationNotFound")

    def tasks(self, file_system_id: str) -> tuple[Task, ...]:
        filters = [{"Name": "file-system-id", "Values": [file_system_id]}]
        items = self._every("describe_data_repository_tasks", "DataRepositoryTasks", Filters=filters)
        return tuple(sorted(map(_task, items), key=lambda item: (str(item.created_at), item.id)))

    def task(self, task_id: str) -> Task | None:
        try:
            found = list(self._every("describe_data_repository_tasks", "DataRepositoryTasks", TaskIds=[task_id]))
        except AwsError as error:
            _raise_unless(error, "DataRepositoryTaskNotFound")
            return None
        return _task(found[0]) if found else None

    def start_export(
        self, file_system_id: str, path: FsxPath, report: S3Prefix, *, token: str, tags: Mapping[str, str]
    ) -> Task:
        answer = self._client.call(
            "create_data_repository_task",
            FileSystemId=file_system_id,
            Type=_EXPORT,
            Paths=[path.value],
            Report={"Enabled": True, "Path": str(report), "Format": _REPORT_FORMAT, "Scope": "FAILED_FILES_ONLY"},
            ClientRequestToken=token,
            Tags=_tag_list(tags),
        )
        return _task(answer["DataRepositoryTask"])

    def _every(self, operation: str, key: str, **params: Any) -> Iterator[dict[str, Any]]:
        # botocore has no paginator for associations and tasks.
        token: dict[str, str] = {}
        while True:
            page = self._client.call(operation, **params, **token)
            yield from page.get(key) or []
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _raise_unless(error: AwsError, *codes: str) -> None:
    if aws_code(error) not in codes:
        raise error


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def _tags(thing: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in thing.get("Tags") or []}


def _file_system(raw: dict[str, Any]) -> FileSystem:
    lustre = raw.get("LustreConfiguration") or {}
    return FileSystem(
        id=raw["FileSystemId"],
        kind=raw.get("FileSystemType", ""),
        lifecycle=raw.get("Lifecycle", ""),
        deployment=lustre.get("DeploymentType", ""),
        legacy_link=bool((lustre.get("DataRepositoryConfiguration") or {}).get("ImportPath")),
        tags=_tags(raw),
    )


def _association(raw: dict[str, Any]) -> Association:
    policies = raw.get("S3") or {}
    return Association(
        id=raw["AssociationId"],
        file_system_id=raw.get("FileSystemId", ""),
        path=_path(raw.get("FileSystemPath", "/")),
        source=_prefix(raw.get("DataRepositoryPath", "")),
        lifecycle=AssociationLifecycle(raw.get("Lifecycle", "UNKNOWN")),
        reason=(raw.get("FailureDetails") or {}).get("Message", ""),
        auto_import=_events(policies, "AutoImportPolicy"),
        auto_export=_events(policies, "AutoExportPolicy"),
        batch_import=bool(raw.get("BatchImportMetaDataOnCreate")),
        created_at=raw.get("CreationTime"),
        tags=_tags(raw),
        arn=raw.get("ResourceARN", ""),
    )


def _events(policies: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given: Iterable[str] = (policies.get(name) or {}).get("Events") or ()
    return tuple(given)


def _path(text: str) -> FsxPath:
    # FSx's own answer is taken as it is: one odd association must not hide the others.
    return FsxPath("/" + text.strip("/") + "/" if text.strip("/") else "/")


def _prefix(uri: str) -> S3Prefix:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return S3Prefix(bucket, key.rstrip("/") + "/" if key.strip("/") else "")


def _task(raw: dict[str, Any]) -> Task:
    status = raw.get("Status") or {}
    return Task(
        id=raw["TaskId"],
        file_system_id=raw.get("FileSystemId", ""),
        kind=raw.get("Type", ""),
        lifecycle=TaskLifecycle(raw.get("Lifecycle", "UNKNOWN")),
        paths=tuple(raw.get("Paths") or ()),
        total=int(status.get("TotalCount") or 0),
        succeeded=int(status.get("SucceededCount") or 0),
        failed=int(status.get("FailedCount") or 0),
        report=(raw.get("Report") or {}).get("Path", ""),
        reason=(raw.get("FailureDetails") or {}).get("Message", ""),
        created_at=raw.get("CreationTime"),
        tags=_tags(raw),
    )
