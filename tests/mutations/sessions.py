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

_CONFLICTS = "tests/integration/headnode/test_session_conflicts.py"
_AROUND = "tests/integration/headnode/test_session_surroundings.py"
_FUNCTIONS = "config/headnode/workflow_functions.sh"
_LAUNCH = "config/headnode/workflow_launch.sh"

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
        "launch into a directory beside another launch",
        _LAUNCH,
        '    dyec_lock_analysis "$analysis_dir"\n',
        "",
        f"{_CONFLICTS}::test_of_two_launches_into_one_directory_only_one_runs",
    ),
    Mutation(
        "resume in a directory beside another resume",
        "config/headnode/workflow_resume.sh",
        'dyec_lock_analysis "$(cat "$run_dir/analysis_dir" 2> /dev/null)"\n',
        "",
        f"{_CONFLICTS}::test_of_two_sessions_of_one_directory_only_one_is_resumed",
    ),
    Mutation(
        "look only before the clone",
        _LAUNCH,
        "    check_analysis_dir\n    put_analysis_dir\n",
        "    put_analysis_dir\n",
        f"{_CONFLICTS}::test_a_job_that_appears_while_the_clone_is_made_keeps_its_directory",
    ),
    Mutation(
        "replace while Slurm does not answer",
        _LAUNCH,
        "queue=$(dyec_queue) || dyec_refuse slurm_unknown ",
        "queue=$(dyec_queue) || true ",
        f"{_CONFLICTS}::test_nothing_is_replaced_while_slurm_does_not_say_who_works_in_it",
    ),
    Mutation(
        "the jobs in a directory are those of every session it ever had",
        _FUNCTIONS,
        ' && [ "$(dyec_analysis "$1")" != replaced ] || return 0\n',
        " || return 0\n",
        f"{_CONFLICTS}::test_a_replaced_session_has_neither_jobs_nor_a_next_attempt",
    ),
    Mutation(
        "resume in the directory of another launch",
        "config/headnode/workflow_resume.sh",
        '[ "$(dyec_analysis "$run_dir")" != replaced ] ||',
        "true ||",
        f"{_CONFLICTS}::test_a_replaced_session_has_neither_jobs_nor_a_next_attempt",
    ),
    Mutation(
        "compare names of directories with their links",
        _FUNCTIONS,
        '-v place="$(realpath -m -- "$1")"',
        '-v place="$1"',
        f"{_CONFLICTS}::test_jobs_below_a_linked_analysis_root_are_seen",
    ),
    Mutation(
        "leave hidden results hidden",
        _LAUNCH,
        '    [ ! -d "$replaced" ] || mv -T "$replaced" "$analysis_dir"\n',
        "",
        f"{_CONFLICTS}::test_results_that_a_killed_launch_has_hidden_come_back",
    ),
    Mutation(
        "any new directory means that its session began",
        _LAUNCH,
        "    if begun; then",
        '    if [ -e "$analysis_dir" ]; then',
        f"{_CONFLICTS}::test_results_come_back_when_the_new_session_never_began",
    ),
    Mutation(
        "a controller's name means that its session began",
        _LAUNCH,
        '[ -s "$other/tmux.log" ]',
        '[ -e "$other/controller" ]',
        f"{_CONFLICTS}::test_results_come_back_when_the_new_session_never_began",
    ),
    Mutation(
        "no session has ever begun",
        _LAUNCH,
        "    if begun; then",
        "    if false; then",
        f"{_CONFLICTS}::test_what_a_session_has_made_stays_when_its_launch_was_killed",
    ),
    Mutation(
        "remove the new directory in its place",
        _LAUNCH,
        '    [ ! -d "$analysis_dir" ] || discard "$analysis_dir"\n',
        '    rm -rf -- "$analysis_dir"\n',
        f"{_CONFLICTS}::test_results_come_back_when_the_new_session_never_began",
    ),
    Mutation(
        "take the directory away while a session begins in it",
        _LAUNCH,
        ' && ! dyec_session_in "$analysis_dir" "" > /dev/null || return 0\n',
        " || return 0\n",
        f"{_CONFLICTS}::test_a_directory_is_left_alone_while_a_session_begins_in_it",
    ),
    Mutation(
        "whatever is in the way of hidden results was a clone",
        _LAUNCH,
        '    [ ! -e "$analysis_dir" ] || [ -s "$analysis_dir/.launch_id" ] ||\n',
        "    true ||\n",
        f"{_CONFLICTS}::test_a_directory_of_somebody_else_in_the_place_of_hidden_results_is_kept",
    ),
    Mutation(
        "a lock that cannot be made is no refusal",
        _FUNCTIONS,
        '    exec {lock}> "$file" || dyec_refuse lock_failed "$file cannot be written."\n',
        '    exec {lock}> "$file"\n',
        f"{_CONFLICTS}::test_a_lock_that_cannot_be_made_is_a_refusal_with_its_reason",
    ),
    Mutation(
        "a session's own 130 is an interruption",
        "daylily_ec/cli/workflow_sessions.py",
        "        sys.exit(seen.exit_code or 0)\n",
        "        raise typer.Exit(seen.exit_code or 0)\n",
        "tests/unit/launch/test_control_workflow.py::test_following_ends_with_the_exit_code_of_the_session",
    ),
    Mutation(
        "wait until the replaced tree is removed",
        _LAUNCH,
        "< /dev/null > /dev/null 2>&1 &\n",
        "< /dev/null > /dev/null 2>&1\n",
        f"{_CONFLICTS}::test_a_launch_does_not_wait_until_a_large_tree_is_removed",
    ),
    Mutation(
        "a session inherits the environment of the tmux server",
        _FUNCTIONS,
        '            env -i "${environment[@]}" TERM=screen ',
        "            env TERM=screen ",
        f"{_AROUND}::test_a_session_begins_with_nothing_of_the_shells_around_it",
    ),
    Mutation(
        "processes that left the group are nobody's",
        _FUNCTIONS,
        "| xargs -r ps -o pid=,pgid= | while",
        """| xargs -r ps -o pid=,pgid= | grep " $leader$" | while""",
        f"{_AROUND}::test_a_stop_ends_processes_that_left_their_group",
    ),
    Mutation(
        "options repeat finished jobs",
        _ENGINES,
        "next(filter(_repeats, _options(last)), None)",
        "None",
        _ENGINES_TEST,
    ),
    Mutation(
        "trust a log's place without its hash",
        "config/headnode/workflow_logs.sh",
        ' && [ "$(head_of "$1" "$DYEC_OFFSET")" = "$DYEC_HEAD" ]',
        "",
        f"{_NODE}::test_a_log_that_is_rotated_loses_nothing_that_can_be_had",
    ),
)
