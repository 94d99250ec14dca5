"""The daemon's life: start, adopt, die, be cleaned up after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daylily_ec.localcloud.daemon import UpOptions, down, reset, status, up
from daylily_ec.localcloud.layout import Layout, default_layout
from daylily_ec.localcloud.leftovers import MARK
from daylily_ec.localcloud.liveness import LocalCloudError, find
from tests.integration.localcloud_aws.conftest import NODES, Cloud, eventually


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "config" / "daylily" / "local")


def gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_root_is_in_the_configuration_directory() -> None:
    assert default_layout({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}).root == Path("/c/daylily/local")
    assert default_layout({"HOME": "/h"}).root == Path("/h/.config/daylily/local")


def test_up_twice_is_one_daemon_and_down_leaves_nothing(layout: Layout, tmp_path: Path) -> None:
    first = up(layout, NODES)
    second = up(layout, NODES)
    assert (first.outcome, second.outcome) == ("CREATED", "ADOPTED")
    assert (first.pid, first.endpoint) == (second.pid, second.endpoint)
    assert first.endpoint.startswith("http://127.0.0.1:")
    assert status(layout).running
    assert down(layout).was == "running"
    assert gone(first.pid)
    assert list(tmp_path.rglob("*")) == []
    assert down(layout).was == "absent"
    assert not status(layout).running


def test_killed_daemon_and_its_children_are_cleaned_up(layout: Layout) -> None:
    first = up(layout, NODES)
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, MARK: str(layout.root)}
    )
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: gone(first.pid), bool)
    assert find(layout) is None
    second = up(layout, NODES)
    assert second.outcome == "CREATED"
    assert second.pid != first.pid
    assert orphan.wait(timeout=10) == -signal.SIGKILL
    os.kill(second.pid, signal.SIGKILL)
    eventually(lambda: gone(second.pid), bool)
    assert down(layout).was == "dead"
    assert not layout.root.parents[1].exists()


def test_a_directory_that_was_there_before_stays(layout: Layout, tmp_path: Path) -> None:
    layout.root.parents[1].mkdir()
    up(layout, NODES)
    down(layout)
    assert list(tmp_path.rglob("*")) == [layout.root.parents[1]]


def test_a_recycled_process_id_is_left_alone(layout: Layout) -> None:
    layout.root.mkdir(parents=True)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    record = {"pid": stranger.pid, "endpoint": "http://127.0.0.1:9", "instance": "x", "root": str(layout.root)}
    layout.server_file.write_text(json.dumps(record))
    assert find(layout) is None
    assert down(layout).was == "dead"
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_record_of_another_instance_is_not_ours(layout: Layout, cloud: Cloud) -> None:
    layout.root.mkdir(parents=True)
    record = json.loads(cloud.layout.server_file.read_text())
    layout.server_file.write_text(json.dumps({**record, "instance": "older"}))
    assert find(layout) is None
    assert down(layout).was == "dead"
    assert status(cloud.layout).running


def test_port_in_use_is_one_clear_error(layout: Layout, cloud: Cloud) -> None:
    port = int(cloud.endpoint.rpartition(":")[2])
    with pytest.raises(LocalCloudError, match=rf"cannot listen on port {port}"):
        up(layout, UpOptions(port=port, manager=NODES.manager))
    assert not layout.root.exists()


def test_a_daemon_without_the_wanted_mount_is_not_adopted(cloud: Cloud) -> None:
    with pytest.raises(LocalCloudError, match="runs without node mount /srv:/opt/srv") as caught:
        up(cloud.layout, UpOptions(node_mounts=("/srv:/opt/srv",)))
    assert caught.value.hint == "dyec local down"


def test_reset_empties_the_account_and_keeps_the_daemon(layout: Layout) -> None:
    started = up(layout, NODES)
    own = Cloud(layout, started.endpoint, layout.root)
    own.client("s3").create_bucket(Bucket="short-lived", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    own.control("POST", "quota", {"service": "ec2", "code": "L-1216C47A", "value": 1})
    assert reset(layout).pid == started.pid
    assert own.client("s3").list_buckets()["Buckets"] == []
    quota = own.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]
    assert quota["Value"] == 640
    assert own.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/daylily-local"
    down(layout)


def test_reset_without_a_daemon_says_what_to_do(layout: Layout) -> None:
    with pytest.raises(LocalCloudError) as caught:
        reset(layout)
    assert caught.value.code == "local_cloud_down"
    assert caught.value.hint == "dyec local up"
