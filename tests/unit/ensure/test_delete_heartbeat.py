"""`delete` takes the heartbeat away once AWS has accepted the deletion, and not before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daylily_ec.errors import NotFound, Refused
from tests.conftest import FakeClock
from tests.unit.delete.scene import Scene
from tests.unit.ensure.fakes import refused
from tests.unit.fsx.fakes import CLUSTER


@pytest.fixture
def scene(clock: FakeClock, tmp_path: Path) -> Scene:
    made = Scene(clock, tmp_path)
    made.topics.create(f"daylily-{CLUSTER}-heartbeat")
    return made


@pytest.mark.weakness("W-53")
def test_it_goes_after_the_deletion_was_accepted(scene: Scene) -> None:
    order = []
    accept, remove = scene.pcluster.delete, scene.topics.delete

    def accepted(name: Any) -> str:
        order.append("accepted")
        return accept(name)

    def removed(arn: str) -> None:
        order.append("removed")
        remove(arn)

    scene.pcluster.delete, scene.topics.delete = accepted, removed  # type: ignore[method-assign]
    assert scene.delete().warnings == ()
    assert order == ["accepted", "removed"]
    assert scene.topics.kept == {}


@pytest.mark.weakness("W-53")
def test_a_refused_deletion_leaves_it(scene: Scene) -> None:
    scene.world.node.jobs = [{"job_id": 7, "name": "align", "job_state": "RUNNING"}]
    with pytest.raises(Refused):
        scene.delete()
    assert scene.topics.kept


@pytest.mark.weakness("W-53")
def test_a_deletion_that_pcluster_refuses_leaves_it(scene: Scene) -> None:
    def refuse(name: Any) -> str:
        raise refused("BadRequest")

    scene.pcluster.delete = refuse  # type: ignore[method-assign]
    with pytest.raises(Exception, match="BadRequest"):
        scene.delete()
    assert scene.topics.kept


@pytest.mark.weakness("W-43")
def test_a_cluster_of_ours_that_somebody_else_deleted_stops_mailing(scene: Scene) -> None:
    scene.record()
    scene.world.clusters.view = None
    with pytest.raises(NotFound):
        scene.delete()
    assert scene.topics.kept == {}


def test_what_cannot_be_removed_is_a_warning_of_the_result(scene: Scene) -> None:
    def refuse(arn: str) -> None:
        raise refused("InternalError")

    scene.topics.delete = refuse  # type: ignore[method-assign]
    deleted = scene.delete()
    assert deleted.status == "deleted"
    assert deleted.warnings == (f"topic daylily-{CLUSTER}-heartbeat was not removed: InternalError: ",)
