#!/usr/bin/env python3
"""Start-up of `dyec --help`, `version` and `--json state list` beside the reference release, interleaved.

    python -m venv /tmp/ref && /tmp/ref/bin/pip install daylily-ephemeral-cluster==5.1.5
    benchmarks/startup.py --reference /tmp/ref/bin/dyec [--runs 15] [--raw startup.json]

Each pair runs ours, then theirs; wall time and peak memory come from the operating system; only runs with exit code 0
count.  Printed: the medians and the median of the pairwise ratios.  Goal: wall ratio at most 0.6.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = (["--help"], ["version"], ["--json", "state", "list"])


def measure(program: str, arguments: list[str], home: str) -> tuple[float, float]:
    """Wall seconds and peak MiB of one run."""
    env = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": f"{home}/.config", "CONDA_DEFAULT_ENV": "DAY-EC"}
    start = time.perf_counter()
    child = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{program} {' '.join(arguments)} ended with {child.returncode}: not counted")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--ours", default=str(Path(sys.executable).parent / "dyec"))
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--raw", default="")
    args = parser.parse_args()
    raw: dict[str, list[dict[str, float]]] = {}
    print(f"{'command':24} {'ours':>16} {'reference':>18} {'ratio':>7}")
    for command in COMMANDS:
        rows = []
        with tempfile.TemporaryDirectory() as home:
            measure(args.ours, command, home), measure(args.reference, command, home)
            for _ in range(args.runs):
                (ours, our_mib), (theirs, their_mib) = (measure(p, command, home) for p in (args.ours, args.reference))
                rows.append({"ours_s": ours, "ours_mib": our_mib, "reference_s": theirs, "reference_mib": their_mib})
        raw[" ".join(command)] = rows
        median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        ratio = statistics.median(row["ours_s"] / row["reference_s"] for row in rows)
        print(f"{' '.join(command):24} {median['ours_s']:7.3f} s {median['ours_mib']:3.0f} MiB "
              f"{median['reference_s']:7.3f} s {median['reference_mib']:3.0f} MiB {ratio:7.2f}")  # fmt: skip
    if args.raw:
        Path(args.raw).write_text(json.dumps(raw, indent=2) + "\n")


if __name__ == "__main__":
    main()
