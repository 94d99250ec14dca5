"""A boot script that really exits with 7 in a real box: what the operator reads first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.create.desk import ROOT, Operator

pytestmark = pytest.mark.e2e
SCRIPT = "config/day_cluster/post_install_ubuntu_combined.sh"


def resources_with(tmp_path: Path, old: str, new: str) -> str:
    """Packaged resources whose boot script is changed."""
    for name in ("config", "etc"):
        shutil.copytree(ROOT / name, tmp_path / "resources" / name)
    script = tmp_path / "resources" / SCRIPT
    text = script.read_text()
    assert old in text
    script.write_text(text.replace(old, new))
    return str(tmp_path / "resources")


def test_script_code_and_last_lines_come_first(boxed: Operator, tmp_path: Path) -> None:
    resources = resources_with(
        tmp_path, "wait_for_references() {\n", 'wait_for_references() {\n    echo "no disk"; exit 7\n'
    )
    command = [word for word in boxed.command("seven") if word != "--json"]
    ended = boxed.dyec(*command, DAYLILY_EC_RESOURCES_DIR=resources)
    assert ended.code == 2
    lines = ended.err.split("Error: ")[1].splitlines()
    assert lines[0].startswith("Cluster seven was not created: boot script s3://")
    assert "post_install_ubuntu_combined.sh failed with exit code 7 on the head node." in lines[0]
    assert lines[1].startswith("Last lines of its output")
    assert "  | no disk" in lines[2:12]
    assert any("ended with exit code 7" in line for line in lines[2:12])
