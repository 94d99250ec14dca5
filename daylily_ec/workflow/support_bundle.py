"""The support bundle of a creation that failed: what somebody else needs to see, without what only we may know.

It is written before anything is rolled back, because a rollback takes the evidence with it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from daylily_ec.aws.boot import BootLog
from daylily_ec.aws.cloudformation import StackEvent
from daylily_ec.errors import DyecError
from daylily_ec.state.journal import journal_path
from daylily_ec.state.models import RunRecord
from daylily_ec.util.clock import Clock, file_stamp, timestamp
from daylily_ec.util.files import write_new
from daylily_ec.util.jsonio import dumps
from daylily_ec.util.redaction import Redactor, secrets_in
from daylily_ec.version import __version__

FOLDER = "support"
LOG_LINES = 500
_DISTRIBUTIONS = ("aws-parallelcluster", "boto3", "botocore")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a failed run."""

    record: RunRecord
    state_path: Path
    error: DyecError
    events: tuple[StackEvent, ...]
    logs: tuple[BootLog, ...]


def redactor(credentials: tuple[str, ...], environment: Mapping[str, str] | None = None) -> Redactor:
    """Takes out the credentials in use, secrets of the environment, and whatever looks like a secret."""
    return Redactor((*credentials, *secrets_in(os.environ if environment is None else environment)))


def write_bundle(directory: Path, evidence: Evidence, redact: Redactor, clock: Clock) -> Path:
    """Write `support/<cluster>_<YYYYMMDDHHMMSS>.tar.gz`, private, never over another one; every text is redacted."""
    texts = {name: redact(text) for name, text in _texts(evidence).items()}
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    now = clock.now()
    contents = {"made_at": timestamp(now), "cluster": evidence.record.cluster_name, "versions": _versions(evidence),
                "sha256": digests}  # fmt: skip
    name = f"{evidence.record.cluster_name}_{file_stamp(clock.local())}"
    raw = _archive(name, {"contents.json": redact(dumps(contents)), **texts}, int(now.timestamp()))
    return write_new(directory / FOLDER / f"{name}.tar.gz", raw)


def _texts(evidence: Evidence) -> dict[str, str]:
    record, error = evidence.record, evidence.error
    files = {
        "state.json": str(evidence.state_path),
        "journal.jsonl": str(journal_path(evidence.state_path)),
        "cluster.yaml": record.cluster_yaml_path,
        "init_template.yaml": record.init_template_path,
        "resolved_cli.yaml": record.resolved_cli_config_path,
        "preflight.json": record.preflight_report_path,
    }
    failure = {"code": error.code, "message": error.message, "hint": error.hint, "details": error.details}
    return {
        **{name: _read(Path(path)) for name, path in files.items() if path},
        "failure.json": dumps(failure),
        "stack_events.json": dumps(list(evidence.events)),
        **{f"logs/{log.stream.replace('/', '_')}.log": "\n".join(log.lines) + "\n" for log in evidence.logs},
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}\n"


def _versions(evidence: Evidence) -> dict[str, str]:
    found = {"dyec": __version__, "python": platform.python_version(), "platform": platform.platform(),
             "pcluster (preflight)": evidence.record.pcluster_version}  # fmt: skip
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _archive(folder: str, texts: Mapping[str, str], modified: int) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=modified) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in sorted(texts.items()):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            raw = text.encode()
            entry.size, entry.mtime, entry.mode = len(raw), modified, 0o600
            tar.addfile(entry, io.BytesIO(raw))
    return out.getvalue()
