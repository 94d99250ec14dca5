"""Mutations of mounts: each takes one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_POLICY = "daylily_ec/fsx/policy.py"
_MOUNTS = "daylily_ec/fsx/mounts.py"
_RECORDS = "daylily_ec/fsx/records.py"
_SETTLING = "daylily_ec/fsx/settling.py"
_CONTENT = "daylily_ec/fsx/content.py"
_USE = "daylily_ec/fsx/mount_use.py"
_LOOKUP = "daylily_ec/workflow/mounts.py"
_ATTACH = "daylily_ec/workflow/attach_mount.py"
_DELETE = "daylily_ec/workflow/delete_mount.py"
_VERIFY = "daylily_ec/workflow/verify_mount.py"
_LAUNCH = "daylily_ec/workflow/launch_mounts.py"
_IDS = "daylily_ec/domain/ids.py"
_ENSURING = "tests/unit/fsx/test_ensure_mount.py"
_DELETING = "tests/unit/fsx/test_delete_mount.py"
_VERIFYING = "tests/unit/fsx/test_verify_mount.py"
_ASSOCIATIONS = "tests/unit/fsx/test_mounts.py"
_SCRIPTS = "tests/integration/headnode/test_mount_scripts.py"
_HOSTILE = "tests/unit/test_hostile_paths.py"
_TREE = "config/headnode/mount_tree.sh"
_USERS = "config/headnode/mount_use.sh"

MUTATIONS = (
    Mutation(
        "detach while it is used",
        _DELETE,
        "if use.used_by and not request.in_use_ok:\n        gates",
        "if False:\n        gates",
        _DELETING,
    ),
    Mutation(
        "detach when nobody can tell",
        _DELETE,
        "    if use.unknown and not request.node_unreachable_ok:\n",
        "    if False:\n",
        _DELETING,
    ),
    Mutation(
        "take a node that cannot be asked for no use",
        _DELETE,
        "        return MountUse(unknown=(error.message,))\n",
        "        return MountUse()\n",
        _DELETING,
    ),
    Mutation(
        "ask the node of another file system",
        _DELETE,
        "    if file_system_id not in view.file_system_ids:\n",
        "    if False:\n",
        _DELETING,
    ),
    Mutation(
        "detach the roots of the cluster",
        _DELETE,
        "    if policy.is_startup(association):\n",
        "    if False:\n",
        _DELETING,
    ),
    Mutation(
        "take exports for mounts",
        _POLICY,
        "    return not is_of_export(association) and association.path.value != REFERENCES\n",
        "    return association.path.value != REFERENCES\n",
        _DELETING,
    ),
    Mutation(
        "call what nobody ever knew gone",
        _DELETE,
        "    if known is None:\n        raise NotFound(",
        "    if False:\n        raise NotFound(",
        _DELETING,
    ),
    Mutation(
        "leave no note of the end",
        _DELETE,
        "replace(forget(config_dir(), gone), warnings=warnings)",
        "replace(gone, lifecycle=DELETED, warnings=warnings)",
        _DELETING,
    ),
    Mutation(
        "wait for a deletion that has failed",
        _MOUNTS,
        "        went = went or (seen is not None and seen.lifecycle.is_leaving)\n",
        "",
        _DELETING,
    ),
    Mutation(
        "take FAILED before the deletion for its end",
        _MOUNTS,
        "(went or clock.monotonic() - begun >= _STILL_FAILED_S)",
        "True",
        _DELETING,
    ),
    Mutation("answer of the node without an end", _USE, 'lines.pop() != "done"', 'lines.pop() == ""', _SCRIPTS),
    Mutation("overlook processes", _USERS, "\nall_processes || exit 1\n", "\n", _SCRIPTS),
    Mutation("overlook jobs", _USERS, "\njobs_of_slurm\n", "\n", _SCRIPTS),
    Mutation("overlook sessions", _USERS, "\nsessions\n", "\n", _SCRIPTS),
    Mutation(
        "take a silent Slurm for an empty queue",
        _USERS,
        '        say unknown "Slurm does not say which jobs wait or run"\n',
        "",
        _SCRIPTS,
    ),
    Mutation(
        "compare beginnings of paths",
        _USERS,
        '[ "${1#"$DYEC_MOUNT"/}" != "$1" ]',
        '[ "${1#"$DYEC_MOUNT"}" != "$1" ]',
        _SCRIPTS,
    ),
    Mutation("write back without the administrator", _POLICY, "    if not admin:\n", "    if False:\n", _ENSURING),
    Mutation(
        "write back through a read-only mount", _POLICY, "    if request.read_only:\n", "    if False:\n", _ENSURING
    ),
    Mutation(
        "write back without the marker",
        _ATTACH,
        "        if not request.mount.is_read_only:\n",
        "        if False:\n",
        _ENSURING,
    ),
    Mutation(
        "take a marker at the bucket's root",
        _POLICY,
        "range(len(parts), 0, -1)",
        "range(len(parts), -1, -1)",
        _ENSURING,
    ),
    Mutation(
        "let a tag make a mount an export",
        _POLICY,
        '        if (key, value) == ("lsmc:purpose", EXPORT_PURPOSE):\n',
        "        if False:\n",
        _ENSURING,
    ),
    Mutation("keep the run out of the tags", _POLICY, "            RUN_ID_TAG: str(self.run_id),\n", "", _ENSURING),
    Mutation(
        "keep the platform out of the tags", _POLICY, "            PLATFORM_TAG: str(self.platform),\n", "", _ENSURING
    ),
    Mutation(
        "overwrite what another operator said",
        _ATTACH,
        "        if other or not complete_tags:\n",
        "        if not complete_tags:\n",
        _ENSURING,
    ),
    Mutation("give out another's mount as one's own", _ATTACH, " and key != _CREATOR_TAG}", "}", _ENSURING),
    Mutation(
        "note a mount only when it can be used",
        _ATTACH,
        "        self.note(made, outcome)\n        if request.wait:",
        "        if request.wait:",
        _ENSURING,
    ),
    Mutation(
        "ask for two associations at once",
        _MOUNTS,
        "            if one.lifecycle.is_arriving or _awaited",
        "            if _awaited",
        _ENSURING,
    ),
    Mutation(
        "adopt what is leaving",
        _MOUNTS,
        "(one.lifecycle.is_failed or one.lifecycle.is_leaving))\n",
        "(one.lifecycle.is_failed))\n",
        _ASSOCIATIONS,
    ),
    Mutation(
        "take no turns",
        _MOUNTS,
        "    with turn(clock, reporter, wanted.file_system_id, deadline):\n",
        "    if True:\n",
        _ASSOCIATIONS,
    ),
    Mutation(
        "verify by the node of another file system",
        _VERIFY,
        "    if file_system_id not in view.file_system_ids:\n",
        "    if False:\n",
        _VERIFYING,
    ),
    Mutation(
        "give up while a slot becomes free", _MOUNTS, " or (full and one.lifecycle.is_leaving)\n", "\n", _ENSURING
    ),
    Mutation(
        "do not count FAILED ones",
        _MOUNTS,
        "    if len(existing) >= MAX_ASSOCIATIONS:\n",
        "    if len([one for one in existing if not one.lifecycle.is_failed]) >= MAX_ASSOCIATIONS:\n",
        _ASSOCIATIONS,
    ),
    Mutation(
        "take MISCONFIGURED for the end",
        _MOUNTS,
        "        return seen is None or seen.lifecycle.is_failed or seen.lifecycle.is_usable\n",
        '        return seen is None or seen.lifecycle != "CREATING"\n',
        _ENSURING,
    ),
    Mutation(
        "ask anew at each repetition",
        _MOUNTS,
        "request_token(*_identity(wanted), generation)",
        "request_token(*_identity(wanted), generation, __import__('time').monotonic_ns())",
        f"{_ASSOCIATIONS}::test_asking_again_names_the_same_token",
    ),
    Mutation(
        "take any note for this association's",
        _RECORDS,
        "found is not None and found.association_id == record.association_id",
        "found is not None",
        _ENSURING,
    ),
    Mutation(
        "look for notes under the cluster alone",
        _RECORDS,
        "    owners = (record.cluster_name, record.fsx_file_system_id)\n",
        "    owners = (record.cluster_name,)\n",
        _ENSURING,
    ),
    Mutation(
        "leave no note of a launch's mount",
        _LAUNCH,
        "        note(replace(record,",
        "        (replace(record,",
        "tests/unit/launch/test_run_context_launch.py",
    ),
    Mutation(
        "believe a digest of nothing",
        _SETTLING,
        "    if seen.is_there and seen.sha256 == wanted.sha256:\n",
        "    if seen.is_there:\n",
        _VERIFYING,
    ),
    Mutation(
        "count instead of looking at names",
        _VERIFY,
        "and self.seen.files >= len(self.wanted.files):",
        "and False:",
        _VERIFYING,
    ),
    Mutation(
        "take an import that did not come for a success",
        _VERIFY,
        "        if self.not_imported:\n",
        "        if False:\n",
        _VERIFYING,
    ),
    Mutation("take any directory for a run", _VERIFY, "        if self.missing:\n", "        if False:\n", _VERIFYING),
    Mutation(
        "read nothing",
        _VERIFY,
        "for path, why in self.unreadable.items()))\n\n\n",
        "for path, why in ()))\n\n\n",
        _VERIFYING,
    ),
    Mutation(
        "verify what is not AVAILABLE",
        _VERIFY,
        "wait_available(services.fsx, services.clock, services.reporter, found[0], request.timeout)",
        "found[0]",
        _VERIFYING,
    ),
    Mutation("read the largest file of each kind", _CONTENT, "min(smallest.get", "max(smallest.get", _VERIFYING),
    Mutation("sort names by the language of the user", _TREE, "LC_ALL=C sort -z", "sort -z -r", _SCRIPTS),
    Mutation(
        "let control characters into paths",
        _IDS,
        "    return not any(ord(sign) < 32",
        "    return not any(ord(sign) < 0",
        _HOSTILE,
    ),
    Mutation(
        "let names of files climb",
        _RECORDS,
        'return folder / f"{MountId.parse(mount_id)}.json"',
        'return folder / f"{mount_id}.json"',
        _HOSTILE,
    ),
    Mutation(
        "let regions climb",
        _RECORDS,
        'config / "run_mounts" / FileComponent.parse(region)',
        'config / "run_mounts" / region',
        _HOSTILE,
    ),
)
