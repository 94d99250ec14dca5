"""What the commands that touch no AWS may import."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "pydantic", "moto", "pcluster", "rich")


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["--json", "version"], ["--json", "state", "list"]])
def test_commands_without_aws_load_nothing_heavy(arguments: list[str], tmp_path: object) -> None:
    probe = (
        "import sys; from daylily_ec.cli.main import main; code = main(sys.argv[1:]); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "[] 0"
