"""Creating, describing, changing and deleting file systems.

https://docs.aws.amazon.com/fsx/latest/APIReference/API_CreateFileSystem.html
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from daylily_ec.localcloud.fsx.context import Context
from daylily_ec.localcloud.fsx.errors import BadRequest, UnsupportedOperation
from daylily_ec.localcloud.fsx.model import Document, FileSystem, new_id, page, tags_of

LARGEST_PAGE = 50
_MOUNT_NAME_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_log = logging.getLogger(__name__)


def create(context: Context, request: Document) -> FileSystem:
    """Start a file system, or give back the one that the same token made."""
    _check(request)
    with context.lock:
        before = context.made_before("CreateFileSystem", request)
        if before is not None:
            return context.file_system(before)
        made = _new(context, request)
        context.file_systems[made.id] = made
        context.remember("CreateFileSystem", request, made.id)
    context.store.path(made.id)
    return made


def _check(request: Mapping[str, Any]) -> None:
    if request.get("FileSystemType") != "LUSTRE":
        raise UnsupportedOperation("Only Lustre file systems are emulated.")
    if not _is_sold(request):
        raise BadRequest(f"A Lustre file system of this type cannot have {request.get('StorageCapacity')} GiB.")
    if len(request.get("SubnetIds") or []) != 1:
        raise BadRequest("A Lustre file system has exactly one subnet.")


def _is_sold(request: Mapping[str, Any]) -> bool:
    """https://docs.aws.amazon.com/fsx/latest/APIReference/API_CreateFileSystem.html, StorageCapacity"""
    capacity, lustre = int(request.get("StorageCapacity") or 0), request.get("LustreConfiguration") or {}
    if request.get("StorageType") == "HDD":
        return capacity > 0 and capacity % (6000 if lustre.get("PerUnitStorageThroughput") == 12 else 1800) == 0
    if (lustre.get("DeploymentType") or "SCRATCH_1") == "SCRATCH_1":
        return capacity in (1200, 2400) or (capacity > 0 and capacity % 3600 == 0)
    return capacity == 1200 or (capacity > 0 and capacity % 2400 == 0)


def _new(context: Context, request: Document) -> FileSystem:
    file_system_id = new_id("fs")
    lustre = {key: value for key, value in (request.get("LustreConfiguration") or {}).items() if value is not None}
    scratch = (lustre.get("DeploymentType") or "SCRATCH_1") == "SCRATCH_1"
    name = "fsx" if scratch else "".join(secrets.choice(_MOUNT_NAME_ALPHABET) for _ in range(8))
    return FileSystem(
        id=file_system_id,
        number=next(context.numbers),
        arn=context.place.arn(f"file-system/{file_system_id}"),
        place=context.place,
        request={**request, "LustreConfiguration": lustre},
        created=context.clock.now(),
        attachment=context.network.attach(request["SubnetIds"], request.get("SecurityGroupIds") or [], file_system_id),
        mount_name=name,
        tags=tags_of(request),
    )


def describe(context: Context, query: Mapping[str, Any]) -> Document:
    """One page of file systems.

    Raises FileSystemNotFound.
    """
    wanted = [context.file_system(one) for one in query.get("FileSystemIds") or []]
    shown, token = page(wanted or list(context.file_systems.values()), query, LARGEST_PAGE)
    return {"FileSystems": [one.document() for one in shown], **token}


def update(context: Context, request: Mapping[str, Any]) -> FileSystem:
    """Change capacity and Lustre settings at once."""
    with context.lock:
        found = context.file_system(request["FileSystemId"])
        if request.get("StorageCapacity") is not None:
            found.request["StorageCapacity"] = int(request["StorageCapacity"])
        found.request["LustreConfiguration"].update(request.get("LustreConfiguration") or {})
    return found


def delete(context: Context, file_system_id: str) -> FileSystem:
    """Start the deletion; associations go with it.

    Raises FileSystemNotFound, and BadRequest while a task is pending or runs.
    """
    with context.lock:
        found = context.file_system(file_system_id)
        if any(not task.is_over for task in found.tasks.values()):
            raise BadRequest(f"A data repository task of {file_system_id} is pending or executing.")
        if found.lifecycle != "DELETING":
            found.lifecycle, found.deleted = "DELETING", context.clock.now()
    return found


def advance(context: Context, found: FileSystem) -> None:
    """Let time do its work on the life cycle."""
    now = context.clock.now()
    with context.lock:
        if found.lifecycle == "CREATING" and now >= found.created + context.pace.file_system:
            found.lifecycle = "AVAILABLE"
    if found.lifecycle == "DELETING" and now >= found.deleted + context.pace.file_system_deletion:
        remove(context, found)


def remove(context: Context, found: FileSystem) -> None:
    """Take away the file system, its bytes and its interfaces."""
    context.network.detach(found.attachment)
    try:
        context.store.remove(found.id)
    except OSError:
        _log.exception("the bytes of %s stay", found.id)
    with context.lock:
        context.file_systems.pop(found.id, None)
        for made in (found.id, *found.associations, *found.tasks):
            context.forget(made)
