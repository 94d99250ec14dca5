"""One writer per cluster: the second one is told who holds the lock, and death releases it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daylily_ec.errors import Busy
from daylily_ec.state.locks import cluster_lock
from daylily_ec.util.clock import Clock

HOLDER = """
import sys
from pathlib import Path
from daylily_ec.state.locks import cluster_lock
from daylily_ec.util.clock import SystemClock
with cluster_lock(Path(sys.argv[1]), "us-west-2", "majors", "create", SystemClock()):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_writer_is_told_who_is_at_it(tmp_path: Path, clock: Clock) -> None:
    with (
        cluster_lock(tmp_path, "us-west-2", "majors", "create", clock),
        pytest.raises(Busy, match=rf"process {os.getpid()} \(create, since 2026-02-11"),
        cluster_lock(tmp_path, "us-west-2", "majors", "delete", clock),
    ):
        pass


def test_other_clusters_and_regions_are_free(tmp_path: Path, clock: Clock) -> None:
    with (
        cluster_lock(tmp_path, "us-west-2", "majors", "create", clock),
        cluster_lock(tmp_path, "us-west-2", "minors", "create", clock),
        cluster_lock(tmp_path, "eu-west-1", "majors", "create", clock),
    ):
        assert len(list((tmp_path / "locks").glob("*.holder"))) == 3
    assert not list((tmp_path / "locks").glob("*.holder"))


def test_a_killed_holder_releases_the_lock(tmp_path: Path, clock: Clock) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Busy), cluster_lock(tmp_path, "us-west-2", "majors", "create", clock):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with cluster_lock(tmp_path, "us-west-2", "majors", "create", clock):
        pass
