"""`dyec local account`: storage with stand-in content, and a configuration file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from daylily_ec.localcloud.account import Account
from daylily_ec.localcloud.daemon import down, up
from daylily_ec.localcloud.layout import default_layout
from daylily_ec.localcloud.profile import environment
from tests.integration.localcloud_aws.conftest import NODES, ROOT


def account(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "daylily_ec", "local", "account", *arguments], capture_output=True, text=True,
        check=False, env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_the_account_is_provided_once_and_kept(tmp_path: Path) -> None:
    layout = default_layout({"HOME": str(tmp_path)})
    assert account(tmp_path).returncode == 4, "without a local cloud there is no account"
    up(layout, NODES)
    try:
        first = account(tmp_path)
        config = tmp_path / ".config/daylily/daylily_local_cluster.yaml"
        assert first.returncode == 0, first.stderr
        assert f"export DAY_EX_CFG={config}\n" in first.stdout
        config.write_text("# edited\n")
        assert account(tmp_path).stdout == first.stdout
        assert config.read_text() == "# edited\n"
        s3 = Account(environment(layout)).client("s3")
        names = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        assert names == {
            "daylily-references",
            "daylily-control-data",
            "daylily-sequencing-data",
            "daylily-sequencer-runs",
        }
        other = tmp_path / "other.yaml"
        assert account(tmp_path, "--config", str(other)).returncode == 0
        assert "reference_s3_uri: [USESETVALUE" in other.read_text()
    finally:
        down(layout)
