"""Data repository associations.

https://docs.aws.amazon.com/fsx/latest/LustreGuide/create-dra-linked-data-repo.html
https://docs.aws.amazon.com/fsx/latest/LustreGuide/dra-lifecycles.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daylily_ec.localcloud.fsx import exports, imports
from daylily_ec.localcloud.fsx.context import Context
from daylily_ec.localcloud.fsx.errors import (
    BadRequest,
    DataRepositoryAssociationNotFound,
    ServiceLimitExceeded,
    UnsupportedOperation,
)
from daylily_ec.localcloud.fsx.links import Link, Progress
from daylily_ec.localcloud.fsx.model import Association, Document, FileSystem, filter_values, new_id, page, tags_of
from daylily_ec.localcloud.fsx.objects import StoreError
from daylily_ec.localcloud.fsx.tree import Parts, Tree, posix_parts

MAX_ASSOCIATIONS = 8
"""Per file system, FAILED ones included."""
LARGEST_PAGE = 25
WATCH_SHARE = 10
"""Watching rests for ten times as long as it took: a large bucket must not eat the machine."""
_BUSY = ("CREATING", "UPDATING", "DELETING")


def create(context: Context, request: Document) -> Association:
    """Queue a new association, or give back the one that the same token made."""
    with context.lock:
        before = context.made_before("CreateDataRepositoryAssociation", request)
        found = context.file_system(request["FileSystemId"])
        if before is not None:
            return found.associations[before]
        directory, (bucket, prefix) = _directory(request.get("FileSystemPath") or "/"), _source(request)
        _check(found, directory, bucket, prefix)
        link = Link(Tree(context.store.path(found.id)), context.objects, directory, bucket, prefix)
        made = _new(context, request, link)
        found.associations[made.id] = made
        context.remember("CreateDataRepositoryAssociation", request, made.id)
    return made


def _new(context: Context, request: Document, link: Link) -> Association:
    made = new_id("dra")
    arn = context.place.arn(f"association/{request['FileSystemId']}/{made}")
    return Association(made, next(context.numbers), arn, dict(request), context.clock.now(), link, tags_of(request))


def _directory(text: str) -> Parts:
    parts = () if text == "/" else posix_parts(text.removeprefix("/"))
    if not text.startswith("/") or parts is None:
        raise BadRequest(f"The file system path {text!r} is not an absolute path of directories.")
    return parts


def _source(request: Mapping[str, Any]) -> tuple[str, str]:
    uri = str(request["DataRepositoryPath"])
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise BadRequest(f"The data repository path {uri!r} is not of the form s3://bucket/prefix/.")
    return bucket, f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""


def _check(found: FileSystem, directory: Parts, bucket: str, prefix: str) -> None:
    if found.deployment == "SCRATCH_1" or found.request["LustreConfiguration"].get("ImportPath"):
        raise UnsupportedOperation(f"{found.id} does not support data repository associations.")
    if found.lifecycle not in ("AVAILABLE", "UPDATING"):
        raise BadRequest(f"{found.id} is {found.lifecycle}.")
    for other in found.associations.values():
        if _nested(other.link.directory, directory):
            raise BadRequest(f"The file system path overlaps with that of {other.id}.")
        if other.link.bucket == bucket and _overlaps(other.link.prefix, prefix):
            raise BadRequest(f"The data repository path overlaps with that of {other.id}.")
    if len(found.associations) >= MAX_ASSOCIATIONS:
        raise ServiceLimitExceeded(f"{found.id} has {MAX_ASSOCIATIONS} data repository associations already.")


def _nested(one: Parts, other: Parts) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _overlaps(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def everywhere(context: Context) -> Iterator[Association]:
    """The associations of all file systems."""
    for found in list(context.file_systems.values()):
        yield from list(found.associations.values())


def get(context: Context, association_id: str) -> Association:
    """One association.

    Raises DataRepositoryAssociationNotFound.
    """
    for found in everywhere(context):
        if found.id == association_id:
            return found
    raise DataRepositoryAssociationNotFound(association_id)


def describe(context: Context, query: Mapping[str, Any]) -> Document:
    """One page of associations.

    Raises DataRepositoryAssociationNotFound for an id that does not exist.
    """
    ids = query.get("AssociationIds")
    found = [get(context, one) for one in ids] if ids else list(everywhere(context))
    of = filter_values(query, "file-system-id")
    shown, token = page((one for one in found if of is None or one.request["FileSystemId"] in of), query, LARGEST_PAGE)
    return {"Associations": [one.document() for one in shown], **token}


def update(context: Context, request: Mapping[str, Any]) -> Association:
    """Change policies or chunk size; also makes FSx look again at a misconfigured association."""
    with context.lock:
        found = get(context, request["AssociationId"])
        if found.lifecycle not in ("AVAILABLE", "MISCONFIGURED"):
            raise BadRequest(f"{found.id} is {found.lifecycle}.")
        changes = {key: request[key] for key in ("ImportedFileChunkSize", "S3") if request.get(key) is not None}
        found.request = {**found.request, **changes}
        found.lifecycle, found.began = "UPDATING", None
    return found


def delete(context: Context, association_id: str, *, delete_data: bool) -> Association:
    """Queue the deletion.

    Raises DataRepositoryAssociationNotFound.
    """
    with context.lock:
        found = get(context, association_id)
        if found.lifecycle != "DELETING":
            found.lifecycle, found.began, found.delete_data = "DELETING", None, delete_data
    return found


def advance(context: Context, owner: FileSystem) -> None:
    """Work on one request for a while, the oldest first."""
    waiting = [found for found in owner.associations.values() if found.lifecycle in _BUSY]
    if not waiting:
        return
    found, now = min(waiting, key=lambda one: one.number), context.clock.now()
    found.began = now if found.began is None else found.began
    pace = context.pace
    if now < found.began + (pace.association_deletion if found.lifecycle == "DELETING" else pace.association):
        return
    if found.lifecycle == "DELETING":
        _finish_deletion(context, owner, found)
    else:
        _settle(context, found)


def _finish_deletion(context: Context, owner: FileSystem, found: Association) -> None:
    if found.delete_data:
        found.link.tree.empty(found.link.directory)
    with context.lock:
        owner.associations.pop(found.id, None)
        context.forget(found.id)


def _settle(context: Context, found: Association) -> None:
    """AVAILABLE, with the directory and what was to be imported, or MISCONFIGURED without the bucket."""
    link, before = found.link, found.lifecycle
    after, failure = "AVAILABLE", ""
    if not link.objects.has_bucket(link.bucket):
        after, failure = "MISCONFIGURED", f"The bucket {link.bucket} does not exist or Amazon FSx may not access it."
    elif not found.imported:
        try:
            _start(found)
        except OSError as error:
            after, failure = "FAILED", f"The file system path cannot be used: {error.strerror}."
    with context.lock:
        if found.lifecycle == before:
            found.lifecycle, found.failure = after, failure


def _start(found: Association) -> None:
    link = found.link
    link.tree.make_directory(link.directory)
    if found.request.get("BatchImportMetaDataOnCreate"):
        imports.import_new(link, Progress(), lambda: found.lifecycle == "DELETING")
    else:
        link.seen = {name: item.version for name, item in link.look().items()}
    found.imported = True


def watch(context: Context, owner: FileSystem) -> None:
    """Notice missing and returned buckets, and follow changes on both sides."""
    now = context.clock.now()
    if now < owner.watched + context.pace.watch:
        return
    for found in list(owner.associations.values()):
        if found.lifecycle in ("AVAILABLE", "MISCONFIGURED"):
            _look_after(context, found, now)
    owner.watched = now + (context.clock.now() - now) * WATCH_SHARE


def _look_after(context: Context, found: Association, now: float) -> None:
    link = found.link
    if found.lifecycle == "MISCONFIGURED" or not link.objects.has_bucket(link.bucket):
        _settle(context, found)
        return
    incoming, outgoing = found.events("AutoImportPolicy"), found.events("AutoExportPolicy")
    if incoming:
        imports.follow(link, incoming, now)
    if outgoing:
        try:
            exports.follow_out(link, outgoing)
        except StoreError:
            return  # the bucket refuses a deletion: the next look tries again
