"""What lies below a directory right now, as the file system says.  Runs on the node."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.fsx.manifest import DIRECTORY, FILE, LINK, escaped
from daylily_ec.fsx.obstacles import Obstacle, Why

_TYPES = {
    stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY, stat.S_IFLNK: LINK,
    stat.S_IFIFO: "p", stat.S_IFSOCK: "s", stat.S_IFBLK: "b", stat.S_IFCHR: "c",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when content does: size in bytes, times in nanoseconds, inode.

    The change time is among them because programs can set the modification time back, but not that one.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """The stamp in the answer of stat."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: path as `Record` has it, type, four octal digits of mode, stamp, and target of a link."""

    path: str
    type: str
    mode: str
    stamp: Stamp
    target: str = ""


@dataclass(frozen=True)
class Tree:
    """Entries by path, and what could not be looked at."""

    entries: dict[str, Entry]
    obstacles: tuple[Obstacle, ...]


def walk(root: str) -> Tree:
    """Everything below `root`; links are not followed, other file systems not entered."""
    entries: dict[str, Entry] = {}
    obstacles: list[Obstacle] = []
    device = Path(root).stat().st_dev
    folders = [""]
    while folders:
        for found in _folder(root, folders.pop(), device):
            if isinstance(found, Obstacle):
                obstacles.append(found)
                continue
            entries[found.path] = found
            if found.type == DIRECTORY:
                folders.append(found.path)
    return Tree(entries, tuple(obstacles))


def _folder(root: str, folder: str, device: int) -> Iterator[Entry | Obstacle]:
    try:
        with os.scandir(f"{root}/{folder}") as items:
            for item in items:
                yield _entry(item, f"{folder}/{item.name}" if folder else item.name, device)
    except FileNotFoundError:
        yield Obstacle(Why.BEING_WRITTEN, escaped(folder), "it went away meanwhile")
    except OSError as error:
        yield Obstacle(Why.UNREADABLE, escaped(folder) or ".", f"it cannot be listed: {error.strerror}")


def _entry(item: os.DirEntry[str], path: str, device: int) -> Entry | Obstacle:
    try:
        found = item.stat(follow_symlinks=False)
        kind = _TYPES[stat.S_IFMT(found.st_mode)]
        target = os.readlink(item.path) if kind == LINK else ""  # noqa: PTH115  (a Path would tidy it)
    except FileNotFoundError:
        return Obstacle(Why.BEING_WRITTEN, escaped(path), "it went away meanwhile")
    except OSError as error:
        return Obstacle(Why.UNREADABLE, escaped(path), f"it cannot be looked at: {error.strerror}")
    if found.st_dev != device:
        return Obstacle(Why.OTHER_FILE_SYSTEM, escaped(path), "it lies on another file system")
    return Entry(path, kind, f"{stat.S_IMODE(found.st_mode):04o}", Stamp.of(found), target)


def changes(before: Tree, after: Tree) -> Iterator[Obstacle]:
    """What somebody did to the directory between two walks."""
    for path, entry in after.entries.items():
        earlier = before.entries.get(path)
        if earlier is None:
            yield Obstacle(Why.BEING_WRITTEN, escaped(path), "it appeared while the directory was read")
        elif earlier != entry:
            yield Obstacle(Why.BEING_WRITTEN, escaped(path), "it changed while the directory was read")
    for path in before.entries.keys() - after.entries.keys():
        yield Obstacle(Why.BEING_WRITTEN, escaped(path), "it went away while the directory was read")
