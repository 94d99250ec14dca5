"""From S3 to the file system.

https://docs.aws.amazon.com/fsx/latest/LustreGuide/importing-files-dra.html
FSx imports metadata and fetches bytes when they are read; here the bytes come at once.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping

from daylily_ec.localcloud.fsx.links import Failure, Link, Progress, Stopped, stamp
from daylily_ec.localcloud.fsx.objects import StoredObject
from daylily_ec.localcloud.fsx.posix import Attributes, from_metadata
from daylily_ec.localcloud.fsx.tree import Parts, posix_parts

SETTLE_SECONDS = 0.3
"""Age at which a new object is read: its upload may still be being answered before."""


def import_new(link: Link, progress: Progress, stopped: Stopped, below: str = "") -> None:
    """Import what S3 holds below a name and the file system does not have as it is there."""
    found = {name: item for name, item in link.look().items() if name.startswith(below)}
    wanted = {name: found[name] for name in sorted(found) if _is_news(link, name, found[name])}
    link.seen.update({name: item.version for name, item in found.items()})
    import_objects(link, wanted, progress, stopped)


def _is_news(link: Link, name: str, item: StoredObject) -> bool:
    return name not in link.known or link.seen.get(name) != item.version


def follow(link: Link, events: Collection[str], now: float) -> None:
    """Repeat on the file system what changed in S3 since the last look, as far as `events` say."""
    listed = link.look()
    found = {name: item for name, item in listed.items() if item.modified <= now - SETTLE_SECONDS}
    for name in [name for name in link.seen if name not in listed]:
        del link.seen[name]
        if "DELETED" in events:
            _remove(link, name)
    fresh = {name: item for name, item in found.items() if link.seen.get(name) != item.version}
    wanted = {name: fresh[name] for name in sorted(fresh) if _event(link, name) in events}
    link.seen.update({name: item.version for name, item in fresh.items()})
    import_objects(link, wanted, Progress(), lambda: False)


def _event(link: Link, name: str) -> str:
    # What counts is whether the file system has it: an object that was never imported is new to it.
    return "CHANGED" if name in link.known else "NEW"


def _remove(link: Link, name: str) -> None:
    parts = posix_parts(name)
    if parts is not None and link.known.pop(name, None) is not None:
        link.tree.remove((*link.directory, *parts))


def import_objects(link: Link, wanted: Mapping[str, StoredObject], progress: Progress, stopped: Stopped) -> None:
    """Import these objects; directories get their attributes last, when nothing changes in them any more."""
    progress.total += len(wanted)
    directories: dict[str, Attributes] = {}
    for name, item in wanted.items():
        if stopped():
            return
        progress.count(_import_one(link, name, item, directories))
    _finish(link, directories)


def _import_one(link: Link, name: str, item: StoredObject, directories: dict[str, Attributes]) -> Failure | None:
    parts = posix_parts(name)
    if parts is None:
        return Failure(name, "S3ObjectPathNotPosixCompliant")
    attributes = from_metadata(item.metadata, item.modified, directory=name.endswith("/"))
    if item.is_cold:
        return Failure(
            link.place(parts), "S3SymlinkInUnsupportedTier" if attributes.is_link else "S3ObjectInUnsupportedTier"
        )
    try:
        if name.endswith("/"):
            link.tree.make_directory((*link.directory, *parts))
            directories[name] = attributes
            return None
        return _import_file(link, name, parts, attributes)
    except OSError:
        return Failure(link.place(parts), "S3ObjectTypeMismatch")
    except ValueError:  # a symbolic link whose target holds a NUL
        return Failure(link.place(parts), "S3ObjectPathNotPosixCompliant")


def _import_file(link: Link, name: str, parts: Parts, attributes: Attributes) -> Failure | None:
    place = (*link.directory, *parts)
    present = link.tree.status(place)
    if present is not None and name not in link.known and present.st_mtime_ns > attributes.mtime:
        return None  # made here, and younger: it is for an export to bring both sides together
    body = link.objects.read(link.bucket, link.prefix + name)
    if body is None:
        return Failure(link.place(parts), "S3FileDeleted")
    if attributes.is_link:
        link.tree.link(place, body.read().decode("utf-8", "surrogateescape"), attributes.times)
    else:
        link.tree.write(place, body, attributes.mode, attributes.times)
    _remember(link, name, place)
    return None


def _finish(link: Link, directories: Mapping[str, Attributes]) -> None:
    for name in _deepest_first(directories):
        place = (*link.directory, *name.rstrip("/").split("/"))
        link.tree.set_attributes(place, directories[name].mode, directories[name].times)
        _remember(link, name, place)


def _deepest_first(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: name.count("/"), reverse=True)


def _remember(link: Link, name: str, place: Parts) -> None:
    status = link.tree.status(place)
    if status is not None and stat.S_IFMT(status.st_mode):
        link.known[name] = stamp(status)
