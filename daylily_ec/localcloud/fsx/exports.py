"""From the file system to S3.

https://docs.aws.amazon.com/fsx/latest/LustreGuide/export-changed-data-meta-dra.html
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable

from daylily_ec.localcloud.fsx.links import Failure, Link, Progress, Stopped, stamp
from daylily_ec.localcloud.fsx.objects import AccessDenied, StoreError
from daylily_ec.localcloud.fsx.posix import to_metadata
from daylily_ec.localcloud.fsx.tree import Item, Parts, posix_parts

MAX_KEY_BYTES = 1024


def changed_items(link: Link, below: Parts) -> list[Item]:
    """Files, directories and links at or below a path (from the root of the file system) that S3 does not have so."""
    found = link.tree.walk(below)
    return [
        item for item in found if item.parts != link.directory and _is_exportable(item) and not link.is_unchanged(item)
    ]


def _is_exportable(item: Item) -> bool:
    return item.is_file or item.is_directory or item.is_link


def export_items(link: Link, items: Iterable[Item], progress: Progress, stopped: Stopped) -> None:
    """Write these items to S3."""
    for item in items:
        if stopped():
            return
        progress.count(_export_one(link, item))


def follow_out(link: Link, events: Collection[str]) -> None:
    """Repeat in S3 what changed on the file system, as far as `events` say."""
    items = changed_items(link, link.directory)
    wanted = [item for item in items if ("CHANGED" if link.name(item) in link.known else "NEW") in events]
    export_items(link, wanted, Progress(), lambda: False)
    if "DELETED" in events:
        present = {link.name(item) for item in link.tree.walk(link.directory)}
        for name in [name for name in link.known if name not in present]:
            del link.known[name]
            link.seen.pop(name, None)
            link.objects.delete(link.bucket, link.prefix + name)


def _export_one(link: Link, item: Item) -> Failure | None:
    name = link.name(item)
    try:
        key = link.prefix + name
        if len(key.encode()) > MAX_KEY_BYTES:
            return Failure(link.place(item.parts[len(link.directory) :]), "PathSizeTooLong")
    except UnicodeEncodeError:
        return Failure(link.place(item.parts[len(link.directory) :]), "S3Error")
    code = _store(link, item, key)
    if code is not None:
        return Failure("/".join(item.parts), code)
    link.known[name] = stamp(item.status)
    return None


def _store(link: Link, item: Item, key: str) -> str | None:
    try:
        version = _put(link, item, key)
        after = link.tree.status(item.parts)
    except AccessDenied:
        return "S3AccessDenied"
    except StoreError:
        return "S3Error"
    except OSError:
        return "ResourceBusy"
    link.seen[link.name(item)] = version
    return None if after is not None and stamp(after) == stamp(item.status) else "ResourceBusy"


def _put(link: Link, item: Item, key: str) -> str:
    metadata = to_metadata(item.status)
    if item.is_directory:
        return link.objects.write(link.bucket, key, b"", metadata)
    if item.is_link:
        target = link.tree.target(item.parts).encode("utf-8", "surrogateescape")
        return link.objects.write(link.bucket, key, target, metadata)
    with link.tree.open(item.parts) as body:
        return link.objects.write(link.bucket, key, body, metadata)


def report_of(failures: Iterable[Failure]) -> bytes:
    """A completion report: path, `failed`, error code.

    https://docs.aws.amazon.com/fsx/latest/LustreGuide/task-completion-report.html
    """
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    for failure in failures:
        path = f'"{failure.path}"' if failure.path[:1] in tuple("@+-=") else failure.path
        rows.writerow([path, "failed", failure.code])
    return out.getvalue().encode("utf-8", "backslashreplace")


def release(link: Link, below: Parts) -> int:
    """How many exported, unchanged files a release would free; their bytes stay, for nothing would bring them back."""
    found = link.tree.walk(below)
    return sum(1 for item in found if item.is_file and posix_parts(link.name(item)) and link.is_unchanged(item))
