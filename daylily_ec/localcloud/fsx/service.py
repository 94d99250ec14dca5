"""The FSx service of one account and region, used by the HTTP API and by CloudFormation alike."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

from daylily_ec.localcloud.fsx import associations, filesystems, tasks
from daylily_ec.localcloud.fsx.clock import SystemClock
from daylily_ec.localcloud.fsx.context import Context
from daylily_ec.localcloud.fsx.errors import ResourceNotFound
from daylily_ec.localcloud.fsx.model import Document, FileSystem, Pace, Place, Resource, tag_list
from daylily_ec.localcloud.fsx.network import MotoNetwork
from daylily_ec.localcloud.fsx.objects import MotoObjects
from daylily_ec.localcloud.runtime import current
from daylily_ec.localcloud.seams import FileSystemStore

TICK_SECONDS = 0.1
_log = logging.getLogger(__name__)


class FsxService:
    """Requests and answers are documents of the FSx API.

    The work itself (moving bytes, ending life cycles) is done by `advance`; in the running cloud one thread per file
    system calls it, in tests the test does.
    """

    def __init__(self, context: Context, *, background: bool) -> None:
        self.context = context
        self._background = background
        self._closed = threading.Event()
        self._workers: list[threading.Thread] = []

    def create_file_system(self, **request: Any) -> Document:
        """`CreateFileSystem`: the file system."""
        made = filesystems.create(self.context, request)
        self._start_worker(made.id)
        return made.document()

    def describe_file_systems(self, **query: Any) -> Document:
        """`DescribeFileSystems`."""
        return filesystems.describe(self.context, query)

    def update_file_system(self, **request: Any) -> Document:
        """`UpdateFileSystem`: the file system."""
        return filesystems.update(self.context, request).document()

    def delete_file_system(self, file_system_id: str) -> Document:
        """`DeleteFileSystem`."""
        found = filesystems.delete(self.context, file_system_id)
        return {"FileSystemId": found.id, "Lifecycle": found.lifecycle}

    def create_association(self, **request: Any) -> Document:
        """`CreateDataRepositoryAssociation`: the association."""
        return associations.create(self.context, request).document()

    def describe_associations(self, **query: Any) -> Document:
        """`DescribeDataRepositoryAssociations`."""
        return associations.describe(self.context, query)

    def update_association(self, **request: Any) -> Document:
        """`UpdateDataRepositoryAssociation`: the association."""
        return associations.update(self.context, request).document()

    def delete_association(self, association_id: str, *, delete_data: bool = False) -> Document:
        """`DeleteDataRepositoryAssociation`."""
        found = associations.delete(self.context, association_id, delete_data=delete_data)
        return {"AssociationId": found.id, "Lifecycle": found.lifecycle, "DeleteDataInFileSystem": delete_data}

    def create_task(self, **request: Any) -> Document:
        """`CreateDataRepositoryTask`: the task."""
        return tasks.create(self.context, request).document()

    def describe_tasks(self, **query: Any) -> Document:
        """`DescribeDataRepositoryTasks`."""
        return tasks.describe(self.context, query)

    def cancel_task(self, task_id: str) -> Document:
        """`CancelDataRepositoryTask`."""
        found = tasks.cancel(self.context, task_id)
        return {"TaskId": found.id, "Lifecycle": found.lifecycle}

    def tag(self, arn: str, tags: dict[str, str]) -> None:
        """`TagResource`."""
        self._resource(arn).tags.update(tags)

    def untag(self, arn: str, keys: list[str]) -> None:
        """`UntagResource`."""
        found = self._resource(arn)
        for key in keys:
            found.tags.pop(key, None)

    def tags(self, arn: str) -> Document:
        """`ListTagsForResource`."""
        return tag_list(self._resource(arn).tags)

    def _resource(self, arn: str) -> Resource:
        for found in self._resources():
            if found.arn == arn:
                return found
        raise ResourceNotFound(arn)

    def _resources(self) -> Iterator[Resource]:
        yield from list(self.context.file_systems.values())
        yield from associations.everywhere(self.context)
        yield from tasks.everywhere(self.context)

    def advance(self) -> None:
        """Do what is due on every file system."""
        for found in list(self.context.file_systems.values()):
            self._work(found)

    def _work(self, found: FileSystem) -> None:
        with found.working:
            filesystems.advance(self.context, found)
            if found.lifecycle != "DELETING":
                associations.advance(self.context, found)
                tasks.advance(self.context, found)
                associations.watch(self.context, found)

    def _start_worker(self, file_system_id: str) -> None:
        if self._background:
            worker = threading.Thread(
                target=self._keep_working, args=(file_system_id,), name=file_system_id, daemon=True
            )
            self._workers.append(worker)
            worker.start()

    def _keep_working(self, file_system_id: str) -> None:
        while not self._closed.wait(TICK_SECONDS):
            found = self.context.file_systems.get(file_system_id)
            if found is None:
                return
            try:
                self._work(found)
            except Exception:
                _log.exception("work on %s", file_system_id)

    def close(self) -> None:
        """Stop working and remove every file system with its bytes."""
        self._closed.set()
        for worker in self._workers:
            worker.join()
        for found in list(self.context.file_systems.values()):
            filesystems.remove(self.context, found)


_store: FileSystemStore | None = None
_services: dict[Place, FsxService] = {}
_lock = threading.Lock()


def use_store(store: FileSystemStore) -> None:
    """Let the services of this process keep their file systems in `store`."""
    global _store
    _store = store


def service_for(account_id: str, region: str) -> FsxService:
    """The service of an account and region, made on first use.

    Raises RuntimeError before `use_store`.
    """
    place = Place(account_id, region)
    with _lock:
        if _store is None:
            raise RuntimeError("FSx has nowhere to keep file systems")
        if place not in _services:
            objects = MotoObjects(account_id, region, current().endpoint)
            network = MotoNetwork(account_id, region)
            context = Context(place, _store, objects, network, SystemClock(), Pace())
            _services[place] = FsxService(context, background=True)
        return _services[place]


def forget_all() -> None:
    """Remove everything: the account is being emptied."""
    with _lock:
        for service in _services.values():
            service.close()
        _services.clear()
