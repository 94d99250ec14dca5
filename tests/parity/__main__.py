"""`bin/parity`: exit code 0 when every difference is a documented one, else 1 with the rest."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.parity.compare import Verdict, judge, read_table
from tests.parity.run import RunFailed, both
from tests.parity.site import ROOT

PAGE = ROOT / "docs/parity.md"


def main() -> int:
    """Run both, compare, report."""
    parser = argparse.ArgumentParser(prog="bin/parity")
    parser.add_argument("--reference", type=Path, required=True, help="the `dyec` of the reference's own environment")
    parser.add_argument("--keep", type=Path, help="write both observations into this directory")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dyec-parity-") as directory:
        try:
            reference, ours = both(given.reference.absolute(), Path(directory))
        except RunFailed as failure:
            print(failure, file=sys.stderr)
            return 2
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
        for name, seen in (("reference", reference), ("dyec", ours)):
            (given.keep / f"{name}.json").write_text(json.dumps(seen, indent=2, sort_keys=True) + "\n")
    verdict = judge(reference, ours, read_table(PAGE))
    _report(verdict, len(reference), len(ours))
    return 0 if verdict.good else 1


def _report(verdict: Verdict, theirs: int, ours: int) -> None:
    print(f"observed: reference {theirs} facts, dyec {ours}; equal {verdict.equal}")
    for id, group in verdict.explained.items():
        print(f"{id}: {len(group)} documented")
    for one in verdict.unexplained:
        print(f"UNEXPLAINED {one.path}\n    reference: {one.reference}\n    dyec:      {one.ours}")
    for idle in verdict.idle:
        print(f"IDLE {idle}: nothing differs so any more")
    print("parity: " + ("every difference is documented" if verdict.good else "NOT REACHED"))


if __name__ == "__main__":
    sys.exit(main())
