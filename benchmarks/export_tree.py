#!/usr/bin/env python3
"""A tree of many small files exported end to end: hashed on a real head node, written, proved, and proved again.

    benchmarks/export_tree.py [--files 10000] [--raw export_tree.json]

The seconds of the task are the emulator's, which writes one object after the other; on AWS they are FSx's.  The rest is
what an operator waits for.  There is no goal: the run counts when every file is proved, else it ends with 2.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from scene import VALUES, ZONE, Scene, scene

_DIRECTORIES = 100
_ROOT = "/fsx/analysis_results/bench/many"
_MAKE = "mkdir -p {root}/work && cd {root}/work && for d in $(seq {dirs}); do mkdir d$d; for n in $(seq {each}); do " \
    "echo $d $n > d$d/f$n; done; done"  # fmt: skip


def main() -> int:
    """Measure and print; 2 when a file is not proved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--raw", default="")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, scene(Path(home)) as stage:
        found = measured(stage, args.files)
    for name, value in found.items():
        print(f"{name:26} {value:>12,}")
    if args.raw:
        Path(args.raw).write_text(json.dumps(found, indent=2) + "\n")
    return 0 if found["mismatches"] == 0 and found["objects"] == args.files + _DIRECTORIES + 1 else 2


def measured(stage: Scene, files: int) -> dict[str, Any]:
    """One export, the same once more, and a proof of its receipt."""
    on = ["--region", "us-west-2", "--cluster", VALUES["cluster_name"]]
    create = ["create", "--region-az", ZONE, "--config", stage.config(), "--non-interactive", "--pass-on-warn"]
    stage.run("dyec", *create)
    make = _MAKE.format(root=_ROOT, dirs=_DIRECTORIES, each=files // _DIRECTORIES)
    stage.run("dyec", "headnode", "run", *on, "--timeout", "600", "--", "bash", "-c", make)
    target = ["--destination-s3-uri", f"{VALUES['export_destination_s3_uri']}/bench/many/", "--output-dir", "export"]
    export = ["dyec", "--json", "export", *on, "--source-path", _ROOT, *target]
    first = stage.run(*export)
    again = stage.run(*export)
    proof = stage.run("dyec", "--json", "exports", "verify", "export")
    receipt = json.loads(first.out)["fsx_export"]
    assert json.loads(again.out)["fsx_export"]["outcome"] == "UNCHANGED"
    return {
        "files": receipt["inventory"]["files"], "objects": receipt["verification"]["objects"],
        "mismatches": receipt["verification"]["mismatches"], "export_s": round(first.seconds, 1),
        "export_calls": len(first.calls), "unchanged_s": round(again.seconds, 1), "verify_s": round(proof.seconds, 1),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
