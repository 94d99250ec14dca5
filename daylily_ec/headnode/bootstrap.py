"""Puts dyec on a head node: asks what fits it, publishes a bundle beside the boot files, installs it from there.

A node needs nothing but S3 through its instance profile and a Python 3.11 or 3.12.  The images of ParallelCluster
3.13 for Ubuntu 22.04 have Python 3.10 as python3 and Python 3.12 below /opt/parallelcluster/pyenv, which their own
programs use; the probe finds it there.  Images with neither get a clear refusal.  Wheels are fetched for the node's
own Python, machine and glibc, so those of the operator's machine may differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import Refused, RemoteCommandFailed, ValidationError
from daylily_ec.headnode.bundle import PYTHONS, SUMS, Bundle, NodeTarget
from daylily_ec.headnode.remote import Remote, RemoteScript
from daylily_ec.headnode.site_files import SiteFiles
from daylily_ec.util.pool import gather

PROBE_S = 60
INSTALL_S = 1800
FAILED = 70
"""Exit code of the script when a step failed."""
BOOT_FOLDER = "cluster_boot_config"
CONDA_URL = "https://repo.anaconda.com/miniconda/Miniconda3-py312_25.1.1-2-Linux-x86_64.sh"
CONDA_SHA256 = "4766d85b5f7d235ce250e998ebb5a8a8210cbd4f2b0fea4d2177b3ed9ea87884"
"""The installer's sum as its publisher's archive lists it."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a bundle must fit: `python` is the interpreter's path, `release` what is installed (empty: nothing).

    `boot_folder` is the prefix below which the cluster's own boot files lie.
    """

    target: NodeTarget
    python: str
    release: str
    boot_folder: S3Prefix


def probe(remote: Remote) -> NodeFacts:
    """Ask the node; `ValidationError` (code `head_node_unfit`) when dyec cannot be installed on it."""
    result = remote.run(RemoteScript.packaged("configure_probe"), {}, PROBE_S).require_success("The probe")
    values = {name: value for name, _, value in (line.partition("=") for line in result.stdout.splitlines())}
    try:
        script, version, python = values["boot_script"], values["python_version"], values["python"]
        machine, glibc, release, aws = (values[name] for name in ("machine", "glibc", "release", "aws"))
    except KeyError as error:
        raise RemoteCommandFailed(f"The head node's answer lacks {error}.", details={"stdout": result.stdout}) from None
    if not python:
        wanted = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        raise _unfit(f"it has no Python {wanted}: python3 is {version or 'absent'}",
                     "Use an image of ParallelCluster 3.13 or later, or install such a Python on it.")  # fmt: skip
    if not aws:
        raise _unfit("the aws program is not on PATH", "Install the AWS CLI on it.")
    return NodeFacts(NodeTarget.parse(version, machine, glibc), python, release, _boot_folder(script))


def _unfit(why: str, hint: str) -> ValidationError:
    return ValidationError(f"dyec cannot be installed on the head node: {why}.", code="head_node_unfit", hint=hint)


def _boot_folder(script: str) -> S3Prefix:
    head, found, _ = script.partition(f"/{BOOT_FOLDER}/")
    if not found:
        raise _unfit(f"its boot script {script or '(none)'} does not lie below {BOOT_FOLDER}/",
                     "Only clusters that dyec made can be configured.")  # fmt: skip
    return S3Prefix.parse(head, "boot script").child(BOOT_FOLDER)


def publish(s3: S3Api, folder: S3Prefix, bundle: Bundle) -> tuple[S3Prefix, int]:
    """The bundle's prefix, and how many objects had to be stored: none when it is there already.

    Every object is written on condition that it does not exist, the list of sums last: whoever sees that sees all.
    """
    prefix = folder.child(bundle.release)
    sums = bundle.sums.encode()
    found = s3.head(prefix.bucket, prefix.object_key(SUMS))
    if found is not None and found.size == len(sums):
        return prefix, 0

    def store(name: str) -> bool:
        body = bundle.files[name]
        raw = body if isinstance(body, bytes) else body.read_bytes()
        return s3.put_if_absent(prefix.bucket, prefix.object_key(name), raw)

    stored = gather(store, sorted(bundle.files))
    if not s3.put_if_absent(prefix.bucket, prefix.object_key(SUMS), sums) and found is not None:
        raise Refused(f"{prefix.object_uri(SUMS)} is not what this release publishes.", code="boot_config_changed",
                      hint="Somebody replaced it; look at it and remove it.")  # fmt: skip
    return prefix, sum(stored) + 1


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step on the node; `status` is done, unchanged, skipped, unreachable or failed."""

    name: str
    status: str
    seconds: float
    found: str = ""


def install(
    remote: Remote, facts: NodeFacts, settings: SiteFiles, *, conda: bool, deadline: float = INSTALL_S
) -> tuple[StepReport, ...]:
    """Run every step on the node; `RemoteCommandFailed` (code `configure_failed`) names the step that failed."""
    wanted = settings.install
    env = {
        "DYEC_BUNDLE": wanted.bundle, "DYEC_RELEASE": wanted.release, "DYEC_DIGEST": wanted.digest,
        "DYEC_PYTHON": facts.python, "DYEC_SETTINGS": settings.text, "DYEC_CONDA": str(int(conda)),
        "DYEC_CONDA_URL": CONDA_URL, "DYEC_CONDA_SHA256": CONDA_SHA256,
    }  # fmt: skip
    result = remote.run(RemoteScript.packaged("configure"), env, deadline)
    steps = parse_steps(result.stdout)
    if result.exit_code == FAILED and steps and steps[-1].status == "failed":
        raise RemoteCommandFailed(
            f"Step {steps[-1].name} failed on the head node: {steps[-1].found or result.stderr.strip()}",
            code="configure_failed", hint="Correct the cause, then: dyec headnode configure",
            details={"step": steps[-1].name, "steps": steps, "stderr": result.stderr},
        )  # fmt: skip
    result.require_success("The configuration", hint="dyec headnode configure")
    return steps


def parse_steps(text: str) -> tuple[StepReport, ...]:
    """The reports in the output of `configure.sh`; a step's own output may fill several lines."""
    steps: list[StepReport] = []
    for line in text.splitlines():
        words = line.split(" ", 3)
        if len(words) >= 3 and words[2].isdigit() and words[1] in _STATUSES:
            found = words[3] if len(words) > 3 else ""
            steps.append(StepReport(words[0], words[1], int(words[2]) / 1000, found))
        elif steps:
            steps[-1] = StepReport(steps[-1].name, steps[-1].status, steps[-1].seconds,
                                   f"{steps[-1].found}\n{line}".strip())  # fmt: skip
    return tuple(steps)


_STATUSES = frozenset({"done", "unchanged", "skipped", "unreachable", "failed"})
