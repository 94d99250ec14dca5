"""Records anew which AWS calls the commands make: python -m tests.permissions [--keep FILE]

Runs the tests whose commands together take every path while their witnesses write down what the local cloud's request
log shows, and replaces `recorded_calls.json`: create, its failures, resuming, two operators; preflight as a user, a
member of a group and an assumed role; plan; head node, staging, mounts, launch, logs, export, delete; the shipped
templates before the real pcluster.  `tests/contract/test_policies.py` says afterwards what `config/aws/` lacks or has
without need.  A quarter of an hour on two cores; needs what `dyec local doctor` asks for.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.permissions.recording import FILE, VARIABLE, merge

ROOT = Path(__file__).resolve().parents[2]
RUNS = (
    "tests/integration/permissions", "tests/integration/create", "tests/integration/preflight/test_preflight.py",
    "tests/integration/price", "tests/integration/dataplane",
    "tests/integration/headnode/test_on_the_local_cloud.py", "tests/e2e/test_life_cycle.py",
    "tests/e2e/test_headnode_setup.py", "tests/e2e/test_launch.py", "tests/e2e/test_readme_launches.py",
    "tests/e2e/test_resume.py",
    "tests/faults/test_sample.py",
)  # fmt: skip


def main(words: list[str]) -> int:
    """Exit status of the tests; the recording is replaced only when all of them passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.permissions", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--keep", type=Path, help="where the witnesses' lines go, instead of a temporary file")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        lines = given.keep or Path(folder) / "calls.jsonl"
        lines.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *RUNS]
        ended = subprocess.run(command, env={**os.environ, VARIABLE: str(lines.absolute())}, cwd=ROOT, check=False)
        if ended.returncode == 0:
            FILE.write_text(merge(lines.read_text().splitlines()))
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
