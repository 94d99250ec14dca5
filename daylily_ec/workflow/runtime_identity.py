"""`runtime identity`: which dyec this is, and what configure has put on this node."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.config.resources import resources_dir
from daylily_ec.config.settings import config_dir
from daylily_ec.headnode.identity import RECORD, NodeInstall
from daylily_ec.headnode.local import this_head_node
from daylily_ec.version import __version__

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class RuntimeIdentity:
    """This process, and the head node it runs on (`cluster` and `region` are empty elsewhere).

    `installed` is what configure recorded, None where it never ran; `current` says whether this process is that
    installation.
    """

    version: str
    python: str
    executable: str
    package: Path
    resources: Path
    cluster: str
    region: str
    release: str
    current: bool | None
    bootstrapped: bool
    day_clone: str
    installed: NodeInstall | None


def runtime_identity() -> RuntimeIdentity:
    """What is known without asking anybody."""
    node = this_head_node()
    installed = NodeInstall.load(config_dir() / RECORD)
    return RuntimeIdentity(
        version=__version__,
        python=platform.python_version(),
        executable=sys.executable,
        package=_PACKAGE,
        resources=resources_dir(),
        cluster=node.cluster if node else "",
        region=node.region if node else "",
        release=installed.release if installed else "",
        current=installed.release in Path(sys.prefix).resolve().parts if installed else None,
        bootstrapped=os.environ.get("DAYLILY_EC_HEADNODE_BOOTSTRAPPED") == "1",
        day_clone=shutil.which("day-clone") or "",
        installed=installed,
    )
