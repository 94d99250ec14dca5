"""Publishing the boot script, and the decision between creating, adopting and refusing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ClusterFailed, Refused
from daylily_ec.plan.steps import Action, Bindings
from daylily_ec.workflow.create_steps import BootStep, Claim, ClusterStep, judge
from tests.unit.pcluster.fakes import FakePcluster
from tests.unit.workflow_create.fakes import FakeClusters, FakeS3, view

CLAIM = Claim("run-1", "arn:ann", "hash-1")
MINE = {"dyec:owner": "arn:ann", "dyec:config-hash": "hash-1", "dyec:run-id": "run-1"}
FINISHED = Claim("run-1", "arn:ann", "hash-1", "run-0")
NAME = ClusterName("majors")


def boot(s3: FakeS3, body: bytes = b"#!/bin/bash\n") -> BootStep:
    return BootStep(s3, S3Prefix("ref", "data/"), "0.1.0", {"boot.sh": body})


@pytest.mark.weakness("W-11")
def test_another_content_goes_to_another_prefix_and_the_old_one_stays() -> None:
    s3 = FakeS3()
    for body in (b"one", b"two"):
        step = boot(s3, body)
        step.apply(Bindings(), step.observe(Bindings()))
    assert len(s3.stored) == 4
    assert {body for key, body in s3.stored.items() if key.endswith("/boot.sh")} == {b"one", b"two"}
    assert all(key.startswith("ref/data/runtime_assets/cluster_boot_config/0.1.0-") for key in s3.stored)


def test_published_once_it_is_found_done() -> None:
    s3 = FakeS3()
    step = boot(s3)
    first = step.observe(Bindings())
    assert first.action is Action.CREATE
    assert step.apply(Bindings(), first) == {"boot_uri": step.prefix.bare}
    again = step.observe(Bindings())
    assert step.is_done(again)
    assert [key.rsplit("/", 1)[1] for key in s3.writes] == ["boot.sh", "SHA256SUMS"]


def test_the_sums_speak_of_every_file_and_come_last() -> None:
    step = BootStep(FakeS3(), S3Prefix("ref", ""), "0.1.0", {"sbatch": b"b", "boot.sh": b"a"})
    name, sums = step.published[-1]
    assert name == "SHA256SUMS"
    assert sums.decode() == "".join(f"{hashlib.sha256(text).hexdigest()}  {file}\n" for text, file in
                                    ((b"a", "boot.sh"), (b"b", "sbatch")))  # fmt: skip


def test_an_object_of_another_size_under_our_hash_is_refused() -> None:
    s3 = FakeS3()
    step = boot(s3)
    s3.stored[f"ref/{step.prefix.object_key('boot.sh')}"] = b"tampered with"
    with pytest.raises(Refused, match="13 bytes instead of 12"):
        step.observe(Bindings())


def test_no_cluster_means_create() -> None:
    assert judge(None, CLAIM, "us-west-2").action is Action.CREATE


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "CREATE_COMPLETE", "ROLLBACK_IN_PROGRESS"])
def test_our_own_run_is_adopted_in_any_state(status: str) -> None:
    observed = judge(view(status, **MINE), CLAIM, "us-west-2")
    assert (observed.action, observed.outputs) == (Action.ADOPT, {"stack_id": "arn:stack/majors"})


def test_the_same_caller_s_same_configuration_from_elsewhere_is_adopted() -> None:
    assert (
        judge(view("CREATE_IN_PROGRESS", **{**MINE, "dyec:run-id": "run-9"}), CLAIM, "us-west-2").action is Action.ADOPT
    )


@pytest.mark.weakness("W-01")
@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE"])
def test_the_cluster_of_a_finished_run_is_there_and_stays_as_it_is(status: str) -> None:
    observed = judge(view(status, **{**MINE, "dyec:run-id": "run-0"}), FINISHED, "us-west-2")
    assert (observed.action, observed.outputs) == (Action.UNCHANGED, {"stack_id": "arn:stack/majors"})
    assert cluster(FakeClusters([None]), FakePcluster(), None).is_done(observed)


@pytest.mark.parametrize(
    ("status", "tags", "claim"),
    [
        ("CREATE_COMPLETE", {**MINE, "dyec:owner": "arn:bob"}, CLAIM),
        ("CREATE_IN_PROGRESS", {**MINE, "dyec:config-hash": "hash-2"}, CLAIM),
        ("CREATE_COMPLETE", {}, CLAIM),
        ("ROLLBACK_COMPLETE", {**MINE, "dyec:run-id": "run-0"}, CLAIM),
        ("DELETE_IN_PROGRESS", {**MINE, "dyec:run-id": "run-0"}, CLAIM),
        ("CREATE_COMPLETE", {**MINE, "dyec:run-id": "run-0", "dyec:config-hash": "hash-2"}, FINISHED),
        ("DELETE_IN_PROGRESS", {**MINE, "dyec:run-id": "run-0"}, FINISHED),
        ("CREATE_IN_PROGRESS", {**MINE, "dyec:run-id": "run-0"}, FINISHED),
    ],
)
def test_anything_else_is_refused_naming_owner_arn_and_start(status: str, tags: dict[str, str], claim: Claim) -> None:
    with pytest.raises(Refused) as caught:
        judge(view(status, **tags), claim, "us-west-2")
    for fact in (tags.get("dyec:owner", "somebody"), "arn:stack/majors", "2026-02-11T14:37:22Z", status):
        assert fact in caught.value.message
    assert caught.value.code == "cluster_exists"


def cluster(clusters: FakeClusters, pcluster: FakePcluster, yaml: Path | None) -> ClusterStep:
    return ClusterStep(NAME, "us-west-2", CLAIM, clusters, pcluster, yaml)


def test_the_rendered_file_is_submitted(tmp_path: Path) -> None:
    yaml, pcluster = tmp_path / "c.yaml", FakePcluster()
    yaml.write_text("Region: us-west-2\n")
    step = cluster(FakeClusters([None]), pcluster, yaml)
    assert step.apply(Bindings(), step.observe(Bindings())) == {"stack_id": "arn:cluster"}
    assert pcluster.created == [("majors", "Region: us-west-2\n", False)]


@pytest.mark.weakness("W-56")
def test_a_lost_race_is_adopted_when_the_winner_is_the_same_run_and_refused_otherwise(tmp_path: Path) -> None:
    yaml = tmp_path / "c.yaml"
    yaml.write_text("x")
    lost = ClusterFailed("Cluster majors already exists.")
    won = cluster(FakeClusters([None, view("CREATE_IN_PROGRESS", **MINE)]), FakePcluster(refusal=lost), yaml)
    outputs = won.apply(Bindings(), won.observe(Bindings()))
    assert outputs["stack_id"] == "arn:stack/majors"
    for fact in ("arn:stack/majors", "owner arn:ann", "2026-02-11T14:37:22Z", "run run-1"):
        assert fact in outputs["adopted"]
    foreign = view("CREATE_IN_PROGRESS", **{**MINE, "dyec:owner": "arn:bob"})
    other = cluster(FakeClusters([None, foreign]), FakePcluster(refusal=lost), yaml)
    with pytest.raises(Refused, match="arn:bob"):
        other.apply(Bindings(), other.observe(Bindings()))
    broken = cluster(FakeClusters([None]), FakePcluster(refusal=lost), yaml)
    with pytest.raises(ClusterFailed):
        broken.apply(Bindings(), broken.observe(Bindings()))
