"""A head node that answers the launch, status and log scripts from prepared text, and remembers what it was asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.catalog.loader import load_catalog
from daylily_ec.catalog.models import Catalog
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import DyecError
from daylily_ec.headnode import readiness
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript

ROOT = "/fsx/analysis_results/"
CATALOG: Catalog = load_catalog()


@dataclass
class Node:
    """`Remotes` and `Remote` in one."""

    refusal: tuple[str, str] | None = None
    stages: tuple[str, ...] = ()
    not_ready: tuple[str, ...] = ()
    overrides: str = "none"
    answers: list[RemoteResult | DyecError] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sent: list[tuple[RemoteScript, dict[str, str]]] = field(default_factory=list)

    def connect(self, cluster: ClusterView) -> Remote:
        return self

    def here(self, name: ClusterName) -> Remote | None:
        return None

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        self.asked.append((f"{script.name} {env.get('DYEC_MODE', '')}".strip(), dict(env)))
        self.sent.append((script, dict(env)))
        if script.name == "readiness":
            found = {readiness.OVERRIDES: self.overrides}
            lines = (f"{name} {self._verdict(name)} {found.get(name, 'seen')}\n" for name in readiness.TESTS)
            return RemoteResult(0, "".join(lines), "")
        if script.name == "list_stages":
            return RemoteResult(0, "".join(f"{name}\n" for name in self.stages), "")
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, DyecError):
                raise answer
            return answer
        if self.refusal is not None:
            return RemoteResult(8, f"__DAYLILY_ERROR__={self.refusal[0]}\n", f"{self.refusal[1]}\n")
        return RemoteResult(0, _markers(env), "")

    def _verdict(self, name: str) -> str:
        return "bad" if name in self.not_ready else "ok"


def _markers(env: Mapping[str, str]) -> str:
    repo = f"{env['DYEC_ANALYSIS_ROOT']}{env['DYEC_ENTITY']}/{env['DYEC_ANALYSIS_ID']}/{env['DYEC_FOLDER']}"
    values = {"RUN_DIR": f"/home/ubuntu/daylily-runs/{env['DYEC_SESSION']}", "REPO_PATH": repo}
    if env["DYEC_MODE"] == "launch":
        values |= {"SESSION": env["DYEC_SESSION"], "TMUX_SESSION": env["DYEC_SESSION"], "COMMIT": "c" * 40}
    return "".join(f"__DAYLILY_{name}__={value}\n" for name, value in values.items())


def status(
    phase: str = "running", exit_code: int | None = None, controller: str = "alive", **more: Any
) -> RemoteResult:
    """An answer of the status script."""
    writer = {"boot_id": "b", "controller_pid": 7, "controller_start": 9}
    record = {"phase": phase, "exit_code": exit_code, "session_name": "s1", "command": "run it", **writer, **more}
    facts = (
        f"run_dir=/home/ubuntu/daylily-runs/s1\ntmux=alive\ncontroller={controller}\ncommand=gone\n"
        "controller_id=b 7 9\nanalysis=present\njobs=known\n--\n"
    )
    return RemoteResult(0, facts + json.dumps(record), "")


def log(start: int, text: bytes, *, more: bool = False, rotated: bool = False, ended: str = "-") -> RemoteResult:
    """An answer of the log script."""
    header = f"11 {start} {start + len(text)} {int(more)} {int(rotated)} {ended} 3:abc"
    return RemoteResult(0, f"{header}\n{base64.b64encode(text).decode()}", "")
