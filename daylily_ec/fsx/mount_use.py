"""Who uses a mount, as the head node sees it: live sessions, Slurm's jobs, processes, and links of analyses into it.

What cannot be looked at counts as unknown, never as unused.  A job that builds the path in another way than by its
working directory, its script or the links of its analysis is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from daylily_ec.domain.fsxpath import ANALYSIS_ROOT, FsxPath
from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.runs import session_script

ASK_S = 120
ANALYSES = FsxPath(ANALYSIS_ROOT).on_node


@dataclass(frozen=True, slots=True)
class MountUse:
    """`used_by` and `unknown` are sentences for people; `links` are analysis directories in which nothing runs."""

    used_by: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


def ask(remote: Remote, mount: PurePosixPath, analyses: PurePosixPath = ANALYSES) -> MountUse:
    """Ask the node; `RemoteCommandFailed` when it cannot tell."""
    env = {"DYEC_MOUNT": str(mount), "DYEC_ANALYSES": str(analyses)}
    result = remote.run(session_script("mount_use"), env, ASK_S)
    return parse(result.require_success(f"Looking for users of {mount}").stdout)


def parse(text: str) -> MountUse:
    """The answer of `mount_use.sh`; one without its end, or with a word of another language, is an error."""
    lines = text.splitlines()
    found: dict[str, list[str]] = {"use": [], "unknown": [], "link": []}
    if not lines or lines.pop() != "done" or any(line.partition(" ")[0] not in found for line in lines):
        raise RemoteCommandFailed("The node's answer about users of the mount is not understood.",
                                  details={"stdout": text[:2000]})  # fmt: skip
    for line in lines:
        word, _, what = line.partition(" ")
        found[word].append(what)
    return MountUse(*(tuple(dict.fromkeys(found[word])) for word in ("use", "unknown", "link")))
