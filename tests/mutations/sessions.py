"""Mutations of the sessions: each takes one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_STATUS = "daylily_ec/headnode/status.py"
_TABLE = "tests/unit/headnode/test_status.py"
_CONTROL = "daylily_ec/workflow/control_workflow.py"
_CONTROL_TEST = "tests/unit/launch/test_control_workflow.py"
_LOG = "daylily_ec/workflow/workflow_log.py"
_LOG_TEST = "tests/unit/launch/test_workflow_log.py"
_ENGINES = "daylily_ec/workflow/engines.py"
_ENGINES_TEST = "tests/unit/launch/test_engines.py"
_NODE = "tests/integration/headnode/test_session_control.py"
_SESSION = "config/headnode/workflow_session.sh"

MUTATIONS = (
    Mutation(
        "an empty queue means that it has ended",
        _STATUS,
        "is Controller.ALIVE:\n        return _alive(",
        "is Controller.ALIVE and facts.jobs != ():\n        return _alive(",
        _TABLE,
    ),
    Mutation(
        "a queue with jobs means that it runs",
        _STATUS,
        "    return _without_controller(facts)\n\n\ndef _alive",
        "    return _alive(facts, facts.record) if facts.jobs else _without_controller(facts)\n\n\ndef _alive",
        _TABLE,
    ),
    Mutation(
        "an exit record of an earlier controller counts",
        _STATUS,
        " and self.controller_id == _writer(record) else None",
        " else None",
        _TABLE,
    ),
    Mutation(
        "any code of a finished session is success", _STATUS, "    if code == 0 and phase", "    if phase", _TABLE
    ),
    Mutation(
        "a session that ended early with 0 is success",
        _STATUS,
        '    if code == 0 and phase == "finished":',
        "    if code == 0:",
        _TABLE,
    ),
    Mutation(
        "a Slurm that does not answer has no jobs",
        _STATUS,
        'jobs if values["jobs"] == "known" else None',
        "jobs",
        _TABLE,
    ),
    Mutation(
        "resume a session that runs",
        _CONTROL,
        '    if not status.state.is_final or status.controller == "alive":\n',
        "    if False:\n",
        _CONTROL_TEST,
    ),
    Mutation(
        "resume a session that has succeeded",
        _CONTROL,
        "    if status.state.is_success:\n",
        "    if False:\n",
        _CONTROL_TEST,
    ),
    Mutation("a dry run resumes", _CONTROL, "    if not request.dry_run:\n", "    if True:\n", _CONTROL_TEST),
    Mutation(
        "jobs that go on count as cancelled",
        _CONTROL,
        "    if cancel_jobs and done.facts.jobs != ():\n",
        "    if False:\n",
        _CONTROL_TEST,
    ),
    Mutation("run everything again", _ENGINES, 'last, "--rerun-incomplete"), ', 'last, "--forceall"), ', _ENGINES_TEST),
    Mutation(
        "repeat what stands before the engine",
        _ENGINES,
        "    if any(words[0] not in _SETTINGS for words in before):\n",
        "    if False:\n",
        _ENGINES_TEST,
    ),
    Mutation(
        "end without a last look at the log", _LOG, "            if final:\n", "            if maybe_over:\n", _LOG_TEST
    ),
    Mutation(
        "read again from the beginning",
        _LOG,
        "            place = piece.place\n",
        "            place = None\n",
        _LOG_TEST,
    ),
    Mutation(
        "do not wait for jobs that are left",
        _SESSION,
        "        dyec_await_jobs\n",
        "        :\n",
        f"{_NODE}::test_a_resume_waits_for_the_jobs_that_are_left_and_ends_the_orphaned_command",
    ),
    Mutation(
        "leave the orphaned command running",
        "config/headnode/workflow_resume.sh",
        'dyec_end_group "$run_dir" "$DYEC_GRACE_S"\n',
        ":\n",
        f"{_NODE}::test_a_resume_waits_for_the_jobs_that_are_left_and_ends_the_orphaned_command",
    ),
    Mutation(
        "cancel jobs without being asked",
        "config/headnode/workflow_stop.sh",
        '[ "$DYEC_CANCEL_JOBS" != 1 ] || cancel_jobs',
        "cancel_jobs",
        f"{_NODE}::test_a_stop_ends_command_and_controller_says_who_and_lists_the_jobs_it_left",
    ),
    Mutation(
        "delete without a proof",
        _SESSION,
        "if not (good and proved and here and same",
        "if not (True",
        f"{_NODE}::test_a_directory_is_deleted_only_with_a_proof",
    ),
    Mutation(
        "delete after a comparison of sizes",
        _SESSION,
        ' and receipt["verification"]["mode"] in ("checksum", "full")',
        "",
        f"{_NODE}::test_a_directory_is_deleted_only_with_a_proof",
    ),
    Mutation(
        "delete by another manifest",
        _SESSION,
        " and here and same and ",
        " and here and ",
        f"{_NODE}::test_a_directory_is_deleted_only_with_a_proof",
    ),
    Mutation(
        "delete what was written since",
        _SESSION,
        "        if is_exported(path, item):\n            os.unlink(path)\n",
        "        os.unlink(path)\n",
        f"{_NODE}::test_only_what_was_exported_and_is_still_that_is_deleted",
    ),
    Mutation(
        "delete the whole directory",
        _SESSION,
        "    cd || return\n    kept=",
        '    cd || return\n    rm -rf -- "$DYEC_ANALYSIS_DIR"\n    kept=',
        f"{_NODE}::test_only_what_was_exported_and_is_still_that_is_deleted",
    ),
    Mutation(
        "delete although the export failed",
        _SESSION,
        'if [ "$dyec_export_code" = 0 ] && [ "${DYEC_DELETE_ON_EXPORT:-0}" = 1 ]; then',
        'if [ "${DYEC_DELETE_ON_EXPORT:-0}" = 1 ]; then',
        f"{_NODE}::test_a_failed_export_deletes_nothing_whatever_its_receipt_says",
    ),
    Mutation(
        "a failed export is no failure",
        _SESSION,
        'dyec_export_status=error dyec_code="$dyec_export_code"',
        "dyec_export_status=error",
        f"{_NODE}::test_a_failed_export_fails_the_session_and_a_resume_repeats_it_alone",
    ),
    Mutation(
        "export with the user's profile",
        _SESSION,
        "env -u AWS_PROFILE -u AWS_DEFAULT_PROFILE ",
        "env ",
        f"{_NODE}::test_an_export_runs_with_the_node_s_own_credentials_and_is_seen",
    ),
    Mutation(
        "trust a log's place without its hash",
        "config/headnode/workflow_logs.sh",
        ' && [ "$(head_of "$1" "$DYEC_OFFSET")" = "$DYEC_HEAD" ]',
        "",
        f"{_NODE}::test_a_log_that_is_rotated_loses_nothing_that_can_be_had",
    ),
)
