"""The manifest of an analysis directory: what lay there, byte for byte, at one moment.

JSON lines in ASCII: a header, then one record per entry, sorted by the bytes of the path.  Its own identity is the
SHA-256 over all of these bytes; two manifests of the same content differ in their header, so content is compared by
`records_sha256`.  A name that is not UTF-8 is written reversibly: each odd byte as `\\xHH`, each backslash as two.

Head nodes write manifests, so this module needs nothing but the standard library.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from daylily_ec.errors import CorruptFile

SCHEMA = 1
FILE, DIRECTORY, LINK = "f", "d", "l"
SPECIAL = {"p": "a named pipe", "s": "a socket", "b": "a block device", "c": "a character device"}
"""Types that are recorded so that they can be reported; S3 cannot hold them."""
_TYPES = {FILE, DIRECTORY, LINK, *SPECIAL}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CRC = re.compile(r"[A-Za-z0-9+/]{11}=")
_MODE = re.compile(r"[0-7]{4}")
_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2})")
_COMPRESSION = 6


@dataclass(frozen=True, slots=True)
class Record:
    """One entry below the directory.

    `path` is relative, as Python decodes file names (undecodable bytes are lone surrogates; `os.fsencode` gives the
    name); `size` in bytes, 0 for all but files and links, whose content in S3 is their target; `mode` four octal
    digits; `sha256` in hexadecimal and `crc64nvme` as S3 writes it (base64 of 8 big-endian bytes), for files and links.
    """

    path: str
    type: str
    size: int
    mtime_ns: int
    mode: str
    sha256: str = ""
    crc64nvme: str = ""
    target: str = ""

    @property
    def key(self) -> str:
        """Its key below a destination: FSx writes a directory as a key ending in a slash."""
        return f"{self.path}/" if self.type == DIRECTORY else self.path

    @property
    def key_bytes(self) -> int:
        """Length of the key as S3 counts it."""
        return len(os.fsencode(self.path)) + (self.type == DIRECTORY)

    @property
    def has_content(self) -> bool:
        """Whether its object has bytes that can be compared."""
        return self.type in (FILE, LINK)

    @property
    def is_utf8(self) -> bool:
        """Whether its name can be an S3 key."""
        return self.path.isascii() or not any("\udc80" <= sign <= "\udcff" for sign in self.path)

    def to_json(self) -> dict[str, Any]:
        """Its line in the manifest."""
        line: dict[str, Any] = {"path": escaped(self.path), "type": self.type, "size": self.size,
                                "mtime_ns": self.mtime_ns, "mode": self.mode}  # fmt: skip
        if self.has_content:
            line |= {"sha256": self.sha256, "crc64nvme": self.crc64nvme}
        if self.type == LINK:
            line["target"] = escaped(self.target)
        return line

    @classmethod
    def parse(cls, line: str) -> Record:
        """One line, every value checked; `ValueError` for what no manifest may hold."""
        item = json.loads(line)
        has_content = item["type"] in (FILE, LINK)
        record = cls(
            _relative(unescaped(item["path"])), _one_of(item["type"]), _count(item["size"]), _whole(item["mtime_ns"]),
            _matching(item["mode"], _MODE), _matching(item["sha256"], _SHA256) if has_content else "",
            _matching(item["crc64nvme"], _CRC) if has_content else "",
            unescaped(item["target"]) if item["type"] == LINK else "",
        )  # fmt: skip
        if not has_content and record.size:
            raise ValueError(f"{item['path']!r} has a size")
        return record


@dataclass(frozen=True, slots=True)
class Header:
    """What the manifest is of; `bytes` is what S3 will hold, `made_at` when the last look at the directory began."""

    directory: str
    tool: str
    made_at: str
    files: int
    directories: int
    links: int
    others: int
    bytes: int
    records_sha256: str

    def to_json(self) -> dict[str, Any]:
        """The first line."""
        return {"schema": SCHEMA, **{name: getattr(self, name) for name in self.__slots__}}

    @classmethod
    def parse(cls, line: str) -> Header:
        """The first line; `ValueError` for another schema."""
        item = json.loads(line)
        if item["schema"] != SCHEMA:
            raise ValueError(f"its schema is {item['schema']}; this release reads {SCHEMA}")
        return cls(
            directory=str(item["directory"]), tool=str(item["tool"]), made_at=str(item["made_at"]),
            files=_count(item["files"]), directories=_count(item["directories"]), links=_count(item["links"]),
            others=_count(item["others"]), bytes=_count(item["bytes"]),
            records_sha256=_matching(item["records_sha256"], _SHA256),
        )  # fmt: skip


@dataclass(frozen=True)
class Manifest:
    """A manifest as it is kept: `packed` is its gzip form, `sha256` the digest of the bytes inside."""

    header: Header
    records: tuple[Record, ...]
    sha256: str
    packed: bytes

    @property
    def objects(self) -> int:
        """Objects that S3 must hold: every entry is one."""
        return len(self.records)

    @property
    def files(self) -> int:
        """Files and symbolic links."""
        return self.header.files + self.header.links

    @property
    def bytes(self) -> int:
        """Bytes that S3 will hold."""
        return self.header.bytes

    @cached_property
    def by_key(self) -> Mapping[str, Record]:
        """Records by their key below a destination."""
        return {record.key: record for record in self.records}


def make(directory: PurePosixPath | str, tool: str, made_at: str, records: Iterable[Record]) -> Manifest:
    """The manifest of these entries, in whatever order they come."""
    ordered = tuple(sorted(records, key=_order))
    lines = [_line(record.to_json()) for record in ordered]
    header = _header(os.fspath(directory), tool, made_at, ordered, _digest(lines))
    whole = _line(header.to_json()) + b"".join(lines)
    packed = gzip.compress(whole, _COMPRESSION, mtime=0)
    return Manifest(header, ordered, hashlib.sha256(whole).hexdigest(), packed)


def parse(packed: bytes, *, source: str = "The manifest", sha256: str = "") -> Manifest:
    """The manifest in gzip bytes; `CorruptFile` for anything damaged, cut short, or without the digest asked for."""
    try:
        whole = gzip.decompress(packed)
        digest = hashlib.sha256(whole).hexdigest()
        if sha256 and digest != sha256:
            raise ValueError(f"its SHA-256 is {digest}, not {sha256}")
        if not whole.endswith(b"\n"):
            raise ValueError("its last line has no end")
        first, _, rest = whole.partition(b"\n")
        header = Header.parse(first.decode("ascii"))
        records = tuple(_records(rest))
        if header != _header(header.directory, header.tool, header.made_at, records, hashlib.sha256(rest).hexdigest()):
            raise ValueError("its header does not fit its records")
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zlib.error) as error:
        raise CorruptFile(f"{source} is damaged: {error}.", code="manifest_damaged") from error
    return Manifest(header, records, digest, packed)


def _records(text: bytes) -> Iterator[Record]:
    last = b""
    for line in text.splitlines():
        record = Record.parse(line.decode("ascii"))
        if _order(record) <= last:
            raise ValueError(f"{escaped(record.path)} is out of order or twice there")
        last = _order(record)
        yield record


def _header(directory: str, tool: str, made_at: str, records: tuple[Record, ...], digest: str) -> Header:
    kinds = Counter(one.type for one in records)
    files, directories, links = kinds[FILE], kinds[DIRECTORY], kinds[LINK]
    return Header(
        directory=directory, tool=tool, made_at=made_at, files=files, directories=directories, links=links,
        others=len(records) - files - directories - links, bytes=sum(one.size for one in records),
        records_sha256=digest,
    )  # fmt: skip


def _order(record: Record) -> bytes:
    return os.fsencode(record.path)


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


def _digest(lines: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for line in lines:
        total.update(line)
    return total.hexdigest()


def crc_text(value: int) -> str:
    """A CRC-64/NVME as S3 writes it."""
    return base64.b64encode(value.to_bytes(8, "big")).decode()


def is_sha256(text: str) -> bool:
    """Whether it can be a SHA-256 in hexadecimal."""
    return _SHA256.fullmatch(text) is not None


def is_crc(text: str) -> bool:
    """Whether it can be a CRC-64/NVME as S3 writes it."""
    return _CRC.fullmatch(text) is not None


def escaped(name: str) -> str:
    r"""A file name as clean text: each undecodable byte as `\xHH`, each backslash as two."""
    if name.isascii() and "\\" not in name:
        return name
    return name.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def unescaped(text: str) -> str:
    """The file name that `escaped` was given; `ValueError` when there is none."""
    if "\\" not in text:
        if not text.isascii():
            text.encode()
        return text
    if _ESCAPE.sub("", text).count("\\"):
        raise ValueError(f"{text!r} has a backslash that escapes nothing")
    raw = _ESCAPE.sub(lambda found: "\\" if found[1] == "\\" else chr(0xDC00 + int(found[1][1:], 16)), text)
    name = os.fsdecode(raw.encode("utf-8", "surrogateescape"))
    if escaped(name) != text:
        raise ValueError(f"{text!r} is not how a name is written")
    return name


def _relative(path: str) -> str:
    if not path or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"{path!r} is no path below a directory")
    return path


def _one_of(kind: str) -> str:
    if kind not in _TYPES:
        raise ValueError(f"{kind!r} is no type")
    return kind


def _matching(text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"{text!r} is not understood")
    return text


def _whole(value: int) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


def _count(value: int) -> int:
    if _whole(value) < 0:
        raise ValueError(f"{value!r} is negative")
    return value
