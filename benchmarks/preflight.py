#!/usr/bin/env python3
"""`dyec preflight --non-interactive` beside the reference release, interleaved, on one local cloud with latency.

    python -m venv /tmp/ref && /tmp/ref/bin/pip install daylily-ephemeral-cluster==5.1.5
    benchmarks/preflight.py --reference /tmp/ref/bin/dyec [--runs 7] [--latency-ms 60] [--raw preflight.json]

Both read the same account with the same configuration; every AWS call is answered `latency` later.  Call counts come
from the cloud's own log; only runs with exit code 0 count.  Goal: median of the pairwise wall ratios at most 0.35.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from scene import BIN, ZONE, Timed, scene

GOAL = 0.35


def main() -> int:
    """Measure and print; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True)
    parser.add_argument("--ours", default=str(BIN / "dyec"))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--latency-ms", type=float, default=60)
    parser.add_argument("--raw", default="")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, scene(Path(home)) as stage:
        command = ("preflight", "--region-az", ZONE, "--profile", stage.env["AWS_PROFILE"], "--non-interactive",
                   "--pass-on-warn", "--config")  # fmt: skip

        def once(program: str) -> Timed:
            return stage.run(program, *command, stage.config())

        stage.control("POST", "latency", {"ms": args.latency_ms})
        once(args.ours), once(args.reference)
        pairs = [(once(args.ours), once(args.reference)) for _ in range(args.runs)]
    ratio = statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)
    for name, runs in (("ours", [pair[0] for pair in pairs]), ("reference", [pair[1] for pair in pairs])):
        seconds = statistics.median(run.seconds for run in runs)
        print(f"{name:10} {seconds:6.2f} s  {len(runs[0].calls):3} AWS calls")
    print(f"{'ratio':10} {ratio:6.2f}    goal {GOAL}, {args.runs} pairs, +{args.latency_ms:g} ms per call")
    if args.raw:
        rows = [{"ours_s": ours.seconds, "ours_calls": ours.calls, "reference_s": theirs.seconds,
                 "reference_calls": theirs.calls} for ours, theirs in pairs]  # fmt: skip
        Path(args.raw).write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
