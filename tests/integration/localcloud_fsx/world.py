"""An FSx service whose clock, buckets and network are the test's; only the bytes on disk are real."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from daylily_ec.localcloud.fsx.context import Context
from daylily_ec.localcloud.fsx.model import Pace, Place
from daylily_ec.localcloud.fsx.network import Attachment
from daylily_ec.localcloud.fsx.objects import AccessDenied, StoredObject, StoreError
from daylily_ec.localcloud.fsx.service import FsxService
from daylily_ec.localcloud.fsx.store import DirectoryStore

Document = dict[str, Any]
EVERYTHING = ["NEW", "CHANGED", "DELETED"]
START = 1_700_000_000.0


class HandClock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> float:
        return self.time


class Buckets:
    """`Objects` in memory; keys in `refuse` may not be written, `on_read` and `on_write` see keys first."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.content: dict[str, dict[str, bytes]] = {}
        self.stored: dict[tuple[str, str], StoredObject] = {}
        self.written: list[str] = []
        self.refuse: set[str] = set()
        self.on_read: Callable[[str], None] = lambda key: None
        self.on_write: Callable[[str], None] = lambda key: None
        self._versions = itertools.count()

    def put(self, bucket: str, key: str, body: bytes, **facts: Any) -> None:
        """What somebody else uploads."""
        self.content.setdefault(bucket, {})[key] = body
        metadata = facts.pop("metadata", {})
        self.stored[bucket, key] = StoredObject(f"v{next(self._versions)}", self.clock.now(), metadata, **facts)

    def metadata(self, key: str, bucket: str = "data") -> Mapping[str, str]:
        return self.stored[bucket, key].metadata

    def has_bucket(self, bucket: str) -> bool:
        return bucket in self.content

    def list(self, bucket: str, prefix: str) -> dict[str, StoredObject]:
        keys = [key for key in self.content.get(bucket, {}) if key.startswith(prefix)]
        return {key: self.stored[bucket, key] for key in keys}

    def read(self, bucket: str, key: str) -> BinaryIO | None:
        self.on_read(key)
        body = self.content.get(bucket, {}).get(key)
        return None if body is None else io.BytesIO(body)

    def write(self, bucket: str, key: str, body: BinaryIO | bytes, metadata: Mapping[str, str]) -> str:
        self.on_write(key)
        if key in self.refuse:
            raise AccessDenied(key)
        if bucket not in self.content:
            raise StoreError("NoSuchBucket")
        self.written.append(key)
        self.put(bucket, key, body if isinstance(body, bytes) else body.read(), metadata=dict(metadata))
        return self.stored[bucket, key].version

    def delete(self, bucket: str, key: str) -> None:
        self.content[bucket].pop(key, None)


@dataclass
class Wires:
    """`Network` that knows one VPC."""

    attached: set[str] = field(default_factory=set)

    def attach(self, subnets: Sequence[str], groups: Sequence[str], owner: str) -> Attachment:
        interface = f"eni-{owner.removeprefix('fs-')}"
        self.attached.add(interface)
        return Attachment("vpc-0123456789abcdef0", (interface,))

    def detach(self, attachment: Attachment) -> None:
        self.attached -= set(attachment.interfaces)


class World:
    """The service and everything around it."""

    def __init__(self, directory: Path) -> None:
        self.clock = HandClock()
        self.buckets = Buckets(self.clock)
        self.buckets.content["data"] = {}
        self.wires = Wires()
        self.store = DirectoryStore(directory)
        place = Place("123456789012", "us-west-2")
        context = Context(place, self.store, self.buckets, self.wires, self.clock, Pace())
        self.fsx = FsxService(context, background=False)

    def step(self, seconds: float = 0.2) -> None:
        """Let time pass once."""
        self.clock.time += seconds
        self.fsx.advance()

    def settle(self) -> None:
        """Let enough time pass for everything that was asked for."""
        for _ in range(60):
            self.step()

    def file_system(self, deployment: str = "SCRATCH_2", **more: Any) -> str:
        """The id of an AVAILABLE file system."""
        lustre = {"DeploymentType": deployment, **more.pop("lustre", {})}
        request = {"FileSystemType": "LUSTRE", "StorageCapacity": 1200, "SubnetIds": ["subnet-1"], **more}
        made = self.fsx.create_file_system(**request, LustreConfiguration=lustre)
        self.settle()
        return str(made["FileSystemId"])

    def root(self, file_system_id: str) -> Path:
        """Its directory."""
        return self.store.path(file_system_id)

    def link(self, file_system_id: str, path: str = "/d/", source: str = "s3://data/p/", **more: Any) -> str:
        """The id of an association, settled."""
        made = self.fsx.create_association(
            FileSystemId=file_system_id, FileSystemPath=path, DataRepositoryPath=source, **more
        )
        self.settle()
        return str(made["AssociationId"])

    def association(self, association_id: str) -> Document:
        """As described."""
        found: Document = self.fsx.describe_associations(AssociationIds=[association_id])["Associations"][0]
        return found

    def start_export(self, file_system_id: str, *paths: str, **more: Any) -> str:
        """The id of a new export task."""
        request = {"Type": "EXPORT_TO_REPOSITORY", "Report": {"Enabled": False}, **more}
        made = self.fsx.create_task(FileSystemId=file_system_id, Paths=list(paths), **request)
        return str(made["TaskId"])

    def export(self, file_system_id: str, *paths: str, **more: Any) -> Document:
        """A finished export task."""
        task = self.start_export(file_system_id, *paths, **more)
        self.settle()
        return self.task(task)

    def task(self, task_id: str) -> Document:
        """As described."""
        found: Document = self.fsx.describe_tasks(TaskIds=[task_id])["DataRepositoryTasks"][0]
        return found
