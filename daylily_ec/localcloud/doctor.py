"""What head nodes and the demonstration need on this machine, and one command that installs what is missing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.errors import DyecError
from daylily_ec.localcloud.nodes import needs
from daylily_ec.localcloud.nodes.needs import Program

DEMO_PROGRAMS = (
    Program("fastp", "the demonstration: trimming reads", "fastp"),
    Program("bwa", "the demonstration: aligning reads", "bwa"),
    Program("samtools", "the demonstration: sorting alignments", "samtools"),
    Program("bcftools", "the demonstration: calling variants", "bcftools"),
)
SERVICES = ("munge", "slurmctld", "slurmd")
"""Units of the packages above; boxes run their own daemons, the machine needs none."""
POLICY = Path("/usr/sbin/policy-rc.d")
DENY = "#!/bin/sh\nexit 101\n"
"""Answer with which invoke-rc.d starts nothing (https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt)."""
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=120")
Run = Callable[[Sequence[str]], None]


class CannotInstall(DyecError):
    """The missing packages cannot be installed from here."""

    code = "toolchain"
    exit_code = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is needed: `found` is where it is (empty when missing), `group` is `nodes` or `demo`."""

    name: str
    ok: bool
    found: str
    purpose: str
    package: str
    group: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is needed; `command` installs what is missing, empty when nothing is."""

    rows: tuple[Row, ...]
    command: str

    @property
    def missing(self) -> tuple[Row, ...]:
        """The rows that are not fulfilled."""
        return tuple(row for row in self.rows if not row.ok)


Find = Callable[[str], str | None]


def check(find: Find = needs.find, namespaces_work: Callable[[], bool] = needs.namespaces_work) -> Report:
    """Look at this machine; nothing is changed."""
    rows = [_row(program, find, "nodes") for program in needs.PROGRAMS]
    rows += [_row(program, find, "demo") for program in DEMO_PROGRAMS]
    works = find("bwrap") is not None and namespaces_work()
    rows.append(
        Row(
            "user namespaces",
            works,
            "enabled" if works else "",
            "the users root and ubuntu of a head node",
            "",
            "nodes",
        )
    )
    return Report(tuple(rows), install_command(rows))


def _row(program: Program, find: Find, group: str) -> Row:
    found = find(program.name) or ""
    return Row(program.name, bool(found), found, program.purpose, program.package, group)


def _packages(rows: Sequence[Row]) -> list[str]:
    return sorted({row.package for row in rows if not row.ok and row.package})


def install_command(rows: Sequence[Row]) -> str:
    """One line for a root shell on Debian or Ubuntu; empty when no package is missing."""
    packages = _packages(rows)
    if not packages:
        return ""
    return f"apt-get update && apt-get install --no-install-recommends -y {' '.join(packages)}"


def install(run: Run | None = None, look: Callable[[], Report] = check, policy: Path = POLICY) -> Report:
    """Install what is missing, as root on Debian or Ubuntu, and start no daemon; returns the report after it.

    Raises CannotInstall when something is still missing.
    """
    before = look()
    packages = _packages(before.rows)
    if packages:
        _require_apt(before)
        with _no_daemons(policy):
            for command in ((*APT, "update"), (*APT, "install", "--no-install-recommends", "-y", *packages)):
                (run or _run)(command)
        _disable_services(packages, run or _run)
    after = look()
    if after.missing:
        names = ", ".join(row.name for row in after.missing)
        raise CannotInstall(
            f"head nodes cannot run here: still missing after the installation: {names}.",
            hint=needs.unavailable() or "",
        )
    return after


def _require_apt(report: Report) -> None:
    if os.geteuid() != 0:
        raise CannotInstall("packages are missing and only root can install them.", hint=f"as root: {report.command}")
    if shutil.which("apt-get") is None:
        names = ", ".join(row.name for row in report.missing)
        raise CannotInstall(
            f"this is neither Debian nor Ubuntu; missing: {names}.", hint="install them with your package manager"
        )


def _run(command: Sequence[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise CannotInstall(
            f"{' '.join(command)} failed with exit code {done.returncode}.", details={"output": last}, hint=last
        )


@contextlib.contextmanager
def _no_daemons(policy: Path) -> Iterator[None]:
    before = policy.read_bytes() if policy.exists() else None
    mode = policy.stat().st_mode if before is not None else 0o755
    policy.write_text(DENY, encoding="utf-8")
    policy.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            policy.unlink(missing_ok=True)
        else:
            policy.write_bytes(before)
            policy.chmod(mode)


def _disable_services(packages: Sequence[str], run: Run) -> None:
    # Installed but not started; without this the next boot of the machine would start them.
    units = [unit for unit in SERVICES if unit in packages]
    if units and Path("/run/systemd/system").is_dir():
        run(("systemctl", "disable", "--now", *units))
