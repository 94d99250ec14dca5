"""The run directories of a head node: asking one or all of them, stopping a session, starting its next attempt.

Every script here is preceded by `workflow_functions.sh`, which knows what a run directory holds.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from daylily_ec.domain.ids import WorkflowSession, is_text
from daylily_ec.errors import InvalidValue, Refused, RemoteCommandFailed
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.status import SessionFacts, parse_facts

RUNS = "/home/ubuntu/daylily-runs"
ASK_S = 60
REFUSED = 8
"""Exit code of a script that names its reason."""
NO_RUN_DIR = 2
GRACE_S = 20
"""How long a controller may take to end: longer than what it grants its command."""
ORPHAN_GRACE_S = 5
"""The same for a command whose controller is gone: Snakemake would wait for its jobs, which go on in any case."""
_START_S = 240
"""Two locks and a start, each of which may take a minute, and a command that has to be ended first."""
LOCK_HINT = "Look at the space of the home directory: dyec headnode run -- df -h /home/ubuntu"
"""What to do when a lock of the runs cannot be made."""
_FACTS = "__DAYLILY_FACTS__=below\n"
_HINTS = {
    "session_runs": "Wait for its end, or end it: dyec workflow stop --session {session}",
    "session_succeeded": "Launch another analysis for other results.",
    "analysis_dir_gone": "Launch the analysis again: dyec workflow launch",
    "analysis_dir_replaced": "Resume the session of that launch: dyec workflow list",
    "analysis_dir_busy": "Wait for that session, or stop it.",
    "lock_failed": LOCK_HINT,
    "session_start_failed": "Look at the log: dyec workflow logs --session {session}",
}


def session_script(name: str) -> RemoteScript:
    """`config/headnode/<name>.sh` behind the functions that the scripts about sessions share."""
    return RemoteScript(name, RemoteScript.packaged("workflow_functions").text + RemoteScript.packaged(name).text)


def operator() -> str:
    """Who works with this machine, as records of a session name them: `user@host`."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """A session by name, or by the path of its run directory."""

    session: WorkflowSession | None = None
    path: str = ""

    @classmethod
    def parse(cls, session: str | None, path: str | None) -> RunDirectory:
        """Exactly one of the two; a path must lie directly below the directory of all runs."""
        if session:
            return cls(session=WorkflowSession.parse(session))
        text = path or ""
        name = text.rstrip("/").removeprefix(f"{RUNS}/")
        if not text.startswith(f"{RUNS}/") or not name or "/" in name or name.startswith(".") or not is_text(name):
            raise InvalidValue("run directory", text, f"must be {RUNS}/<session>")
        return cls(path=f"{RUNS}/{name}")

    @property
    def name(self) -> str:
        """Name of the session."""
        return self.session or self.path.rpartition("/")[2]

    @property
    def parameters(self) -> dict[str, str]:
        """The environment of the scripts that work on a run directory."""
        return {"DYEC_SESSION": self.session or "", "DYEC_RUN_DIR": self.path}


def ask(remote: Remote, run: RunDirectory) -> SessionFacts:
    """What the node says of a session; `Refused` with code `no_such_session` when it has no run directory."""
    result = remote.run(session_script("workflow_status"), run.parameters, ASK_S)
    return parse_facts(existing(result, "The status").stdout)


def every(remote: Remote) -> tuple[SessionFacts, ...]:
    """What the node says of all its sessions, those with kept older runs included."""
    result = remote.run(session_script("workflow_list"), {}, ASK_S).require_success("Listing the sessions")
    try:
        texts = [base64.b64decode(line, validate=True).decode(errors="replace") for line in result.stdout.splitlines()]
    except binascii.Error as error:
        raise RemoteCommandFailed(f"The list of sessions is not understood: {error}",
                                  details={"stdout": result.stdout[:2000]}) from error  # fmt: skip
    return tuple(map(parse_facts, texts))


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop did: `outcome` is `stopped` or `already-ended`; the facts are those after it."""

    outcome: str
    cancelled: tuple[str, ...]
    facts: SessionFacts


def stop(remote: Remote, run: RunDirectory, *, cancel_jobs: bool, who: str, grace_s: int = GRACE_S) -> Stopped:
    """End the session's controller and command, TERM first; its jobs are cancelled on request only.  Safe to repeat."""
    env = {
        **run.parameters, "DYEC_CANCEL_JOBS": str(int(cancel_jobs)), "DYEC_GRACE_S": str(grace_s), "DYEC_WHO": who,
        "DYEC_SESSION_SCRIPT": session_script("workflow_session").text,
    }  # fmt: skip
    result = remote.run(session_script("workflow_stop"), env, ASK_S + 3 * grace_s)
    markers, facts = _done(result, run, "Stopping the session")
    cancelled = markers.get("__DAYLILY_CANCELLED_JOBS__", "")
    return Stopped(markers["__DAYLILY_OUTCOME__"], tuple(filter(None, cancelled.split(","))), facts)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the next attempt begins: the engine's own commands, or with `only_export` the export alone."""

    command: str
    unlock_command: str = ""
    cancel_jobs: bool = False
    only_export: bool = False
    who: str = field(default_factory=operator)
    grace_s: int = ORPHAN_GRACE_S

    @property
    def parameters(self) -> dict[str, str]:
        """Their part of the resume script's environment."""
        return {
            "DYEC_RESUME_COMMAND": self.command, "DYEC_UNLOCK_COMMAND": self.unlock_command, "DYEC_WHO": self.who,
            "DYEC_CANCEL_JOBS": str(int(self.cancel_jobs)), "DYEC_WORKFLOW_CODE": "0" if self.only_export else "",
            "DYEC_GRACE_S": str(self.grace_s),
            "DYEC_SESSION_SCRIPT": session_script("workflow_session").text,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resumed:
    """The number of the attempt that was started, and the facts right after."""

    attempt: int
    facts: SessionFacts


def resume(remote: Remote, run: RunDirectory, attempt: Attempt) -> Resumed:
    """Start the next attempt; `Refused` when the session runs, has succeeded, or has lost its analysis directory."""
    env = {**run.parameters, **attempt.parameters}
    result = remote.run(session_script("workflow_resume"), env, _START_S)
    markers, facts = _done(result, run, "Resuming the session")
    return Resumed(int(markers["__DAYLILY_ATTEMPT__"]), facts)


def _done(result: RemoteResult, run: RunDirectory, what: str) -> tuple[dict[str, str], SessionFacts]:
    existing(result, what, {token: hint.format(session=run.name) for token, hint in _HINTS.items()})
    head, _, facts = result.stdout.partition(_FACTS)
    return markers_in(head), parse_facts(facts)


def markers_in(text: str) -> dict[str, str]:
    """The marker lines `__DAYLILY_…__=value` of a script's output."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, _, value in pairs if key.startswith("__DAYLILY_")}


def existing(result: RemoteResult, what: str, hints: Mapping[str, str] | None = None) -> RemoteResult:
    """Itself; `Refused` with the node's own reason when it refused, or when there is no such run directory."""
    if result.exit_code == NO_RUN_DIR:
        raise Refused(result.stderr.strip(), code="no_such_session", hint="dyec workflow list shows the sessions.")
    token = markers_in(result.stdout).get("__DAYLILY_ERROR__")
    if result.exit_code == REFUSED and token is not None:
        why = result.stderr.strip() or token
        raise Refused(f"{what} was refused by the head node: {why}", code=token, hint=(hints or {}).get(token, ""),
                      details={"error": token, "stdout": result.stdout, "stderr": result.stderr})  # fmt: skip
    return result.require_success(what)
