"""An FSx, an S3, a head node and a pcluster in memory, which keep the services' own rules and may die at any call."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from awscrt import checksums

from daylily_ec.aws.clusters import ClusterView, HeadNode
from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.fsx import (
    Association,
    AssociationLifecycle,
    AssociationSpec,
    FileSystem,
    Task,
    TaskLifecycle,
)
from daylily_ec.aws.s3 import ObjectDigest, ObjectFacts, ObjectInfo, ObjectText
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, RemoteCommandFailed
from daylily_ec.fsx import manifest
from daylily_ec.fsx.manifest import Manifest, Record, crc_text
from daylily_ec.fsx.obstacles import Obstacle, Rules
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.services import Services

FS = "fs-0123456789abcdef0"
REGION = "us-west-2"
CLUSTER = "day-demo"


class Killed(BaseException):
    """The process died here."""


class Faults:
    """Counts calls over several fakes and ends the process before or after one of them."""

    def __init__(self, at: int = 0, *, after: bool = False, error: BaseException | None = None) -> None:
        self.at, self.after, self.error = at, after, error or Killed()
        self.names: list[str] = []

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        self.names.append(name)
        hit = len(self.names) == self.at
        if hit and not self.after:
            raise self.error
        result = call()
        if hit:
            raise self.error
        return result


class Faulty:
    """A fake seen through `Faults`."""

    def __init__(self, target: Any, faults: Faults) -> None:
        self._target, self._faults = target, faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if not callable(method):
            return method
        return lambda *args, **kwargs: self._faults.around(name, lambda: method(*args, **kwargs))


class FakeS3:
    """Buckets in memory."""

    def __init__(self) -> None:
        self.data: dict[tuple[str, str], bytes] = {}
        self.denied: set[str] = set()
        self.untold: set[str] = set()
        """Keys without a checksum over the whole object."""
        self.copied: list[str] = []

    def bucket_region(self, bucket: str) -> str | None:
        return REGION

    def objects(self, prefix: S3Prefix, *, limit: int | None = None) -> Iterator[ObjectInfo]:
        keys = sorted(key for bucket, key in self.data if bucket == prefix.bucket and key.startswith(prefix.key))
        return iter([ObjectInfo(key, len(self.data[prefix.bucket, key])) for key in keys[:limit]])

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        body = self.data.get((bucket, key))
        return None if body is None else ObjectInfo(key, len(body), hashlib.md5(body).hexdigest())

    def facts(self, bucket: str, key: str) -> ObjectFacts | None:
        body = self.data.get((bucket, key))
        if body is None:
            return None
        crc = "" if key in self.untold else crc_text(checksums.crc64nvme(body))
        return ObjectFacts(len(body), hashlib.md5(body).hexdigest(), crc)

    def many_facts(self, bucket: str) -> Callable[[str], ObjectFacts | None]:
        return lambda key: self.facts(bucket, key)

    def digest(self, bucket: str, key: str) -> ObjectDigest | None:
        body = self.data.get((bucket, key))
        return None if body is None else ObjectDigest(len(body), hashlib.sha256(body).hexdigest())

    def read(self, bucket: str, key: str) -> bytes | None:
        return self.data.get((bucket, key))

    def copy_with_checksum(self, source: tuple[str, str], etag: str, bucket: str, key: str) -> None:
        if hashlib.md5(self.data[source]).hexdigest() != etag:
            raise AwsError("changed", details={"aws_code": "PreconditionFailed"})
        self.data[bucket, key] = self.data[source]
        self.copied.append(source[1])

    def read_text(self, bucket: str, key: str) -> ObjectText | None:
        body = self.data.get((bucket, key))
        return None if body is None else ObjectText(body.decode(), hashlib.md5(body).hexdigest())

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.data[bucket, key] = body

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        return self.data.setdefault((bucket, key), body) is body

    def put_if_match(self, bucket: str, key: str, body: bytes, etag: str) -> bool:
        found = self.data.get((bucket, key))
        if found is None or hashlib.md5(found).hexdigest() != etag:
            return False
        self.data[bucket, key] = body
        return True

    def upload(self, path: Path, bucket: str, key: str) -> None:
        self.data[bucket, key] = path.read_bytes()

    def copy(self, source: tuple[str, str], bucket: str, key: str) -> None:
        self.data[bucket, key] = self.data[source]

    def delete(self, bucket: str, key: str) -> None:
        self.data.pop((bucket, key), None)


@dataclass
class Tree:
    """Files of the node below one directory: path to (type, content)."""

    entries: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)
    times: dict[bytes, int] = field(default_factory=dict)
    changed: dict[bytes, int] = field(default_factory=dict)
    """Change times that differ from the times of modification."""
    beside: list[bytes] = field(default_factory=list)
    """Records of what lies beside the directory."""
    clock: int = 1000
    made: int = 0

    def write(self, path: str | bytes, content: bytes = b"", kind: str = "f") -> None:
        name = path.encode() if isinstance(path, str) else path
        self.clock += 1
        self.entries[name], self.times[name] = (kind, content), self.clock

    def listing(self) -> str:
        records = [
            f"{kind} {len(content) if kind != 'd' else 4096} {self.times[name]}.0000000000 ".encode()
            + name
            + b"\0"
            + (content if kind == "l" else b"")
            + b"\0"
            for name, (kind, content) in self.entries.items()
        ]
        return base64.b64encode(gzip.compress(b"".join(records))).decode()

    def states(self, analysis: str) -> str:
        """As the look into all analysis directories shows it, `analysis` being this tree."""
        records = [
            f"{kind} {len(content) if kind != 'd' else 4096} {self.times[name]}.0000000000 "
            f"{self.changed.get(name, self.times[name])}.0000000000 {analysis}/".encode()
            + name
            + b"\0"
            for name, (kind, content) in self.entries.items()
        ]
        return base64.b64encode(gzip.compress(b"".join([*self.beside, *records]))).decode()

    def manifest(self, directory: str) -> Manifest:
        """As the node's program makes it."""
        self.made += 1  # each is made at a moment of its own, so no two are the same bytes
        made_at = f"2026-01-01T00:{self.made // 60:02d}:{self.made % 60:02d}Z"
        return manifest.make(directory, "dyec test", made_at, map(self._record, self.entries))

    def _record(self, name: bytes) -> Record:
        kind, content = self.entries[name]
        path, when = os.fsdecode(name), self.times[name] * 10**9
        if kind not in ("f", "l"):
            return Record(path, kind, 0, when, "0755")
        target = os.fsdecode(content) if kind == "l" else ""
        crc = crc_text(checksums.crc64nvme(content))
        return Record(path, kind, len(content), when, "0644", hashlib.sha256(content).hexdigest(), crc, target)


class FakeFsx:
    """Associations and tasks that move through their lifecycles as they are looked at."""

    def __init__(self, s3: FakeS3, tree: Tree) -> None:
        self.s3, self.tree = s3, tree
        self.system: FileSystem | None = FileSystem(FS, "LUSTRE", "AVAILABLE", "PERSISTENT_2", False)
        self.links: dict[str, Association] = {}
        self.jobs: dict[str, Task] = {}
        self.tokens: dict[str, str] = {}
        self.creating: list[str] = ["CREATING", "AVAILABLE"]
        self.running: list[str] = ["EXECUTING", "SUCCEEDED"]
        self.failed_count = 0
        self.skipped: set[bytes] = set()
        self.created: list[AssociationSpec] = []
        self.started: list[tuple[FsxPath, str]] = []
        self.deleted: list[str] = []
        self.denied: Exception | None = None
        """What the look at tasks fails with."""
        self._pending: dict[str, list[str]] = {}

    def file_system(self, file_system_id: str) -> FileSystem | None:
        return self.system

    def add(self, path: str, source: str, lifecycle: str = "AVAILABLE", **more: Any) -> Association:
        number = f"dra-{len(self.links) + len(self.deleted):017x}"
        link = Association(
            number, FS, FsxPath.parse(path), S3Prefix.parse(source), AssociationLifecycle(lifecycle),
            arn=f"arn:{number}", **more,
        )  # fmt: skip
        self.links[number] = link
        return link

    def associations(self, file_system_id: str) -> tuple[Association, ...]:
        for name in list(self.links):
            if self.links[name].lifecycle.is_leaving:
                self.links.pop(name)
                return (*self.links.values(),)
            if self.links[name].lifecycle.is_arriving:
                self.association(name)
        return (*self.links.values(),)

    def association(self, association_id: str) -> Association | None:
        if self.links.get(association_id) and self.links[association_id].lifecycle.is_leaving:
            self.links.pop(association_id)
        steps = self._pending.get(association_id)
        if steps and association_id in self.links:
            state, _, reason = steps.pop(0).partition(":")
            self.links[association_id] = replace(
                self.links[association_id], lifecycle=AssociationLifecycle(state), reason=reason
            )
        return self.links.get(association_id)

    def create_association(self, spec: AssociationSpec, token: str) -> Association:
        if token in self.tokens:
            known = self.links.get(self.tokens[token])
            return known or Association(self.tokens[token], FS, spec.path, spec.source, AssociationLifecycle.DELETING)
        for other in self.links.values():
            if other.path.overlaps(spec.path) or other.source.overlaps(spec.source) or len(self.links) >= 8:
                raise AwsError("overlap", details={"aws_code": "BadRequest"})
        self.created.append(spec)
        link = self.add(
            spec.path.value, str(spec.source), "CREATING", tags=spec.tags, auto_import=spec.auto_import,
            auto_export=spec.auto_export, batch_import=spec.batch_import,
        )  # fmt: skip
        self.tokens[token] = link.id
        self._pending[link.id] = list(self.creating)
        return link

    def tag_association(self, association: Association, tags: Mapping[str, str]) -> None:
        assert association.arn
        known = self.links[association.id]
        self.links[association.id] = replace(known, tags={**known.tags, **tags})

    def delete_association(self, association_id: str) -> None:
        if association_id in self.links:
            self.deleted.append(association_id)
            self.links[association_id] = replace(self.links[association_id], lifecycle=AssociationLifecycle.DELETING)

    def tasks(self, file_system_id: str) -> tuple[Task, ...]:
        if self.denied is not None:
            raise self.denied
        return tuple(self.jobs.values())

    def task(self, task_id: str) -> Task | None:
        steps = self._pending.get(task_id)
        if steps:
            self._advance(task_id, steps.pop(0))
        return self.jobs.get(task_id)

    def _advance(self, task_id: str, state: str) -> None:
        task = self.jobs[task_id]
        if state == "SUCCEEDED":
            self.export(task)
        self.jobs[task_id] = replace(task, lifecycle=TaskLifecycle(state), failed=self.failed_count, total=9)

    def export(self, task: Task) -> None:
        """Write the tree as FSx does: directories end in a slash, links hold their target."""
        link = next(one for one in self.links.values() if one.path.value == task.paths[0])
        for name, (kind, content) in self.tree.entries.items():
            if name not in self.skipped:
                key = name.decode() + ("/" if kind == "d" else "")
                self.s3.put(link.source.bucket, link.source.object_key(key), b"" if kind == "d" else content)
        self.s3.put(link.source.bucket, link.source.key, b"")

    def start_export(
        self, file_system_id: str, path: FsxPath, report: S3Prefix, *, token: str, tags: Mapping[str, str]
    ) -> Task:
        if token in self.tokens:
            return self.jobs[self.tokens[token]]
        if not any(one.path == path and one.lifecycle.is_usable for one in self.links.values()):
            raise AwsError("no association", details={"aws_code": "BadRequest"})
        number = f"task-{len(self.jobs):017x}"
        self.jobs[number] = Task(number, FS, "EXPORT_TO_REPOSITORY", TaskLifecycle.PENDING, (path.value,),
                                 report=str(report), tags=dict(tags))  # fmt: skip
        self.tokens[token] = number
        self._pending[number] = list(self.running)
        self.started.append((path, token))
        return self.jobs[number]


@dataclass
class FakeNode:
    """A head node that lists its tree and its queue."""

    tree: Tree
    jobs: list[dict[str, Any]] = field(default_factory=list)
    unreachable: str = ""
    missing: bool = False
    analysis: str = "ubuntu/a1"
    look_code: int = 0
    slurm_code: int = 0
    sessions: list[str] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    """Lines of the answer about a mount's users."""
    shown: list[list[str]] = field(default_factory=lambda: [[]])
    """What a mount shows: one list of files per look, the last one for ever."""
    unreadable: dict[str, str] = field(default_factory=dict)

    def connect(self, cluster: ClusterView) -> Remote:
        if self.unreachable:
            raise RemoteCommandFailed(self.unreachable)
        return self

    def here(self, name: ClusterName) -> Remote | None:
        return None

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        self.asked.append(script.name)
        if script.name == "slurm_jobs":
            return RemoteResult(self.slurm_code, json.dumps({"jobs": self.jobs, "errors": []}), "")
        if script.name == "workflow_list":
            return RemoteResult(0, "".join(f"{line}\n" for line in self.sessions), "")
        if script.name == "mount_use":
            return RemoteResult(0, "".join(f"{line}\n" for line in [*self.users, "done"]), "")
        if script.name == "analysis_states":
            return RemoteResult(self.look_code, self.tree.states(self.analysis), "find: Permission denied")
        if self.missing:
            return RemoteResult(66, "", "no directory")
        if script.name == "mount_tree":
            return self.mount_tree(env)
        if script.name == "inventory":
            return self.inventory(env)
        return RemoteResult(0, self.tree.listing(), "")

    def mount_tree(self, env: Mapping[str, str]) -> RemoteResult:
        """What the script about a mount's tree answers."""
        names = env["DYEC_NAMES"] == "1"
        # The names are asked for in the same moment as the digest that did not fit.
        files = self.shown[0] if names or len(self.shown) == 1 else self.shown.pop(0)
        raw = b"".join(path + b"\0" for path in sorted(path.encode() for path in files))
        asked = [base64.b64decode(line).decode() for line in env["DYEC_READ"].splitlines()]
        odd = [(path, self.unreadable[path]) for path in asked if path in self.unreadable]
        lines = [f"files {len(files)}", "directories 2", f"sha256 {hashlib.sha256(raw).hexdigest()}"]
        lines += [" ".join(["unreadable", *(base64.b64encode(part.encode()).decode() for part in one)]) for one in odd]
        more = "--\n" + base64.b64encode(gzip.compress(raw)).decode() if names else ""
        return RemoteResult(0, "\n".join([*lines, "done", more]), "")

    def inventory(self, env: Mapping[str, str]) -> RemoteResult:
        """What the script about manifests answers."""
        made = self.tree.manifest(env["DYEC_DIRECTORY"])
        rules = Rules(env["DYEC_DIRECTORY"], int(env["DYEC_PREFIX_BYTES"]), env["DYEC_ALLOW_RUN_LINKS"] == "1")
        found = [*rules.obstacles(made.records), *self.obstacles]
        result: dict[str, Any]
        state, result, body = "done", {"state": "done", "sha256": made.sha256}, base64.b64encode(made.packed).decode()
        if found:
            items = [asdict(one) for one in found]
            state, result, body = "blocked", {"state": "blocked", "total": len(items), "obstacles": items}, ""
        head = f"run={env['DYEC_RUN']}\nstate={state}\njob=\nresult={json.dumps(result)}"
        return RemoteResult(0, f"{head}\n--\n{body}", "")


class FakeClusters:
    """One cluster, or none."""

    def __init__(self) -> None:
        self.view: ClusterView | None = ClusterView(
            CLUSTER, REGION, "CREATE_COMPLETE", "arn:stack/1", "2026-01-01T00:00:00Z",
            head_node=HeadNode("i-0123", "running", "r7i.2xlarge"), file_system_ids=(FS,),
        )  # fmt: skip

    def find(self, name: ClusterName) -> ClusterView | None:
        return self.view

    def every(self) -> tuple[ClusterView, ...]:
        return (self.view,) if self.view else ()


class World:
    """All fakes together, and the services made of them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.s3, self.tree = FakeS3(), Tree()
        self.fsx = FakeFsx(self.s3, self.tree)
        self.node = FakeNode(self.tree)
        self.clusters = FakeClusters()

    def services(self, faults: Faults | None = None) -> Services:
        """Services over the fakes; with `faults` every call of S3, FSx and the node is counted."""
        made = Services(AwsContext(None, REGION), clock=self.clock)
        parts = {"s3": self.s3, "fsx": self.fsx, "headnodes": self.node, "clusters": self.clusters}
        for name, fake in parts.items():
            setattr(made, name, cast("Any", Faulty(fake, faults) if faults is not None else fake))
        return made
