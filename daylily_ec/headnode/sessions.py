"""Workflow sessions on the head node: checking, launching, asking, reading the log.

A session `S` is a detached tmux session of that name and the directory `~/daylily-runs/S` with launch.sh, launch.env,
tmux.log and status.json.  tmux ends with the workflow; the directory stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import GitRef, RepositoryKey, WorkflowSession
from daylily_ec.errors import InvalidValue, Refused, RemoteCommandFailed
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.status import SessionFacts, parse_facts

RUNS = "/home/ubuntu/daylily-runs"
CHECK_S = 60
LAUNCH_S = 900
ASK_S = 60
REFUSED = 8
"""Exit code of the launch script when it names a reason."""
NO_RUN_DIR = 2
_HINTS = {
    "session_exists": "Follow it with: dyec workflow status --session {session}; or give another --session-name.",
    "analysis_dir_exists": "Choose another --analysis-id, or give --replace-existing-analysis-dir.",
    "analysis_dir_busy": "Wait for that session, or choose another --analysis-id.",
    "missing_config": "Look at the stage with: dyec headnode run -- ls {stage_dir}",
    "unknown_git_ref": "Give an existing tag, branch or commit with --git-tag.",
    "clone_failed": "Check that the head node reaches the repository, then repeat.",
}


class InputKind(StrEnum):
    """Where samples.tsv and units.tsv come from."""

    STAGE = "stage"
    TABLES = "tables"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The tables of a launch: a stage directory on the node, or their texts, or none."""

    kind: InputKind
    stage_dir: str = ""
    samples_tsv: str = ""
    units_tsv: str = ""


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything a launch needs to know; every identity is parsed."""

    session: WorkflowSession
    analysis: AnalysisDirectory
    analysis_root: str
    repository: RepositoryKey
    repository_url: str
    folder: str
    git_ref: GitRef
    inputs: Inputs
    command: str
    genome: str
    launch_id: str
    activate: bool = True
    project: str = ""
    skip_project_check: bool = True
    replace: bool = False
    stage_wait_s: int = 165
    retry_s: int = 3

    @property
    def parameters(self) -> dict[str, str]:
        """The environment of the launch script."""
        return {
            "DYEC_SESSION": self.session, "DYEC_ENTITY": self.analysis.entity,
            "DYEC_ANALYSIS_ID": self.analysis.analysis_id, "DYEC_ANALYSIS_ROOT": self.analysis_root,
            "DYEC_REPOSITORY": self.repository, "DYEC_REPOSITORY_URL": self.repository_url,
            "DYEC_FOLDER": self.folder, "DYEC_GIT_REF": self.git_ref, "DYEC_LAUNCH_ID": self.launch_id,
            "DYEC_INPUT": self.inputs.kind.value, "DYEC_STAGE_DIR": self.inputs.stage_dir,
            "DYEC_SAMPLES_TSV": self.inputs.samples_tsv, "DYEC_UNITS_TSV": self.inputs.units_tsv,
            "DYEC_STAGE_WAIT_S": str(self.stage_wait_s), "DYEC_RETRY_S": str(self.retry_s),
            "DYEC_COMMAND": self.command, "DYEC_GENOME": self.genome, "DYEC_ACTIVATE": str(int(self.activate)),
            "DYEC_PROJECT": self.project, "DYEC_SKIP_PROJECT_CHECK": str(int(self.skip_project_check)),
            "DYEC_REPLACE": str(int(self.replace)),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Launched:
    """Where a launched session lives; `exit_code` when it ended before the launch returned."""

    run_dir: str
    repo_path: str
    commit: str
    exit_code: int | None
    markers: Mapping[str, str]


def check_launch(remote: Remote, launch: Launch) -> Mapping[str, str]:
    """The markers of a launch that could be made; `Refused` names what is in the way.  Changes nothing."""
    script = RemoteScript.packaged("workflow_launch")
    result = remote.run(script, {**launch.parameters, "DYEC_MODE": "check"}, CHECK_S)
    return _markers(result, launch, "The launch check")


def start(remote: Remote, launch: Launch) -> Launched:
    """Clone, put the tables in place and start the session; after any failure nothing of it is left."""
    script = RemoteScript.packaged("workflow_launch")
    env = {**launch.parameters, "DYEC_MODE": "launch",
           "DYEC_SESSION_SCRIPT": RemoteScript.packaged("workflow_session").text}  # fmt: skip
    markers = _markers(remote.run(script, env, LAUNCH_S), launch, "The launch")
    ended = markers.get("__DAYLILY_COMPLETED_QUICKLY__", "").removeprefix("exit_code=")
    return Launched(
        run_dir=markers["__DAYLILY_RUN_DIR__"],
        repo_path=markers["__DAYLILY_REPO_PATH__"],
        commit=markers["__DAYLILY_COMMIT__"],
        exit_code=int(ended) if ended else None,
        markers=markers,
    )


def _markers(result: RemoteResult, launch: Launch, what: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in result.stdout.splitlines())
    markers = {key: value for key, _, value in pairs if key.startswith("__DAYLILY_")}
    token = markers.get("__DAYLILY_ERROR__")
    if result.exit_code == REFUSED and token is not None:
        why = result.stderr.strip() or token
        hint = _HINTS.get(token, "").format(session=launch.session, stage_dir=launch.inputs.stage_dir)
        raise Refused(f"{what} was refused by the head node: {why}", code=token, hint=hint,
                      details={"error": token, "stdout": result.stdout, "stderr": result.stderr})  # fmt: skip
    result.require_success(what)
    return markers


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
        if not text.startswith(f"{RUNS}/") or not name or "/" in name or name.startswith("."):
            raise InvalidValue("run directory", text, f"must be {RUNS}/<session>")
        return cls(path=f"{RUNS}/{name}")

    @property
    def parameters(self) -> dict[str, str]:
        """The environment of the scripts that read a run directory."""
        return {"DYEC_SESSION": self.session or "", "DYEC_RUN_DIR": self.path}


def ask(remote: Remote, run: RunDirectory) -> SessionFacts:
    """What the node says of a session; `Refused` with code `no_such_session` when it has no run directory."""
    result = remote.run(RemoteScript.packaged("workflow_status"), run.parameters, ASK_S)
    return parse_facts(_existing(result, "The status").stdout)


@dataclass(frozen=True, slots=True)
class LogLines:
    """Lines of a session's log: how many there are in all, the exit code once it has ended, the lines asked for."""

    total: int
    exit_code: int | None
    text: str


def read_log(remote: Remote, run: RunDirectory, *, lines: int = 200, after: int | None = None) -> LogLines:
    """The last `lines` lines, or every line after number `after`."""
    env = {**run.parameters, "DYEC_LINES": str(lines), "DYEC_AFTER": "" if after is None else str(after)}
    result = _existing(remote.run(RemoteScript.packaged("workflow_logs"), env, ASK_S), "Reading the log")
    head, _, text = result.stdout.partition("\n")
    try:
        total, _, ended = head.partition(" ")
        return LogLines(int(total), None if ended == "-" else int(ended), text)
    except ValueError as error:
        raise RemoteCommandFailed(f"The log's first line is not understood: {head!r}") from error


def _existing(result: RemoteResult, what: str) -> RemoteResult:
    if result.exit_code == NO_RUN_DIR:
        raise Refused(result.stderr.strip(), code="no_such_session", hint="Check --session and --cluster.")
    return result.require_success(what)
