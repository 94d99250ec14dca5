"""What a session looks at between activation and command: BCL Convert's rules and profile, and the version's age."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from daylily_ec.domain.ids import GitRef
from daylily_ec.headnode import runs, sessions
from daylily_ec.headnode.bclconvert import DEFAULTS, MARKERS, RULES, SCRIPTS
from daylily_ec.headnode.launch import Launch, Needs
from daylily_ec.headnode.status import WorkflowState, derive
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import ended, git, log, record

ROOT = Path(__file__).resolve().parents[3]
PYTHON = f"""#!/bin/sh
# Python of the node's own environment, which must be isolated from the workflow's.
[ "$1" = -I ] || exit 90
shift
unset PYTHONHOME
PYTHONPATH='{ROOT}' exec '{sys.executable}' -P "$@"
"""
ACTIVATE = 'export DAY_PROFILE_DIR="$PWD/config/day_profiles/slurm" PYTHONPATH=/nowhere PYTHONHOME=/nowhere\n'
PROFILE = "config/day_profiles/slurm/rule_config.yaml"
KEPT = """\
# The lab's own tuning
bwa: {threads: 16}
bclconvert:
    # half a node
    threads: '96'
    parallel_tiles: 12
"""
BOTH = "i192mem|192\ni192bigmem|192+\ni8|8\n"
NEEDS = Needs("2.0.26", True)


def put(origin: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / name).write_text(text)
    git(origin, "add", "-A")
    git(origin, "commit", "-q", "--allow-empty", "-m", "more")
    git(origin, "tag", "-f", "2.0.26")


@pytest.fixture
def origin(origin: Path) -> Path:
    """With native rules, a profile, and modules that only a Python without isolation would import."""
    files = {RULES: "".join(f"{marker}\n" for marker in MARKERS), **dict.fromkeys(SCRIPTS, "x\n")}
    put(
        origin,
        {**files, PROFILE: KEPT, "bin/day_activate": ACTIVATE, "daylily_ec/__init__.py": "raise SystemExit(77)\n"},
    )
    return origin


@pytest.fixture
def launch(node: Node, launch: Launch) -> Launch:
    python = node.home / "DAY-EC/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    slurm(node, BOTH)
    return replace(launch, command='touch "$HOME/ran"; cat config/samples.tsv', needs=NEEDS)


def slurm(node: Node, partitions: str) -> None:
    (node.root / "partitions").write_text(partitions)
    asked = '[ "$*" = "--noheader --format %R|%c" ] || exit 90'
    node.program("sinfo", f"#!/bin/sh\n{asked}\ncat '{node.root}/partitions'\n")


def repo(node: Node) -> Path:
    return node.fsx / "analysis_results/alice/a.1/work"


def failed(node: Node, launch: Launch, code: int) -> str:
    """The reason of a session that failed before its command."""
    sessions.start(node.remote, launch)
    state, reason = derive(ended(node))
    assert state is WorkflowState.FAILED
    assert reason.startswith(f"The session ended while preparing, with exit code {code}: ")
    assert record(node)["message"] == reason.partition(f"{code}: ")[2]
    assert str(record(node)["message"]) in log(node)
    assert not (node.home / "ran").exists()
    return reason


def test_keys_are_added_and_what_the_profile_has_is_kept(node: Node, launch: Launch) -> None:
    sessions.start(node.remote, launch)
    assert derive(ended(node))[0] is WorkflowState.SUCCEEDED
    text = (repo(node) / PROFILE).read_text()
    assert [line for line in text.splitlines() if line in KEPT.splitlines()] == KEPT.splitlines()
    assert YAML(typ="safe").load(text) == {
        "bwa": {"threads": 16}, "bclconvert": {**DEFAULTS, "threads": "96", "parallel_tiles": 12},
    }  # fmt: skip
    lines = log(node).splitlines()
    assert any(line.endswith("kept threads=96, parallel_tiles=12") for line in lines)
    assert any(": added tmpdir=/dev/shm, force=true, partition=i192mem,i192bigmem," in line for line in lines)
    phases = [line.split("] ")[1] for line in lines if line.startswith("[20")]
    assert phases == ["starting", "activating", "preparing", "running", "finished, exit code 0"]
    assert record(node)["message"] is None
    assert git(repo(node), "status", "--porcelain", "--untracked-files=no").split() == ["M", PROFILE]


@pytest.mark.parametrize("missing", [MARKERS[0], MARKERS[4], SCRIPTS[1]])
def test_a_version_without_the_native_rules_runs_nothing(
    node: Node, origin: Path, launch: Launch, missing: str
) -> None:
    if missing in SCRIPTS:
        (origin / missing).unlink()
    put(origin, {RULES: "".join(f"{marker}\n" for marker in MARKERS if marker != missing)})
    git(origin, "tag", "-d", "2.0.26")
    git(origin, "tag", "2.0.1")
    reason = failed(node, replace(launch, git_ref=GitRef("2.0.1")), 13)
    assert missing in reason
    assert "version 2.0.1 is too old for BCL Convert launches" in reason
    assert "The catalog pins 2.0.26: launch again with --git-tag 2.0.26." in reason
    assert (repo(node) / PROFILE).read_text() == KEPT


@pytest.mark.parametrize(
    ("partitions", "why"),
    [("i8|8\ni128|128\n", "Slurm has no i192mem, i192bigmem; it has i8, i128."),
     ("i192mem|192\n", "Slurm has no i192bigmem; it has i192mem."), ("", "Slurm does not name its partitions")],
)  # fmt: skip
def test_a_run_that_slurm_could_never_schedule_does_not_start(
    node: Node, launch: Launch, partitions: str, why: str
) -> None:
    slurm(node, partitions)
    assert why in failed(node, launch, 15)
    assert (repo(node) / PROFILE).read_text() == KEPT


def test_a_corrected_profile_is_resumed_and_completed_once(node: Node, launch: Launch) -> None:
    slurm(node, "i8|8\n")
    failed(node, launch, 15)
    path = repo(node) / PROFILE
    path.write_text(f"{KEPT}    partition: i8\n")
    attempt = runs.Attempt(command='touch "$HOME/ran"; exit 3')
    runs.resume(node.remote, sessions_dir(), attempt)
    assert derive(ended(node)) == (WorkflowState.FAILED, "The command ended with exit code 3.")
    first = path.read_bytes()
    assert path.read_text().endswith("    partition: i8\n")
    assert b'force: "true"' in first
    assert "Warning: threads 96, but no node of i8 has more than 8 processors." in log(node)
    runs.resume(node.remote, sessions_dir(), replace(attempt, command="true"))
    assert derive(ended(node))[0] is WorkflowState.SUCCEEDED
    assert path.read_bytes() == first
    assert f"{path}: added nothing" in log(node)


def sessions_dir() -> runs.RunDirectory:
    return runs.RunDirectory.parse("s1", None)


def test_the_commands_own_partition_goes_before_the_profiles(node: Node, launch: Launch) -> None:
    slurm(node, "i8|8\n")
    own = json.dumps({"partition": "i8", "threads": 8})
    sessions.start(node.remote, replace(launch, needs=replace(NEEDS, bcl_settings=own)))
    assert derive(ended(node))[0] is WorkflowState.SUCCEEDED
    text = (repo(node) / PROFILE).read_text()
    assert '    partition: "i8"\n' in text
    assert "    threads: '96'\n" in text
    assert "Settings of the command: partition=i8, threads=8" in log(node)


@pytest.mark.parametrize(
    ("profile", "why"),
    [("bwa: 1\n", "has no block bclconvert:"), ("bclconvert: [\n", "is not read as YAML"),
     ('bclconvert: {partition: "i9\\e\\n\\x01$(touch PWNED)`touch PWNED`"}\n', "has no i9")],
)  # fmt: skip
def test_an_unusable_or_hostile_profile_is_refused_and_stays(
    node: Node, origin: Path, launch: Launch, profile: str, why: str
) -> None:
    put(origin, {PROFILE: profile})
    assert why in failed(node, launch, 15 if "i9" in why else 14)
    assert (repo(node) / PROFILE).read_text() == profile
    assert list(node.root.rglob("PWNED")) == []


def test_hostile_settings_stay_values(node: Node, launch: Launch) -> None:
    hostile = "x'\"`touch PWNED`$(touch PWNED)\\ \n;touch PWNED é"
    needs = Needs(f"1.{hostile}", True, json.dumps({"tmpdir": hostile}), ("a", hostile))
    sessions.start(node.remote, replace(launch, needs=needs))
    assert derive(ended(node))[0] is WorkflowState.SUCCEEDED
    assert YAML(typ="safe").load((repo(node) / PROFILE).read_text())["bclconvert"]["tmpdir"] == hostile
    assert list(node.root.rglob("PWNED")) == []


@pytest.mark.parametrize("python", [None, "#!/bin/sh\necho 'No module named ruamel' >&2\nexit 1\n"])
def test_a_node_whose_dyec_cannot_do_it_is_to_be_configured(node: Node, launch: Launch, python: str | None) -> None:
    path = node.home / "DAY-EC/bin/python"
    path.unlink()
    if python:
        path.write_text(python)
        path.chmod(0o755)
    reason = failed(node, launch, 16)
    assert reason.endswith("run: dyec headnode configure")
    assert ("No module named ruamel" in reason) == (python is not None)


def test_without_activation_by_the_session_only_the_rules_are_looked_at(node: Node, launch: Launch) -> None:
    slurm(node, "")
    sessions.start(node.remote, replace(launch, activate=False))
    assert derive(ended(node))[0] is WorkflowState.SUCCEEDED
    assert "the profile stays as it is" in log(node)


def test_an_activation_without_a_profile_is_named(node: Node, origin: Path, launch: Launch) -> None:
    put(origin, {"bin/day_activate": "true\n"})
    assert "has set no DAY_PROFILE_DIR" in failed(node, launch, 14)


def test_other_launches_are_not_prepared(node: Node, origin: Path, launch: Launch) -> None:
    put(origin, {RULES: "", PROFILE: "a: 1\n"})
    sessions.start(node.remote, replace(launch, needs=Needs("2.0.26")))
    assert derive(ended(node))[0] is WorkflowState.SUCCEEDED
    assert "preparing" not in log(node)
    assert "Warning" not in log(node)


@pytest.mark.parametrize(
    ("tag", "more", "pin", "warned"),
    [("2.0.25", False, "2.0.26", "version 2.0.25 is older than 2.0.26"),
     ("2.0.9", False, "2.0.26", "version 2.0.9 is older than 2.0.26"),
     ("v1.9", False, "2.0.26", "version v1.9 is older than 2.0.26"),
     ("2.0.25", True, "2.0.26", "version 2.0.25-1-g"),
     ("2.0.26", False, "2.0.26", ""), ("2.0.26", True, "2.0.26", ""), ("2.1.0", False, "2.0.26", ""),
     ("2.0.100", False, "2.0.26", ""), ("1.0", False, "main", ""), ("1.0", False, "", ""),
     ("release", False, "2.0.26", "no tag says which version this is; before 2.0.26")],
)  # fmt: skip
def test_targets_that_an_older_version_may_fail_to_make_are_warned_of(
    node: Node, origin: Path, launch: Launch, tag: str, more: bool, pin: str, warned: str
) -> None:
    git(origin, "tag", "-d", "2.0.26")
    git(origin, "tag", tag)
    if more:
        git(origin, "commit", "-q", "--allow-empty", "-m", "later")
    needs = Needs(pin, repaired_targets=("produce_vep", "produce_multiqc_all"))
    ref = GitRef("main" if more else tag)
    sessions.start(node.remote, replace(launch, git_ref=ref, needs=needs))
    assert derive(ended(node))[0] is WorkflowState.SUCCEEDED
    lines = [line for line in log(node).splitlines() if line.startswith("Warning")]
    assert len(lines) == bool(warned)
    assert all(warned in line and line.endswith(": produce_vep produce_multiqc_all") for line in lines)
    assert git(repo(node), "status", "--porcelain", "--untracked-files=no") == ""
