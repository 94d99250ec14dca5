"""The end of a head node's boot: fetch the OnNodeConfigured scripts, run them as root, report as ParallelCluster does.

The words of the reports are those that `pcluster` looks for in the wait condition's reason
(https://docs.aws.amazon.com/parallelcluster/latest/ug/troubleshooting-v3-cluster-deployment.html).
"""

from __future__ import annotations

import io
import subprocess
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from daylily_ec.localcloud.nodes.commands import exit_code, start
from daylily_ec.localcloud.nodes.sandbox import Box
from daylily_ec.localcloud.seams import BootResult, BootScript

READY = "HeadNode setup complete"
HINT = (
    "Please check /var/log/cfn-init.log in the head node, or check the cfn-init.log in CloudWatch logs. "
    "Please refer to https://docs.aws.amazon.com/parallelcluster/latest/ug/troubleshooting-v3.html"
    "#troubleshooting-v3-get-logs for more details on ParallelCluster logs."
)
EVENT = "OnNodeConfigured"
TAIL_LINES = 50
HTTP_SECONDS = 60
DRAIN_SECONDS = 2.0
LOGS = ("var/log/cloud-init-output.log", "var/log/cfn-init.log")


class FetchError(RuntimeError):
    """A boot script could not be had; the text is the cause."""


class S3Objects(Protocol):
    """Reads objects with the node's own access."""

    def read(self, bucket: str, key: str, region: str) -> bytes:
        """Content of an object; raises FetchError."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot: where it happens, what its scripts see, who hears of it."""

    box: Box
    rootfs: Path
    region: str
    environment: Mapping[str, str]
    objects: S3Objects
    log: Callable[[str], None]

    def run(self, scripts: tuple[BootScript, ...]) -> BootResult:
        """Run the scripts in order; the first failure ends the boot."""
        for number, script in enumerate(scripts, 1):
            try:
                content = self._fetch(script.uri)
            except FetchError as error:
                return self._fail("download", number, script.uri, "using aws s3", 1, (str(error),))
            code, tail = self._execute(number, script, content)
            if code != 0:
                return self._fail("execute", number, script.uri, "", code, tail)
        self.write(READY)
        return BootResult(True, READY, 0)

    def write(self, line: str) -> None:
        """Append a line to the node's boot logs and tell the listener."""
        for name in LOGS:
            with (self.rootfs / name).open("a", encoding="utf-8") as out:
                out.write(line + "\n")
        self.log(line)

    def _fetch(self, uri: str) -> bytes:
        parts = urlsplit(uri)
        if parts.scheme == "s3":
            return self.objects.read(parts.netloc, parts.path.lstrip("/"), self.region)
        if parts.scheme != "https":
            raise FetchError("URL must be an s3 or HTTPs.")
        try:
            with urllib.request.urlopen(uri, timeout=HTTP_SECONDS) as answer:
                content: bytes = answer.read()
        except (OSError, urllib.error.URLError) as error:
            raise FetchError(str(error)) from error
        return content

    def _execute(self, number: int, script: BootScript, content: bytes) -> tuple[int, tuple[str, ...]]:
        name = f"tmp/on-node-configured-{number}"
        path = self.rootfs / name
        path.write_bytes(content)
        path.chmod(0o700)
        arguments = " ".join(f'"{argument}"' for argument in script.args)
        environment = {
            **self.environment,
            "HOME": "/root",
            "cfn_postinstall": f'"{script.uri}"',
            "cfn_postinstall_args": f"({arguments})",
        }
        argv = start(self.box, (f"/{name}", *script.args), environment=environment, directory="/tmp")
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
        reader = threading.Thread(target=self._follow, args=(process, tail), daemon=True)
        reader.start()
        process.wait()
        # A background process of the script may hold the pipe for ever.
        reader.join(DRAIN_SECONDS)
        path.unlink(missing_ok=True)
        return exit_code(process.returncode), tuple(tail)

    def _follow(self, process: subprocess.Popen[bytes], tail: deque[str]) -> None:
        with process.stdout or io.BytesIO() as lines:
            for raw in lines:
                tail.append(raw.decode("utf-8", "replace").rstrip("\r\n"))
                self.write(tail[-1])

    def _fail(self, what: str, number: int, uri: str, how: str, code: int, tail: tuple[str, ...]) -> BootResult:
        end = f"{how}." if what == "download" else f"return code: {code}."
        glue = " " if what == "download" else ", "
        # The log names the script; what CloudFormation is told does not, because URIs may hold secrets.
        self.write(f"fetch_and_run - Failed to {what} {EVENT} script {number} {uri}{glue}{end} {HINT}")
        reason = f"fetch_and_run - Failed to {what} {EVENT} script {number}{glue}{end} {HINT}"
        report = self.rootfs / "var/log/parallelcluster/bootstrap_error_msg"
        report.write_text(reason + "\n", encoding="utf-8")
        return BootResult(False, reason, code, tail)
