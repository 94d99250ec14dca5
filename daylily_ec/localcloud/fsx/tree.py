"""The directory tree of one file system, touched without ever leaving it.

What a node or a bucket put there is not trusted: every component is opened without following symbolic links, so neither
a link on the file system nor an odd key can lead to a file outside.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

Parts = tuple[str, ...]
"""A path as its components; none of them is empty, `.` or `..`."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_NAME = 255
DIRECTORY_MODE = 0o755


@dataclass(frozen=True, slots=True)
class Item:
    """A file, directory or symbolic link and its `lstat`."""

    parts: Parts
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.status.st_mode)


def posix_parts(path: str) -> Parts | None:
    """The components of a relative path, a trailing slash allowed; None when POSIX has no such path."""
    parts = tuple(path.removesuffix("/").split("/"))
    names = [part.encode("utf-8", "surrogateescape") for part in parts]
    if any(part in ("", ".", "..") or "\0" in part for part in parts) or any(len(n) > _LONGEST_NAME for n in names):
        return None
    return parts


class Tree:
    """Everything below one host directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def _directory(self, parts: Parts, *, create: bool = False) -> Iterator[int]:
        here = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                deeper = _open_directory(part, here, create)
                os.close(here)
                here = deeper
            yield here
        finally:
            os.close(here)

    def status(self, parts: Parts) -> os.stat_result | None:
        """`lstat` of what is there, None when nothing is."""
        try:
            with self._directory(parts[:-1]) as parent:
                return os.lstat(parts[-1], dir_fd=parent) if parts else os.fstat(parent)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def make_directory(self, parts: Parts) -> None:
        """Create a directory and its parents; one that exists is fine."""
        with self._directory(parts, create=True):
            pass

    def set_attributes(self, parts: Parts, mode: int, times: tuple[int, int]) -> None:
        """Permissions and (atime, mtime) in nanoseconds of a directory."""
        with self._directory(parts) as here:
            os.fchmod(here, stat.S_IMODE(mode))
            os.utime(here, ns=times)

    def write(self, parts: Parts, body: BinaryIO, mode: int, times: tuple[int, int]) -> None:
        """Put a regular file in place at once: readers see the old one or the whole new one."""

        def make(name: str, parent: int) -> None:
            with os.fdopen(os.open(name, _CREATE, 0o600, dir_fd=parent), "wb") as out:
                shutil.copyfileobj(body, out)
                out.flush()
                os.fchmod(out.fileno(), stat.S_IMODE(mode))
                os.utime(out.fileno(), ns=times)

        self._replace(parts, make)

    def link(self, parts: Parts, target: str, times: tuple[int, int]) -> None:
        """Put a symbolic link in place at once."""

        def make(name: str, parent: int) -> None:
            os.symlink(target, name, dir_fd=parent)
            os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

        self._replace(parts, make)

    def _replace(self, parts: Parts, make: Callable[[str, int], None]) -> None:
        fresh = f".fsx-{secrets.token_hex(8)}"
        with self._directory(parts[:-1], create=True) as parent, _writable(parent):
            try:
                make(fresh, parent)
                os.replace(fresh, parts[-1], src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                _unlink(fresh, parent)
                raise

    @contextmanager
    def open(self, parts: Parts) -> Iterator[BinaryIO]:
        """Read a regular file."""
        with self._directory(parts[:-1]) as parent, os.fdopen(os.open(parts[-1], _READ, dir_fd=parent), "rb") as body:
            yield body

    def target(self, parts: Parts) -> str:
        """Where a symbolic link points to."""
        with self._directory(parts[:-1]) as parent:
            return os.readlink(parts[-1], dir_fd=parent)

    def remove(self, parts: Parts) -> None:
        """Remove a file, a link or an empty directory; nothing there, or a full directory, is fine."""
        try:
            with self._directory(parts[:-1]) as parent, _writable(parent):
                if stat.S_ISDIR(os.stat(parts[-1], dir_fd=parent, follow_symlinks=False).st_mode):
                    _rmdir(parts[-1], parent)
                else:
                    os.unlink(parts[-1], dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return

    def empty(self, parts: Parts) -> None:
        """Remove everything below a directory and the directory itself."""
        for item in sorted(self.walk(parts), key=lambda found: len(found.parts), reverse=True):
            self.remove(item.parts)

    def walk(self, parts: Parts) -> Iterator[Item]:
        """What is at a path and below it, parents first, by name; the root itself is no item."""
        status = self.status(parts)
        if status is None:
            return
        if parts:
            yield Item(parts, status)
        if stat.S_ISDIR(status.st_mode):
            yield from self._below(parts)

    def _below(self, parts: Parts) -> Iterator[Item]:
        with self._directory(parts) as here, os.scandir(here) as entries:
            found = sorted((entry.name, entry.stat(follow_symlinks=False)) for entry in entries)
        for name, status in found:
            item = Item((*parts, name), status)
            yield item
            if item.is_directory:
                yield from self._below(item.parts)


@contextmanager
def _writable(directory: int) -> Iterator[None]:
    """FSx is root and writes where a user may not; the daemon may be an ordinary user."""
    mode = stat.S_IMODE(os.fstat(directory).st_mode)
    if mode & stat.S_IRWXU == stat.S_IRWXU:
        yield
        return
    os.fchmod(directory, mode | stat.S_IRWXU)
    try:
        yield
    finally:
        os.fchmod(directory, mode)


def _open_directory(name: str, parent: int, create: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    os.mkdir(name, dir_fd=parent)
    made = os.open(name, _DIRECTORY, dir_fd=parent)
    os.fchmod(made, DIRECTORY_MODE)
    return made


def _unlink(name: str, parent: int) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return


def _rmdir(name: str, parent: int) -> None:
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError:
        return
