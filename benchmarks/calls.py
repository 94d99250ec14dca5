#!/usr/bin/env python3
"""How many AWS calls each verb of the life cycle makes, counted by the local cloud's own request log.

    benchmarks/calls.py [--workdir DIR] [--raw calls.json]

Runs the demonstration.  Calls of the real `pcluster` are counted with the verb that starts it; those of the head node
are left out (they carry another access key).
"""

from __future__ import annotations

import argparse
import collections
import json
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daylily_ec.cli.demo import Demonstration
from daylily_ec.demo.phases import Stage
from daylily_ec.localcloud.seed import ACCESS_KEY_ID

READS = ("Get", "List", "Describe", "Head", "Simulate")


class Counting(Stage):
    """A stage that keeps the calls of each command from the local cloud's log, which it empties before."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.counted: dict[str, list[dict[str, Any]]] = {}

    def command(self, name: str, argv: Sequence[str], *, proved: str = "") -> str:
        """As `Stage.command`; commands before the cloud answers are not counted."""
        if name == "local up":
            return super().command(name, argv, proved=proved)
        self._log_of_cloud("DELETE")
        out = super().command(name, argv, proved=proved)
        calls = [json.loads(line) for line in self._log_of_cloud("GET").splitlines()]
        self.counted[name] = [call for call in calls if call["caller"] == ACCESS_KEY_ID]
        return out

    def _log_of_cloud(self, method: str) -> str:
        server = json.loads((self.workdir / "home/.config/daylily/local/server.json").read_text())
        request = urllib.request.Request(f"{server['endpoint']}/_dyec/requests", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())


def main() -> None:
    """Run, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path)
    parser.add_argument("--raw", type=Path)
    args = parser.parse_args()
    run = Demonstration(args.workdir or Path(tempfile.mkdtemp(prefix="dyec-calls-")))
    run.stage = stage = Counting(run.stage.workdir, run.stage.env, run.stage.announce, run.stage.programs)
    try:
        run.prepare()
        for part in (run.create, run.work, run.export, run.delete):
            part()
    finally:
        run.take_down()
    print(f"{'verb':20} {'seconds':>8} {'calls':>6} {'of these mutating':>18}")
    seconds = {phase.name: phase.seconds for phase in stage.phases}
    for name, calls in stage.counted.items():
        mutating = collections.Counter(call["action"] for call in calls if not call["action"].startswith(READS))
        shown = ", ".join(f"{action} {number}" for action, number in mutating.most_common(4))
        print(f"{name:20} {seconds[name]:8.1f} {len(calls):6} {sum(mutating.values()):18}  {shown}")
    if args.raw:
        args.raw.write_text(json.dumps(stage.counted, indent=2) + "\n")


if __name__ == "__main__":
    main()
