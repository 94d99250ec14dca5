"""Whether this machine can run boxes: the programs, and user namespaces that really work."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

SEARCH_PATH = os.pathsep.join(("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
PROBE_SECONDS = 10
INSTALL = "apt-get update && apt-get install --no-install-recommends -y"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that boxes need, what for, and the Debian or Ubuntu package that holds it."""

    name: str
    purpose: str
    package: str


PROGRAMS = (
    Program("bwrap", "one sandbox per head node", "bubblewrap"),
    Program("nsenter", "running commands in a head node", "util-linux"),
    Program("unshare", "the user ubuntu in a head node", "util-linux"),
    Program("setsid", "Slurm nodes that outlive their start script", "util-linux"),
    Program("slurmctld", "the cluster's scheduler", "slurmctld"),
    Program("slurmd", "the cluster's compute nodes", "slurmd"),
    Program("sbatch", "submitting jobs", "slurm-client"),
    Program("munged", "authentication between Slurm's daemons", "munge"),
    Program("tmux", "sessions that outlive a connection", "tmux"),
    Program("git", "cloning workflow repositories", "git"),
    Program("jq", "the records of sessions on a head node", "jq"),
    Program("ps", "ending what a session has started", "procps"),
    Program("curl", "downloads to a head node", "curl"),
)


def find(program: str) -> str | None:
    """Path of a program; system directories count even when PATH leaves them out."""
    return shutil.which(program) or shutil.which(program, path=SEARCH_PATH)


@cache
def _namespaces_work() -> bool:
    probe = (
        "--unshare-user",
        "--uid",
        "0",
        "--gid",
        "0",
        "--unshare-pid",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--cap-add",
        "ALL",
    )
    inside = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "true")
    command = (find("bwrap") or "bwrap", *probe, "--", *inside)
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def namespaces_work() -> bool:
    """Whether a box with a user ubuntu can be made; only the good answer is remembered."""
    works = _namespaces_work()
    if not works:
        _namespaces_work.cache_clear()
    return works


def missing() -> tuple[Program, ...]:
    """The programs that are not here."""
    return tuple(program for program in PROGRAMS if find(program.name) is None)


def unavailable() -> str | None:
    """Why boxes cannot run here, with what helps, or None."""
    absent = missing()
    if absent:
        packages = " ".join(sorted({program.package for program in absent}))
        return f"not installed: {', '.join(program.name for program in absent)} (as root: {INSTALL} {packages})"
    if not namespaces_work():
        return (
            "user namespaces do not work here (as root: sysctl -w user.max_user_namespaces=15000 "
            "kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0, whichever exist)"
        )
    return None
