"""Whether a head node can run workflows: every test has a name, what was found, and what to do when it does not hold.

What a launch cannot do without FAILs; what only some workflows use (containers, conda, Cromwell) or what is mere
comfort WARNs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from daylily_ec.domain.checks import Status
from daylily_ec.errors import Refused, RemoteCommandFailed
from daylily_ec.headnode.remote import CLUSTER_USER, Remote, RemoteScript

FSX = "/fsx"
CHECK_S = 120
OVERRIDES = "overrides"
_CONFIGURE = "dyec headnode configure"
_BOOT_LOG = "read the boot log below /fsx/logs, and make the cluster again when the boot failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One test: its name, how it ended, what was found on the node, and the fix (empty on PASS)."""

    name: str
    status: Status
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class _Test:
    """What is known of a test beforehand: how it ends when it does not hold, and the fix."""

    otherwise: Status
    fix: str


def _must(fix: str) -> _Test:
    return _Test(Status.FAIL, fix)


def _should(fix: str) -> _Test:
    return _Test(Status.WARN, fix)


TESTS = {
    "node": _must("run it against the head node of a cluster"),
    "user": _must(f"log in as {CLUSTER_USER}"),
    "home": _must(f"make the home directory writable for {CLUSTER_USER}"),
    "fsx": _must("mount the file system: sudo mount /fsx; look at it with: dyec headnode info"),
    "analysis-root": _must("sudo install -d -m 0777 /fsx/analysis_results"),
    "references": _must("look at the reference association with: dyec mounts list"),
    "data-link": _must("ln -sfn /fsx/references /fsx/data"),
    "tools": _must("sudo apt-get install -y git tmux jq util-linux coreutils"),
    "slurm": _must("look at the controller: sudo systemctl status slurmctld"),
    "bootstrap": _must(_CONFIGURE),
    "dyec": _must(_CONFIGURE),
    "day-clone": _must(_CONFIGURE),
    OVERRIDES: _should(f"versions of the catalog are launched; write the record again: {_CONFIGURE}"),
    "runtime-assets": _should("move /fsx/runtime_assets away; the assets lie below /fsx/references"),
    "apptainer": _should("only containers need it; publish it below the reference prefix's runtime_assets/cached_envs"),
    "cromwell": _should("only WDL needs it; publish it below runtime_assets/tool_specific_resources"),
    "womtool": _should("only WDL needs it; publish it below runtime_assets/tool_specific_resources"),
    "conda-cache": _should("only conda environments need it; publish it below runtime_assets/cached_envs"),
    "conda-environments": _should(_BOOT_LOG),
    "containers": _should(_BOOT_LOG),
    "conda": _should(f"only workflows with conda environments need it; with internet access: {_CONFIGURE}"),
    "flow-control": _should(f"put this into ~/.bashrc: stty -ixon; or run: {_CONFIGURE}"),
}
"""Every test of `readiness.sh`, in its order."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """All findings of one node."""

    cluster: str
    findings: tuple[Finding, ...]

    @property
    def status(self) -> Status:
        """The worst status of all."""
        seen = {finding.status for finding in self.findings}
        return next(status for status in (Status.FAIL, Status.WARN, Status.PASS) if status in seen)

    def to_json(self) -> dict[str, object]:
        """Its fields and the worst status."""
        return {"cluster": self.cluster, "status": self.status, "findings": list(self.findings)}


def check(remote: Remote) -> tuple[Finding, ...]:
    """Every test, in the order of `TESTS`; a test that gave no answer counts as one that does not hold."""
    script = RemoteScript.packaged("readiness")
    result = remote.run(script, {"DYEC_FSX": FSX, "DYEC_USER": CLUSTER_USER}, CHECK_S)
    return parse(result.require_success("The readiness check").stdout)


def parse(text: str) -> tuple[Finding, ...]:
    """The findings in the output of `readiness.sh`; `RemoteCommandFailed` for a test that nobody knows."""
    answers: dict[str, tuple[bool, str]] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        verdict, _, found = rest.partition(" ")
        if name not in TESTS or verdict not in ("ok", "bad"):
            raise RemoteCommandFailed(f"The readiness check gave an answer that is not understood: {line!r}")
        answers[name] = (verdict == "ok", found.strip())
    return tuple(_finding(name, test, *answers.get(name, (False, "no answer"))) for name, test in TESTS.items())


def _finding(name: str, test: _Test, holds: bool, found: str) -> Finding:
    return Finding(name, Status.PASS, found) if holds else Finding(name, test.otherwise, found, test.fix)


def failures(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Those without which nothing can be launched."""
    return tuple(finding for finding in findings if finding.status is Status.FAIL)


def overrides(findings: tuple[Finding, ...]) -> dict[str, str]:
    """Repository key -> the reference that the node was configured to clone instead of its catalog's."""
    words = next((one.found.split() for one in findings if one.name == OVERRIDES), [])
    return {key: ref for key, colon, ref in (word.partition(":") for word in words) if colon}


def require(readiness: Readiness) -> Readiness:
    """Itself, or `Refused` (code `head_node_not_ready`) that names each failed test, what was found, and the fix."""
    failed = failures(readiness.findings)
    if not failed:
        return readiness
    named = "; ".join(f"{finding.name} ({finding.found})" for finding in failed)
    raise Refused(
        f"The head node of {readiness.cluster} is not ready: {named}.", code="head_node_not_ready",
        hint=f"{failed[0].fix}; every test and its fix: dyec headnode doctor",
        details={"cluster": readiness.cluster, "failed": [finding.name for finding in failed],
                 "findings": [asdict(finding) for finding in readiness.findings]},
        evidence=readiness,
    )  # fmt: skip
