# SPDX-License-Identifier: Apache-2.0
"""Print the concordance table; exit 1 when a sample failed."""

from __future__ import annotations

import csv
import sys
from pathlib import Path


def main(path: str) -> int:
    """0 when no sample's verdict is FAIL."""
    lines = [line for line in Path(path).read_text().splitlines() if not line.startswith("#")]
    found = list(csv.DictReader(lines, delimiter="\t"))
    for row in found:
        print(
            f"concordance {row['Sample']}: {row['verdict']}, {row['true_positives']} of {row['truth']} found, "
            f"{row['false_positives']} false, mean depth {row['mean_depth']}",
            flush=True,
        )
    failed = [row["Sample"] for row in found if row["verdict"] == "FAIL"]
    if failed:
        print(f"concordance failed: {', '.join(failed)} (details: concordance.json beside {path})", file=sys.stderr)
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
