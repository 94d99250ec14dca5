"""P8: in no state of exports, results, jobs and node does `delete` lose what nobody has acknowledged."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from daylily_ec.errors import AccessDenied, CredentialsExpired, Refused
from daylily_ec.fsx.verification import Mode
from daylily_ec.workflow.delete_results import Cover
from daylily_ec.workflow.deletion import Acknowledged
from tests.conftest import FakeClock
from tests.unit.delete.scene import SOURCE, TARGET, Scene
from tests.unit.fsx.fakes import FS

JOB = {"job_id": 7, "name": "align"}
FLAGS = tuple(field.name for field in fields(Acknowledged))
LIFECYCLES = {
    "none": None, "available": "AVAILABLE", "failed": "FAILED", "misconfigured": "MISCONFIGURED", "new": "A_NEW_STATE",
    "leaving": "DELETING", "mount": "AVAILABLE", "untagged": "AVAILABLE",
}  # fmt: skip
_ATTACHED = {"available", "failed", "misconfigured", "new", "untagged"}
OPEN = {"PENDING", "EXECUTING", "CANCELING", "A_NEW_STATE"}
TASKS = (*sorted(OPEN), "SUCCEEDED", "FAILED", "CANCELED", "none", "unreadable")
QUEUES = (("none", "up"), ("RUNNING", "up"), ("unreadable", "up"), ("none", "stopped"), ("none", "gone"))


def _receipt(scene: Scene, **changes: object) -> None:
    key = ("results", "derived/ubuntu/a1/_daylily_monitor/fsx_export.yaml")
    document = json.loads(scene.world.s3.data[key])
    document["fsx_export"] |= changes
    scene.world.s3.data[key] = (json.dumps(document) + "\n").encode()


def _exported(scene: Scene) -> None:
    scene.compute()
    scene.export()


def _unfinished(scene: Scene) -> None:
    _exported(scene)
    _receipt(scene, status="started")


def _failed(scene: Scene) -> None:
    _exported(scene)
    _receipt(scene, status="error")


def _mismatched(scene: Scene) -> None:
    _exported(scene)
    _receipt(scene, verification={"mismatches": 1})


def _sized(scene: Scene) -> None:
    """Only keys and sizes were ever compared."""
    scene.compute()
    scene.export(Mode.SIZES)


def _damaged(scene: Scene) -> None:
    _exported(scene)
    scene.world.s3.data["results", "derived/ubuntu/a1/_daylily_monitor/fsx_export.yaml"] = b'{"fsx_export": {'


def _of_another(scene: Scene) -> None:
    _exported(scene)
    _receipt(scene, fsx_file_system_id="fs-00000000000000000")


def _changed(scene: Scene) -> None:
    _exported(scene)
    scene.world.tree.write("work/more", b"x")


def _changed_in_secret(scene: Scene) -> None:
    """Other bytes of the same size, and the time of modification set back."""
    _exported(scene)
    name = b"work/out.vcf"
    scene.world.tree.entries[name] = ("f", b"VARIANTS")
    scene.world.tree.changed[name] = 4_000_000_000


def _touched(scene: Scene) -> None:
    """Only the change time moved: the content is that of the manifest."""
    _exported(scene)
    scene.world.tree.changed[b"work/out.vcf"] = 4_000_000_000


def _removed(scene: Scene) -> None:
    _exported(scene)
    del scene.world.s3.data["results", "derived/ubuntu/a1/work/out.vcf"]


def _shortened(scene: Scene) -> None:
    _exported(scene)
    scene.world.s3.data["results", "derived/ubuntu/a1/work/out.vcf"] = b"vari"


def _not_exportable(scene: Scene) -> None:
    scene.world.tree.beside.append(b"f 3 1.0 1.0 notes.txt\0")


def _unlisted(scene: Scene) -> None:
    _exported(scene)
    scene.world.node.look_code = 1


RESULTS: dict[str, tuple[Callable[[Scene], None], bool]] = {
    "empty": (lambda _: None, True), "computed": (Scene.compute, False), "verified": (_exported, True),
    "touched": (_touched, True), "started": (_unfinished, False), "error": (_failed, False),
    "mismatched": (_mismatched, False), "sized": (_sized, False), "damaged": (_damaged, False),
    "another": (_of_another, False),
    "changed": (_changed, False), "changed in secret": (_changed_in_secret, False), "removed": (_removed, False),
    "shortened": (_shortened, False), "not exportable": (_not_exportable, False), "unlisted": (_unlisted, False),
}  # fmt: skip


def _prepared(scene: Scene, attached: str, task: str, results: str, jobs: str, node: str) -> set[str]:
    """Bring the world into that state; the flags that it takes."""
    prepare, safe = RESULTS[results]
    prepare(scene)
    world = scene.world
    if LIFECYCLES[attached]:
        tags = {} if attached in ("mount", "untagged") else {"lsmc:purpose": "output-export"}
        path = "/run_dir_mounts/e/" if attached == "mount" else "/analysis_results/e/a/"
        world.fsx.add(path, "s3://results/e/a/", str(LIFECYCLES[attached]), tags=tags)
    if task == "unreadable":
        world.fsx.denied = AccessDenied("fsx:DescribeDataRepositoryTasks is denied")
    elif task != "none":
        scene.export_task(task)
    world.node.jobs = [{**JOB, "job_state": jobs}] if jobs in ("RUNNING", "PENDING", "COMPLETED") else []
    world.node.slurm_code = 1 if jobs == "unreadable" else 0
    assert world.clusters.view is not None
    if node == "stopped":
        world.node.unreachable = "the head node is stopped"
    elif node == "gone":
        world.clusters.view = replace(world.clusters.view, head_node=None)
    unreadable = task == "unreadable"
    return {
        flag
        for flag, needed in {
            # What FSx does not tell is not known to be unfinished.
            "abandon_exports": not unreadable and (task in OPEN or attached in _ATTACHED),
            "exports_unknown_ok": unreadable,
            # Where the receipt lies is known from FSx alone here.
            "lose_results": node != "up" or not safe or (unreadable and results != "empty"),
            "kill_jobs": node == "up" and jobs in ("RUNNING", "PENDING"),
            "node_unreachable_ok": node == "stopped" or (node == "up" and jobs == "unreadable"),
        }.items()
        if needed
    }


def _refusal(scene: Scene, flags: set[str]) -> set[str]:
    """Which flags the refusal names; it must name them all at once, and delete nothing."""
    before = len(scene.pcluster.deleted)
    with pytest.raises(Refused) as error:
        scene.delete(Acknowledged(**dict.fromkeys(flags, True)))
    assert len(scene.pcluster.deleted) == before
    assert not scene.confirmed
    named = {str(gate["flag"]) for gate in error.value.details["gates"]}  # type: ignore[attr-defined]
    assert named == {word for word in error.value.hint.split() if word.startswith("--")}
    assert all(f"[{flag}]" in error.value.message for flag in named)
    return {flag[2:].replace("-", "_") for flag in named}


def _tried(scene: Scene, needed: set[str]) -> int:
    """Every way to give a flag too few is refused and named, exactly the needed ones delete; how many refusals."""
    if needed:
        assert _refusal(scene, set()) == needed
        assert _refusal(scene, set(FLAGS) - needed) == needed
        for flag in needed if len(needed) > 1 else ():
            assert _refusal(scene, needed - {flag}) == {flag}
    scene.delete(Acknowledged(**dict.fromkeys(needed, True)))
    assert len(scene.pcluster.deleted) == 1
    return 0 if not needed else 2 + (len(needed) if len(needed) > 1 else 0)


@pytest.mark.weakness("W-51")
@pytest.mark.parametrize("results", RESULTS)
def test_p8_every_state_refuses_with_exactly_its_flags_and_obeys_exactly_them(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], results: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    states = refusals = 0
    tasks = ("none", "EXECUTING", "SUCCEEDED", "unreadable")
    for attached, task, (jobs, node) in itertools.product(("none", "available", "leaving"), tasks, QUEUES):
        scene = Scene(clock, tmp_path / str(states))
        needed = _prepared(scene, attached, task, results, jobs, node)
        refusals += _tried(scene, needed)
        states += 1
    with capsys.disabled():
        print(f"\nP8 {results}: {states} states, {refusals} refusals, {states} deletions, 0 losses", end="")
    assert states == 3 * len(tasks) * len(QUEUES)


@pytest.mark.weakness("W-51")
@pytest.mark.parametrize("attached", LIFECYCLES)
@pytest.mark.parametrize("task", TASKS)
def test_p8_every_lifecycle_of_association_and_task(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attached: str, task: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for jobs in ("PENDING", "COMPLETED"):
        scene = Scene(clock, tmp_path / jobs)
        _tried(scene, _prepared(scene, attached, task, "verified", jobs, "up"))


@pytest.fixture
def scene(clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Scene(clock, tmp_path)


def test_a_receipt_that_fsx_forgot_is_found_when_it_is_named(scene: Scene) -> None:
    scene.compute()
    folder = scene.export()
    scene.world.fsx.jobs.clear()
    assert _refusal(scene, set()) == {"lose_results"}
    for place in (str(folder), TARGET):
        assert scene.plan((place,)).closed == ()
    found = (scene.plan((TARGET,)).results or ())[0]
    assert (found.path, found.cover, found.mode, found.files) == (SOURCE, Cover.VERIFIED, "checksum", 1)


def test_the_receipt_of_this_machine_is_found(scene: Scene, tmp_path: Path) -> None:
    scene.compute()
    kept = tmp_path / "config/daylily/exports/us-west-2" / FS / "ubuntu"
    kept.mkdir(parents=True)
    scene.export().rename(kept / "a1")
    scene.world.fsx.jobs.clear()
    assert scene.plan().closed == ()
    (kept / "a1" / "manifest.jsonl.gz").unlink()
    assert scene.plan().closed == (), "S3 holds the manifest too"


def test_results_on_a_file_system_that_is_kept_are_not_lost(scene: Scene) -> None:
    scene.compute()
    scene.retention.kept = {FS: "Retain"}
    assert scene.plan().gates == ()


def test_results_on_a_file_system_whose_fate_is_not_known_count_as_lost(scene: Scene) -> None:
    scene.compute()
    scene.retention.kept = {FS: "unknown"}
    assert _refusal(scene, set()) == {"lose_results"}


def test_a_cluster_that_was_never_used_has_no_results(scene: Scene) -> None:
    assert scene.world.clusters.view is not None
    scene.world.clusters.view = replace(scene.world.clusters.view, head_node=None, status="CREATE_FAILED")
    assert scene.plan().gates == ()


def test_expired_credentials_are_no_gate_that_a_flag_could_open(scene: Scene) -> None:
    scene.world.fsx.denied = CredentialsExpired("expired")
    with pytest.raises(CredentialsExpired):
        scene.delete(Acknowledged(**dict.fromkeys(FLAGS, True)))


def test_results_that_appear_while_the_user_types_stop_the_deletion(scene: Scene) -> None:
    with pytest.raises(Refused, match="would be lost"):
        scene.delete(confirm=lambda _: scene.compute())
    assert not scene.pcluster.deleted
