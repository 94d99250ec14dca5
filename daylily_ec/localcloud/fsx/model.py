"""File systems, associations and tasks as FSx keeps them, and as its API shows them."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol, TypeVar

from daylily_ec.localcloud.fsx.errors import BadRequest
from daylily_ec.localcloud.fsx.links import Link, Progress
from daylily_ec.localcloud.fsx.network import Attachment

Document = dict[str, Any]
"""A structure of the FSx API."""
MESSAGE_LIMIT = 256
"""Longest message in `FailureDetails`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take at least, in seconds; the defaults are short enough for a demonstration."""

    file_system: float = 0.5
    file_system_deletion: float = 0.3
    association: float = 0.6
    association_deletion: float = 0.3
    task_pending: float = 0.3
    task: float = 0.5
    watch: float = 0.4
    """Between two looks at linked buckets and directories."""


@dataclass(frozen=True, slots=True)
class Place:
    """Account and region."""

    account: str
    region: str

    def arn(self, resource: str) -> str:
        """The ARN of a resource of FSx."""
        return f"arn:aws:fsx:{self.region}:{self.account}:{resource}"


class Resource(Protocol):
    """What all three kinds have."""

    id: str
    number: int
    arn: str
    tags: dict[str, str]


@dataclass(slots=True)
class Association:
    """A data repository association."""

    id: str
    number: int
    arn: str
    request: Document
    created: float
    link: Link
    tags: dict[str, str]
    lifecycle: str = "CREATING"
    failure: str = ""
    imported: bool = False
    """Whether the import asked for at creation has been done."""
    began: float | None = None
    """When work on the request in progress (create, update, delete) began."""
    delete_data: bool = False

    def events(self, policy: str) -> tuple[str, ...]:
        """Events of `AutoImportPolicy` or `AutoExportPolicy`."""
        return tuple(((self.request.get("S3") or {}).get(policy) or {}).get("Events") or ())

    def document(self) -> Document:
        """As `DescribeDataRepositoryAssociations` shows it."""
        keys = ("FileSystemId", "DataRepositoryPath", "S3")
        return {
            "AssociationId": self.id,
            "ResourceARN": self.arn,
            "Lifecycle": self.lifecycle,
            "FileSystemPath": self.request.get("FileSystemPath", "/"),
            "BatchImportMetaDataOnCreate": bool(self.request.get("BatchImportMetaDataOnCreate")),
            "ImportedFileChunkSize": int(self.request.get("ImportedFileChunkSize") or 1024),
            "CreationTime": self.created,
            **{key: self.request[key] for key in keys if key in self.request},
            **_failure(self.failure),
            **tag_list(self.tags),
        }


@dataclass(slots=True)
class Task:
    """A data repository task."""

    id: str
    number: int
    arn: str
    request: Document
    created: float
    tags: dict[str, str]
    lifecycle: str = "PENDING"
    progress: Progress = field(default_factory=Progress)
    failure: str = ""
    started: float | None = None
    ended: float | None = None
    updated: float = 0.0
    released: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.lifecycle in ("SUCCEEDED", "FAILED", "CANCELED")

    def document(self) -> Document:
        """As `DescribeDataRepositoryTasks` shows it."""
        times = {"StartTime": self.started, "EndTime": self.ended}
        keys = ("Type", "FileSystemId", "Report", "Paths", "ReleaseConfiguration", "CapacityToRelease")
        status = {
            "TotalCount": self.progress.total,
            "SucceededCount": self.progress.succeeded,
            "FailedCount": len(self.progress.failures),
            "LastUpdatedTime": self.updated or self.created,
        }
        if self.request["Type"] == "RELEASE_DATA_FROM_FILESYSTEM":
            status["ReleasedCapacity"] = self.released
        return {
            "TaskId": self.id,
            "Lifecycle": self.lifecycle,
            "CreationTime": self.created,
            "ResourceARN": self.arn,
            "Status": status,
            **{key: value for key, value in times.items() if value is not None},
            **{key: self.request[key] for key in keys if key in self.request},
            **_failure(self.failure),
            **tag_list(self.tags),
        }


@dataclass(slots=True)
class FileSystem:
    """A Lustre file system with all that hangs on it."""

    id: str
    number: int
    arn: str
    place: Place
    request: Document
    created: float
    attachment: Attachment
    mount_name: str
    tags: dict[str, str]
    lifecycle: str = "CREATING"
    deleted: float = 0.0
    watched: float = 0.0
    associations: dict[str, Association] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    working: Lock = field(default_factory=Lock)
    """Held by the one who does the file system's work."""

    @property
    def deployment(self) -> str:
        """`SCRATCH_1`, `SCRATCH_2`, `PERSISTENT_1` or `PERSISTENT_2`."""
        return str(self.request["LustreConfiguration"].get("DeploymentType") or "SCRATCH_1")

    def document(self) -> Document:
        """As `DescribeFileSystems` shows it."""
        keys = ("FileSystemType", "StorageCapacity", "SubnetIds", "KmsKeyId")
        return {
            "OwnerId": self.place.account,
            "CreationTime": self.created,
            "FileSystemId": self.id,
            "Lifecycle": self.lifecycle,
            "StorageType": self.request.get("StorageType") or "SSD",
            "VpcId": self.attachment.vpc,
            "NetworkInterfaceIds": list(self.attachment.interfaces),
            "DNSName": f"{self.id}.fsx.{self.place.region}.amazonaws.com",
            "ResourceARN": self.arn,
            "FileSystemTypeVersion": self.request.get("FileSystemTypeVersion") or self._version(),
            "LustreConfiguration": self._lustre(),
            **{key: self.request[key] for key in keys if self.request.get(key) is not None},
            **tag_list(self.tags),
        }

    def _version(self) -> str:
        return "2.15" if self.deployment == "PERSISTENT_2" else "2.10"

    def _lustre(self) -> Document:
        given = self.request["LustreConfiguration"]
        asked_only = ("ImportPath", "ExportPath", "ImportedFileChunkSize", "AutoImportPolicy")
        defaults = {"WeeklyMaintenanceStartTime": "1:09:00", "DataCompressionType": "NONE", "CopyTagsToBackups": False}
        if self.deployment.startswith("PERSISTENT"):
            defaults |= {"AutomaticBackupRetentionDays": 0}
        shown = {**defaults, **{key: value for key, value in given.items() if key not in asked_only}}
        return {**shown, "DeploymentType": self.deployment, "MountName": self.mount_name, **self._legacy(given)}

    def _legacy(self, given: Mapping[str, Any]) -> Document:
        if not given.get("ImportPath"):
            return {}
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.created))
        repository = {
            "Lifecycle": "AVAILABLE",
            "ImportPath": given["ImportPath"],
            "ExportPath": given.get("ExportPath") or f"{given['ImportPath'].rstrip('/')}/FSxLustre{stamp}",
            "ImportedFileChunkSize": given.get("ImportedFileChunkSize", 1024),
            "AutoImportPolicy": given.get("AutoImportPolicy", "NONE"),
        }
        return {"DataRepositoryConfiguration": repository}


def new_id(kind: str) -> str:
    """A fresh id: `kind` and 17 hexadecimal digits."""
    return f"{kind}-{secrets.token_hex(9)[:17]}"


def tags_of(request: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a request."""
    return {tag["Key"]: str(tag.get("Value") or "") for tag in request.get("Tags") or []}


def tag_list(tags: Mapping[str, str]) -> Document:
    """`{"Tags": [...]}`, empty without tags: the API has no empty tag list."""
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}


def _failure(message: str) -> Document:
    return {"FailureDetails": {"Message": message[:MESSAGE_LIMIT]}} if message else {}


Kind = TypeVar("Kind", bound=Resource)


def page(items: Iterable[Kind], query: Mapping[str, Any], largest: int) -> tuple[list[Kind], Document]:
    """One page in the order of creation, and `{"NextToken": ...}` when there are more.

    Raises BadRequest for a token that is none.
    """
    after = _decode(query.get("NextToken"))
    rest = sorted((item for item in items if item.number > after), key=lambda item: item.number)
    size = min(int(query.get("MaxResults") or largest), largest)
    shown = rest[:size]
    return shown, {"NextToken": _encode(shown[-1].number)} if len(rest) > size else {}


def _encode(number: int) -> str:
    return base64.b64encode(f"after:{number}".encode()).decode()


def _decode(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("after:"))
    except (ValueError, binascii.Error) as error:
        raise BadRequest("The pagination token is not valid.") from error


def filter_values(query: Mapping[str, Any], name: str) -> Sequence[str] | None:
    """The values of a filter, None when the filter is not given."""
    found = [item.get("Values") or [] for item in query.get("Filters") or [] if item.get("Name") == name]
    return [value for values in found for value in values] if found else None
