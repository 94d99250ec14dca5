"""What is written down about each box, so that other processes can find and enter it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from daylily_ec.localcloud.nodes.sandbox import Box, BoxError

BOXES = "boxes"
RECORD = "box.json"
LOGIN = "/opt/localcloud/bin/as-user -l ubuntu"


@dataclass(frozen=True, slots=True)
class BoxRecord:
    """A box on disk; `pid` and `started` are those of its first process."""

    instance_id: str
    cluster: str
    region: str
    pid: int
    started: int

    @property
    def box(self) -> Box:
        """The box, which may be dead."""
        return Box(self.pid, self.started)


def box_directory(root: Path, instance_id: str) -> Path:
    """Directory of one box below the local cloud's root."""
    return root / BOXES / instance_id


def write_record(root: Path, record: BoxRecord) -> None:
    """Store the record, replacing an older one."""
    path = box_directory(root, record.instance_id) / RECORD
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(record)), encoding="utf-8")
    fresh.replace(path)


def records(root: Path) -> Iterator[BoxRecord]:
    """Every box whose record can be read, dead ones included."""
    for path in sorted((root / BOXES).glob(f"*/{RECORD}")):
        yield BoxRecord(**json.loads(path.read_text(encoding="utf-8")))


def shell_argv(root: Path, node: str) -> list[str]:
    """Argument vector of an interactive login shell of ubuntu on a head node, by instance id or cluster name.

    Works from any process of the same user. Raises BoxError when there is no such running node.
    """
    for record in records(root):
        if node in (record.instance_id, record.cluster) and record.box.alive:
            # script gives the shell a terminal of the box's own: tmux does not find the caller's in there.
            variables = (f"TERM={os.environ.get('TERM', 'xterm')}", "SHELL=/bin/bash", "PATH=/usr/bin:/bin")
            shell = ("/usr/bin/script", "--quiet", "--return", "--command", LOGIN, "/dev/null")
            return [*record.box.enter(), "/usr/bin/env", "-i", *variables, *shell]
    raise BoxError(f"no head node {node} runs here")
