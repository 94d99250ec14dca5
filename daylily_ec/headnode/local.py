"""The transport without a network: for everybody who is on the head node."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from daylily_ec.errors import DeadlinePassed, RemoteCommandFailed
from daylily_ec.headnode.remote import CLUSTER_USER, WRONG_USER, RemoteResult, RemoteScript

CFNCONFIG = Path("/etc/parallelcluster/cfnconfig")
"""What ParallelCluster writes on every node: `cfn_node_type`, `stack_name`, `cfn_region` and more."""


@dataclass(frozen=True, slots=True)
class ThisNode:
    """The cluster whose head node this machine is."""

    cluster: str
    region: str


def this_head_node(cfnconfig: Path = CFNCONFIG) -> ThisNode | None:
    """The cluster of this machine when it is a head node, else None."""
    try:
        text = cfnconfig.read_text()
    except OSError:
        return None
    pairs = (line.partition("=") for line in text.splitlines())
    values = {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    if values.get("cfn_node_type") != "HeadNode":
        return None
    return ThisNode(values.get("stack_name", ""), values.get("cfn_region", ""))


class LocalRemote:
    """`Remote` on this machine, for the user that must run scripts; any other user is refused."""

    def __init__(self, user: str = CLUSTER_USER, env: Mapping[str, str] | None = None) -> None:
        self._user = user
        self._env = dict(os.environ if env is None else env)

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        """Run a script; see `Remote.run`."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        if user != self._user:
            raise RemoteCommandFailed(
                f"{script.name} must run as {self._user}, not as {user}.",
                hint=f"Log in as {self._user}.", details={"exit_code": WRONG_USER},
            )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="dyec.") as folder:
            path = Path(folder, "script")
            path.write_text(script.with_parameters(env))
            with Path(folder, "stdout").open("w+b") as out, Path(folder, "stderr").open("w+b") as err:
                code = self._execute(script.name, path, (out, err), timeout)
                out.seek(0)
                err.seek(0)
                return RemoteResult(code, out.read().decode(errors="replace"), err.read().decode(errors="replace"))

    def _execute(self, name: str, path: Path, outputs: tuple[IO[bytes], IO[bytes]], timeout: float) -> int:
        """Outputs are files, not pipes: a background process that keeps them open must not keep us waiting."""
        argv = ["bash", "-l", str(path)]
        process = subprocess.Popen(
            argv, env=self._env, stdin=subprocess.DEVNULL, stdout=outputs[0], stderr=outputs[1], start_new_session=True
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired as exc:
            raise DeadlinePassed(f"{name} did not end within {timeout:.0f} s") from exc
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
