"""Mutations of the launch: each takes one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_WORKFLOW = "tests/unit/launch/test_launch_workflow.py"
_DRY = "tests/unit/launch/test_dry_run.py"
_PLAN = "tests/unit/launch/test_launch_plan.py"
_RUNS = "tests/unit/launch/test_run_context_launch.py"
_MOUNTS = "tests/unit/fsx/test_mounts.py"
_NODE = "tests/integration/headnode/test_launch_inputs.py"
_SESSIONS = "tests/integration/headnode/test_sessions.py"
_PREPARATION = "tests/integration/headnode/test_session_preparation.py"
_BCL_TEST = "tests/unit/headnode/test_bclconvert.py"
_BLOCK_TEST = "tests/unit/headnode/test_profile_block.py"
_LAUNCH = "daylily_ec/workflow/launch_workflow.py"
_BCL = "daylily_ec/headnode/bclconvert.py"
_BLOCK = "daylily_ec/headnode/profile_block.py"
_SESSION = "config/headnode/workflow_session.sh"
_SCRIPT = "config/headnode/workflow_launch.sh"
_TABLE = "daylily_ec/samples/run_context.py"

MUTATIONS = (
    Mutation("a dry run launches", _LAUNCH, "    if request.dry_run:\n", "    if False:\n", _DRY),
    Mutation(
        "a dry run attaches",
        _LAUNCH,
        "    if request.dry_run:\n",
        "    attach(services, mounts)\n    if request.dry_run:\n",
        _DRY,
    ),
    Mutation(
        "launch on a node that is not ready",
        _LAUNCH,
        "readiness.require(readiness.Readiness(cluster, readiness.check(remote))).findings",
        "readiness.Readiness(cluster, readiness.check(remote)).findings",
        _WORKFLOW,
    ),
    Mutation(
        "do not look into the destination", _LAUNCH, "    _check_destination(services, plan.launch)\n", "", _WORKFLOW
    ),
    Mutation(
        "attach before checking the node's directory",
        _LAUNCH,
        "    markers = sessions.check_launch(remote, launch)\n    mounts = plan_mounts(services, request, plan)\n",
        "    mounts = plan_mounts(services, request, plan)\n    attach(services, mounts)\n"
        "    markers = sessions.check_launch(remote, launch)\n",
        _WORKFLOW,
    ),
    Mutation(
        "take the newest of several stages",
        "daylily_ec/workflow/launch_inputs.py",
        "    if len(found) != 1:\n",
        "    if not found:\n",
        _WORKFLOW,
    ),
    Mutation(
        "replace a directory that an export holds",
        "daylily_ec/workflow/launch_mounts.py",
        "    if launch.replace:\n        _refuse_attached",
        "    if False:\n        _refuse_attached",
        _WORKFLOW,
    ),
    Mutation(
        "a trigger without a destination",
        "daylily_ec/workflow/launch_request.py",
        "if (request.export_trigger is ExportTrigger.NONE) != (request.export_destination is None):",
        "if False:",
        _PLAN,
    ),
    Mutation(
        "a destination by its last characters",
        "daylily_ec/fsx/exports.py",
        "if not destination.ends_with(str(analysis.entity), str(analysis.analysis_id)):",
        'if not destination.key.endswith(f"{analysis}/"):',
        _PLAN,
    ),
    Mutation(
        "any session name",
        "daylily_ec/workflow/launch_plan.py",
        "return WorkflowSession.parse(request.session_name)",
        "return WorkflowSession(request.session_name)",
        _PLAN,
    ),
    Mutation(
        "run directories outside of their mount",
        _TABLE,
        "if root is not None and not path.is_relative_to(root):",
        "if False:",
        _RUNS,
    ),
    Mutation("runs of another region", _TABLE, "if region and region != self.region:", "if False:", _RUNS),
    Mutation(
        "outputs outside of the clone",
        _TABLE,
        'if PurePosixPath(root).is_absolute() or ".." in PurePosixPath(root).parts:',
        "if False:",
        _RUNS,
    ),
    Mutation("half a run mount", _TABLE, "if bool(uri) != bool(name):", "if False:", _RUNS),
    Mutation(
        "mounts are not planned with each other",
        "daylily_ec/fsx/mounts.py",
        "(*(one for one in existing if not _awaited(one, spec)), *pending)",
        "(*(one for one in existing if not _awaited(one, spec)),)",
        _MOUNTS,
    ),
    Mutation(
        "a FAILED association shows its prefix",
        "daylily_ec/fsx/mounts.py",
        "    if association.lifecycle.is_failed or association.lifecycle.is_leaving:\n        return False\n",
        "",
        _MOUNTS,
    ),
    Mutation(
        "replace through links",
        _SCRIPT,
        'if [ -L "$analysis_dir" ] || [ ! -d "$analysis_dir" ] ||',
        'if [ ! -e "$analysis_dir" ] &&',
        f"{_SESSIONS}::test_replacing_never_leaves_the_analysis_root",
    ),
    Mutation(
        "an entity that is a link",
        _SCRIPT,
        '[ ! -L "$entity_dir" ] || dyec_refuse',
        "true || dyec_refuse",
        f"{_NODE}::test_nothing_is_written_through_a_linked_entity",
    ),
    Mutation(
        "never replace",
        _SCRIPT,
        '[ "$DYEC_REPLACE" = 1 ] || dyec_refuse',
        "false || dyec_refuse",
        f"{_SESSIONS}::test_replacing_an_analysis_directory_works",
    ),
    Mutation(
        "replace unasked",
        _SCRIPT,
        '[ "$DYEC_REPLACE" = 1 ] || dyec_refuse',
        "true || dyec_refuse",
        f"{_SESSIONS}::test_an_existing_analysis_directory_is_refused_by_name",
    ),
    Mutation(
        "start over a busy session",
        _SCRIPT,
        '    dyec_runs "$run_dir" || return 0\n',
        "    return 0\n",
        f"{_SESSIONS}::test_a_busy_session_is_refused_with_what_it_does_and_keeps_its_log",
    ),
    Mutation(
        "keep the directory of an earlier run",
        _SCRIPT,
        '    [ -e "$run_dir" ] || return 0\n',
        "    return 0\n",
        f"{_SESSIONS}::test_a_stale_status_is_never_taken_for_the_new_run",
    ),
    Mutation(
        "links of the repository are followed",
        _SCRIPT,
        '    if [ -e "$link" ] || [ -L "$link" ]; then\n',
        "    if false; then\n",
        f"{_NODE}::test_links_of_the_repository_are_not_followed",
    ),
    Mutation(
        "a check makes directories",
        _SCRIPT,
        "    check)\n",
        '    check)\n        mkdir -p "$partial"\n',
        f"{_NODE}::test_dry_runs_leave_the_nodes_files_and_processes_alone",
    ),
    Mutation(
        "a conversion needs no native rules",
        "daylily_ec/workflow/launch_plan.py",
        "        bclconvert=converts,\n",
        "        bclconvert=False,\n",
        _RUNS,
    ),
    Mutation(
        "one marker is enough", _BCL, "        if lacking:\n", "        if len(lacking) >= len(MARKERS):\n", _BCL_TEST
    ),
    Mutation(
        "scripts of the native rules may be missing",
        _BCL,
        '        yield from (f"{script} is missing"',
        '        yield from () and (f"{script} is missing"',
        _BCL_TEST,
    ),
    Mutation("start where Slurm never schedules", _BCL, "    if missing:\n", "    if False:\n", _BCL_TEST),
    Mutation(
        "one partition of a list is enough",
        _BCL,
        "    if missing:\n",
        "    if missing and len(missing) == len(names):\n",
        _BCL_TEST,
    ),
    Mutation(
        "write the profile before the partition is known",
        _BCL,
        "    effective = {",
        "    write_atomic(profile, done.text)\n    effective = {",
        _BCL_TEST,
    ),
    Mutation(
        "overwrite what the profile has",
        _BLOCK,
        " for name, value in values.items() if name not in kept}",
        " for name, value in values.items()}",
        f"{_BLOCK_TEST}::test_comments_order_and_odd_writing_stay_and_values_are_quoted",
    ),
    Mutation(
        "add values that are not quoted",
        _BLOCK,
        "    return json.dumps(value, ensure_ascii=False)\n",
        "    return value or '\"\"'\n",
        f"{_BLOCK_TEST}::test_comments_order_and_odd_writing_stay_and_values_are_quoted",
    ),
    Mutation(
        "do not read the profile again",
        _BLOCK,
        "    if not _says(found, _expected(_tree(root), block, added)):\n",
        "    if False:\n",
        f"{_BLOCK_TEST}::test_what_is_no_block_is_refused",
    ),
    Mutation(
        "run what could not be prepared",
        _SESSION,
        "        dyec_prepare_bclconvert || exit\n",
        "        dyec_prepare_bclconvert\n",
        f"{_PREPARATION}::test_a_version_without_the_native_rules_runs_nothing",
    ),
    Mutation(
        "prepare with modules of the clone",
        _SESSION,
        '/python" -I -m daylily_ec',
        '/python" -m daylily_ec',
        f"{_PREPARATION}::test_keys_are_added_and_what_the_profile_has_is_kept",
    ),
    Mutation(
        "versions compare as texts",
        _SESSION,
        "LC_ALL=C sort -V",
        "LC_ALL=C sort",
        f"{_PREPARATION}::test_targets_that_an_older_version_may_fail_to_make_are_warned_of",
    ),
    Mutation(
        "the reason of an early end is lost",
        "daylily_ec/headnode/status.py",
        'if record.get("message") else "."',
        'if False else "."',
        "tests/unit/headnode/test_status.py",
    ),
)
