"""Has the manifest of an analysis directory made on its node, and keeps it beside the exported data.

A run on the node does not depend on who waits for it: whoever asks next for the same directory goes on waiting, and a
run that died is gone on with from the digests it left.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from daylily_ec.aws.s3 import ContentApi
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import CorruptFile, DyecError, NotFound, RemoteCommandFailed, ValidationError
from daylily_ec.fsx import manifest
from daylily_ec.fsx.inventory import Inventory, TreeEntry
from daylily_ec.fsx.manifest import Manifest, Record
from daylily_ec.fsx.obstacles import MONITOR, Obstacle, Rules, Why
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.util.clock import Clock, wait_until
from daylily_ec.util.progress import Reporter

TIMEOUT_S = 48 * 3600.0
"""Terabytes take hours; a run that takes longer goes on, and the next call waits for it."""
_WAIT_S = 15
"""So long the node itself waits before it answers: small directories need one question."""
_ANSWER_S = 900.0
_NO_DIRECTORY, _NOT_CONFIGURED, _NOT_TAKEN = 66, 67, 68
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RunReport:
    """What the node says of a run: `state` is running, done, blocked, failed or died; `job` its Slurm job and state."""

    run: str
    state: str
    job: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    packed: bytes = b""
    log: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state != "running"

    def __str__(self) -> str:
        if not self.progress or self.progress["phase"] == "walking":
            return f"job {self.job}" if self.job else "reading the directory"
        seen = self.progress
        if seen["phase"] == "checking":
            return "looking once more"
        return f"{seen['files_done']:,} of {seen['files']:,} files, {seen['bytes_done']:,} of {seen['bytes']:,} bytes"


def make_manifest(
    remote: Remote, directory: PurePosixPath, *, clock: Clock, reporter: Reporter, destination: S3Prefix | None = None,
    hash_on: str | None = None, allow_run_links: bool = False, timeout: float = TIMEOUT_S,
) -> Manifest:  # fmt: skip
    """The manifest of `directory` as it is after this call began, made on the node or by a job in partition `hash_on`.

    Raises `NotFound` (code `analysis_not_found`); `ValidationError` with code `being_written` when somebody writes to
    the directory, else `unexportable`, and every obstacle in the details; `RemoteCommandFailed` when the run died;
    `DeadlinePassed` after `timeout` seconds (the run goes on).
    """
    rules = Rules(str(directory), len(destination.key.encode()) if destination else 0, allow_run_links)
    asked = _Asked(remote, rules, hash_on or "")
    what = f"the manifest of {directory}"
    report = wait_until(
        asked.poll, done=lambda seen: seen.is_over, what=what, deadline=timeout, first=0.5, every=5.0, clock=clock,
        observe=lambda seen, elapsed: None if seen.is_over else reporter.waiting(what, str(seen), elapsed),
    )  # fmt: skip
    return _concluded(report, rules)


class _Asked:
    """One question put again and again: the run it is about, once another's was adopted, is that one."""

    def __init__(self, remote: Remote, rules: Rules, partition: str) -> None:
        self._remote = remote
        self._rules = rules
        self._partition = partition
        self._run = secrets.token_hex(8)

    def poll(self) -> RunReport:
        env = {
            "DYEC_DIRECTORY": self._rules.directory, "DYEC_RUN": self._run, "DYEC_PARTITION": self._partition,
            "DYEC_PREFIX_BYTES": str(self._rules.prefix_bytes), "DYEC_WAIT": str(_WAIT_S),
            "DYEC_ALLOW_RUN_LINKS": str(int(self._rules.allow_run_links)),
        }  # fmt: skip
        result = self._remote.run(RemoteScript.packaged("inventory"), env, _ANSWER_S)
        report = parse_report(_accepted(result, self._rules.directory))
        self._run = report.run
        return report


def _accepted(result: RemoteResult, directory: str) -> RemoteResult:
    if result.exit_code == _NO_DIRECTORY:
        raise NotFound(f"There is no analysis directory {directory} on the head node.", code="analysis_not_found")
    if result.exit_code == _NOT_CONFIGURED:
        raise RemoteCommandFailed(
            f"The head node cannot make manifests: {result.stderr.strip()}", code="head_node_not_configured",
            hint="Install this release on it: dyec headnode configure",
        )  # fmt: skip
    hint = "Name a partition that sinfo shows." if result.exit_code == _NOT_TAKEN else ""
    return result.require_success(f"Making the manifest of {directory}", hint=hint)


def parse_report(result: RemoteResult) -> RunReport:
    """The report in the answer of `inventory`; `RemoteCommandFailed` for one that is not understood."""
    head, _, body = result.stdout.partition("\n--\n")
    values = dict(line.partition("=")[::2] for line in head.splitlines())
    try:
        return RunReport(
            values["run"], values["state"], values["job"], json.loads(values.get("progress", "{}")),
            json.loads(values.get("result", "{}")), base64.b64decode(body, validate=True), result.stderr.strip(),
        )  # fmt: skip
    except (KeyError, ValueError) as error:
        raise RemoteCommandFailed(f"The head node's report about the manifest is not understood: {error!r}.",
                                  details={"stdout": result.stdout[:2000]}) from error  # fmt: skip


def _concluded(report: RunReport, rules: Rules) -> Manifest:
    if report.state == "blocked":
        found = [Obstacle.from_json(item) for item in report.result["obstacles"]]
        raise blocked(rules.directory, found, report.result["total"])
    if report.state != "done":
        why = report.result.get("error", "it was killed")
        raise RemoteCommandFailed(
            f"The manifest of {rules.directory} was not made: {why}" + (f"\n{report.log}" if report.log else ""),
            code="manifest_failed", hint="Run it again; what was hashed is kept.", details={"log": report.log},
        )  # fmt: skip
    made = manifest.parse(report.packed, source=f"The manifest of {rules.directory}", sha256=report.result["sha256"])
    if made.header.directory != rules.directory:
        raise CorruptFile(f"The head node gave the manifest of {made.header.directory}.", code="manifest_damaged")
    # A run that was adopted may have been started by rules that allow more.
    if found := list(rules.obstacles(made.records)):
        raise blocked(rules.directory, found, len(found))
    return made


_HINTS = {
    Why.BEING_WRITTEN: "Wait until nothing writes to the directory, then repeat; what was hashed is kept.",
    Why.UNREADABLE: "Give the cluster user leave to read it (sudo chown -R ubuntu), then repeat.",
    Why.RUN_LINK: "Remove these links, or export them as links: --allow-run-links",
}


def blocked(directory: str, obstacles: Sequence[Obstacle], total: int) -> DyecError:
    """The refusal that names what stands in the way."""
    kinds = {one.why for one in obstacles}
    is_written = Why.BEING_WRITTEN in kinds
    shown = "; ".join(str(one) for one in obstacles[:_SHOWN])
    more = f" and {total - _SHOWN:,} more" if total > _SHOWN else ""
    return ValidationError(
        f"{directory} {'is being written' if is_written else 'cannot be exported as it is'}: {shown}{more}.",
        code="being_written" if is_written else "unexportable",
        hint=next((hint for why, hint in _HINTS.items() if why in kinds), "Remove or rename them, then repeat."),
        details={"total": total, "obstacles": list(obstacles)},
    )


def manifest_name(sha256: str) -> str:
    """Where the manifest with this digest lies below the destination."""
    return f"{MONITOR}/manifest-{sha256}.jsonl.gz"


def store_manifest(s3: ContentApi, destination: S3Prefix, made: Manifest) -> str:
    """Keep the manifest beside the data; its URI.

    Safe to repeat, and beside anybody else: its name is its digest, and those that other receipts name stay.
    """
    name = manifest_name(made.sha256)
    s3.put(destination.bucket, destination.object_key(name), made.packed)
    return destination.object_uri(name)


def load_manifest(s3: ContentApi, destination: S3Prefix, sha256: str) -> Manifest:
    """The manifest beside the data, proved to be the one with this digest; `NotFound` when there is none."""
    uri = destination.object_uri(manifest_name(sha256))
    packed = s3.read(destination.bucket, destination.object_key(manifest_name(sha256)))
    if packed is None:
        raise NotFound(f"There is no manifest {uri}.", code="manifest_not_found", hint="Export the directory again.")
    return manifest.parse(packed, source=uri, sha256=sha256)


def listing(made: Manifest) -> Inventory:
    """The same entries as `list_directory` sees them: their digests are equal while nothing changes the directory."""
    return Inventory(tuple(sorted(map(_listed, made.records))))


def _listed(record: Record) -> TreeEntry:
    seconds, rest = divmod(record.mtime_ns, 10**9)
    return TreeEntry(os.fsencode(record.path), record.type, record.size, f"{seconds}.{rest:09d}0")
