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
_LAUNCH = "daylily_ec/workflow/launch_workflow.py"
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
        '    session_runs "$run_dir" || return 0\n',
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
)
