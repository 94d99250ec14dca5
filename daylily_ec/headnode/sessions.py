"""Workflow sessions on the head node: checking a launch, launching.

A session `S` is a detached tmux session of that name and the directory `~/daylily-runs/S` with launch.sh, launch.env,
tmux.log and status.json.  tmux ends with the workflow; the directory stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daylily_ec.errors import Refused
from daylily_ec.headnode.launch import Launch
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.runs import LOCK_HINT, REFUSED, markers_in, operator, session_script

CHECK_S = 60
LAUNCH_S = 900
_HINTS = {
    "session_exists": "Follow it with: dyec workflow status --session {session}; or give another --session-name.",
    "analysis_dir_exists": "Choose another --analysis-id, or give --replace-existing-analysis-dir.",
    "analysis_dir_busy": "Wait for that session, or choose another --analysis-id.",
    "slurm_unknown": "Repeat when squeue answers on the head node, or choose another --analysis-id.",
    "missing_config": "Look at the stage with: dyec headnode run -- ls {stage_dir}",
    "missing_run_dir": "Look at the run mounts with: dyec mounts list; RUN_DIR must be a directory on the head node.",
    "unknown_git_ref": "Give an existing tag, branch or commit with --git-tag.",
    "lock_failed": LOCK_HINT,
    "clone_failed": "Check that the head node reaches the repository, then repeat.",
}


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
    script = session_script("workflow_launch")
    result = remote.run(script, {**launch.check_parameters, "DYEC_MODE": "check"}, CHECK_S)
    return _markers(result, launch, "The launch check")


def complete_stages(remote: Remote, base: str) -> tuple[str, ...]:
    """Names of the directories of `base` that hold both tables, sorted; no such directory, no stages."""
    result = remote.run(RemoteScript.packaged("list_stages"), {"DYEC_STAGE_BASE": base}, CHECK_S)
    return tuple(sorted(result.require_success(f"Looking for stages in {base}").stdout.split()))


def start(remote: Remote, launch: Launch) -> Launched:
    """Clone, put the tables in place and start the session; after any failure nothing of it is left."""
    script = session_script("workflow_launch")
    env = {**launch.parameters, "DYEC_MODE": "launch",
           "DYEC_STARTED_BY": operator(), "DYEC_SESSION_SCRIPT": session_script("workflow_session").text}  # fmt: skip
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
    markers = markers_in(result.stdout)
    token = markers.get("__DAYLILY_ERROR__")
    if result.exit_code == REFUSED and token is not None:
        why = result.stderr.strip() or token
        hint = _HINTS.get(token, "").format(session=launch.session, stage_dir=launch.inputs.stage_dir)
        raise Refused(f"{what} was refused by the head node: {why}", code=token, hint=hint,
                      details={"error": token, "stdout": result.stdout, "stderr": result.stderr})  # fmt: skip
    result.require_success(what)
    return markers
