"""Mutations of the inventory: each takes one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_FORM, _FORM_TEST = "daylily_ec/fsx/manifest.py", "tests/unit/fsx/test_manifest.py"
_RULES, _RULES_TEST = "daylily_ec/fsx/obstacles.py", "tests/unit/fsx/test_obstacles.py"
_HASHING, _HASHING_TEST = "daylily_ec/fsx/hashing.py", "tests/unit/fsx/test_hashing.py"
_CACHE, _CACHE_TEST = "daylily_ec/fsx/hash_cache.py", "tests/unit/fsx/test_hash_cache.py"
_RUN, _RUN_TEST = "daylily_ec/fsx/manifest_node.py", "tests/unit/fsx/test_manifest_node.py"
_ASKING, _ASKING_TEST = "daylily_ec/fsx/manifest_remote.py", "tests/unit/fsx/test_manifest_remote.py"
_SCRIPT, _NODE = "config/headnode/inventory.sh", "tests/integration/headnode/test_inventory.py"

MUTATIONS = (
    Mutation("a manifest with another digest", _FORM, "if sha256 and digest != sha256:", "if False:", _FORM_TEST),
    Mutation("a manifest whose records were changed", _FORM,
             "hashlib.sha256(rest).hexdigest()):", "header.records_sha256):", _FORM_TEST),
    Mutation("paths that leave the directory", _FORM,
             'any(part in ("", ".", "..") for part in path.split("/"))', "False", _FORM_TEST),
    Mutation("a path twice in a manifest", _FORM, "if _order(record) <= last:", "if _order(record) < last:",
             _FORM_TEST),
    Mutation("names that cannot be read back", _FORM, 'name.replace("\\\\", "\\\\\\\\").encode(', "name.encode(",
             _FORM_TEST),
    Mutation("keys measured in characters", _FORM, "len(os.fsencode(self.path))", "len(self.path)", _RULES_TEST),
    Mutation("keys without their destination", _RULES, "if self.prefix_bytes + record.key_bytes > MAX_KEY_BYTES:",
             "if record.key_bytes > MAX_KEY_BYTES:", _RULES_TEST),
    Mutation("links into run mounts", _RULES, "if leads_to_run(record, self.directory) and", "if False and",
             _RULES_TEST),
    Mutation("any link below the links of a launch", _RULES, "len(parts) == 4 and", "len(parts) >= 4 and", _RULES_TEST),
    Mutation("run mounts only by their plain name", _RULES, "posixpath.normpath(posixpath.join(start, record.target))",
             "record.target", _RULES_TEST),
    Mutation("a file that changed since it was seen", _HASHING,
             "if not before == Stamp.of(os.fstat(handle)) == entry.stamp or total != entry.stamp.size:",
             "if before != Stamp.of(os.fstat(handle)):", _HASHING_TEST),
    Mutation("a file that changes while it is read", _HASHING,
             "if not before == Stamp.of(os.fstat(handle)) == entry.stamp or total != entry.stamp.size:",
             "if before != entry.stamp:", _HASHING_TEST),
    Mutation("the checksum of the last block", _HASHING, "checksums.crc64nvme(part, crc)", "checksums.crc64nvme(part)",
             _HASHING_TEST),
    Mutation("hashing processes outlive their run", _HASHING,
             "    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)\n", "",
             f"{_NODE}::test_a_killed_run_leaves_nobody_behind_and_is_gone_on_with"),
    Mutation("a digest for any state of a file", _CACHE, "return digest if stamp == entry.stamp else None",
             "return digest", _CACHE_TEST),
    Mutation("a cut line takes the next one with it", _CACHE, '        self._out.write("\\n")\n', "", _CACHE_TEST),
    Mutation("do not look at the change time", "daylily_ec/fsx/walking.py",
             "found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino",
             "found.st_size, found.st_mtime_ns, 0, 0", _RUN_TEST),
    Mutation("do not look at the directory again", _RUN, "if found := [*after.obstacles, *changes(tree, after)]:",
             "if found := [*after.obstacles]:", _RUN_TEST),
    Mutation("hash before looking at names", _RUN, "        self._require(tree)\n", "", _RUN_TEST),
    Mutation("hash young files at once", _RUN, "_changed(entry) > start - SETTLE_S", "False", _RUN_TEST),
    Mutation("hash everything anew", _RUN, "if cache.get(entry) is None]", "]", _RUN_TEST),
    Mutation("ask about a run that was not adopted", _ASKING, "        self._run = report.run\n", "", _ASKING_TEST),
    Mutation("believe any manifest", _ASKING, 'sha256=report.result["sha256"])', ")", _ASKING_TEST),
    Mutation("the manifest of another directory", _ASKING, "if made.header.directory != rules.directory:", "if False:",
             _ASKING_TEST),
    Mutation("an adopted run with weaker rules", _ASKING, "if found := list(rules.obstacles(made.records)):",
             "if found := list[Obstacle]():", _ASKING_TEST),
    Mutation("start beside a living run", _SCRIPT, '[ -n "$latest" ] && [ "$state" = running ]', "false",
             f"{_NODE}::test_two_callers_at_once_start_one_run"),
    Mutation("a Slurm that does not answer is an empty queue", _SCRIPT, "job=$(job_of) || exit 69",
             "job=$(job_of 2> /dev/null) || true", f"{_NODE}::test_a_slurm_that_takes_no_job_or_gives_no_answer"),
    Mutation("a job of the same directory is not found", _SCRIPT, '    [ -z "$job" ] || state=running\n',
             "    :\n", f"{_NODE}::test_a_slurm_job_whose_caller_died_is_adopted"),
    Mutation("follow a link to the directory", _SCRIPT,
             ' || [ "$(readlink -f -- "$directory")" != "$directory" ]', "", f"{_NODE}::test_no_directory"),
)  # fmt: skip
