# SPDX-License-Identifier: Apache-2.0
"""Compare every sample's calls with its truth: record by record, and by applying the calls to the reference."""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

from tables import LOW_DEPTH_USE, Sample, read_samples

Record = tuple[str, str, str, str]
QUERY = "%CHROM\t%POS\t%REF\t%ALT\n"


def output(*argv: str, text: str | None = None) -> str:
    """Standard output of a program that must succeed."""
    return subprocess.run(argv, check=True, text=True, input=text, stdout=subprocess.PIPE).stdout


def records(listing: str) -> set[Record]:
    """The four fields of each line of `bcftools query`."""
    return {(chrom, pos, ref, alt) for chrom, pos, ref, alt in (line.split("\t") for line in listing.splitlines())}


def truth_records(directory: Path, reference: str) -> set[Record]:
    """The truth in the same normal form as the calls."""
    normal = output("bcftools", "norm", "--no-version", "-f", reference, str(directory / "truth.vcf"))
    return records(output("bcftools", "query", "-f", QUERY, "-", text=normal))


def sequence(fasta: str) -> str:
    """The bases of a one-record FASTA text."""
    return "".join(line.strip() for line in fasta.splitlines() if not line.startswith(">")).upper()


def mean_depth(path: str) -> float:
    """Mean depth over all contigs of `samtools coverage`, weighted by length."""
    lines = [line.split("\t") for line in Path(path).read_text().splitlines()[1:]]
    length = sum(int(line[2]) for line in lines)
    return sum(float(line[6]) * int(line[2]) for line in lines) / length


def verdict(sample: Sample, equal: bool, depth: float, minimum: float) -> str:
    """PASS, FAIL, LOW_DEPTH (a low-depth control that is one) or NO_TRUTH."""
    if sample.use == LOW_DEPTH_USE:
        return "LOW_DEPTH" if depth < minimum else "FAIL"
    if depth < minimum:
        return "FAIL"
    if sample.truth is None:
        return "NO_TRUTH"
    return "PASS" if equal else "FAIL"


def compare(sample: Sample, vcf: str, coverage: str, reference: str, minimum: float) -> dict[str, object]:
    """One row of the report."""
    depth = mean_depth(coverage)
    called = records(output("bcftools", "query", "-i", 'FILTER="PASS"', "-f", QUERY, vcf))
    truth: set[Record] = set()
    restored: bool | None = None
    if sample.truth is not None:
        directory = Path(sample.truth)
        truth = truth_records(directory, reference)
        consensus = output("bcftools", "consensus", "-i", 'FILTER="PASS"', "-f", reference, vcf)
        restored = sequence(consensus) == sequence((directory / "original.fasta").read_text())
    hits = called & truth
    return {
        "sample": sample.name,
        "use": sample.use,
        "verdict": verdict(sample, called == truth and restored is True, depth, minimum),
        "truth": len(truth),
        "called": len(called),
        "true_positives": len(hits),
        "false_positives": [":".join(record) for record in sorted(called - truth)],
        "false_negatives": [":".join(record) for record in sorted(truth - called)],
        "recall": round(len(hits) / len(truth), 4) if truth else None,
        "precision": round(len(hits) / len(called), 4) if called else None,
        "mean_depth": round(depth, 2),
        "minimum_depth": minimum,
        "consensus_equals_original": restored,
    }


def table(found: list[dict[str, object]]) -> str:
    """The report as a MultiQC custom-content table."""
    head = [
        "# id: 'concordance'",
        "# section_name: 'Concordance with the truth'",
        "# description: 'PASS variant calls compared with the exact truth set'",
        "# plot_type: 'table'",
    ]
    keys = ("verdict", "truth", "called", "true_positives", "false_positives", "false_negatives", "recall", "precision",
            "mean_depth", "consensus_equals_original")  # fmt: skip
    lines = ["\t".join(("Sample", *keys))]
    for row in found:
        cells = [len(value) if isinstance(value, list) else value for value in (row[key] for key in keys)]
        lines.append("\t".join([str(row["sample"]), *("na" if cell is None else str(cell) for cell in cells)]))
    return "\n".join(head + lines) + "\n"


def main() -> None:
    """Compare all samples and write both reports."""
    parser = argparse.ArgumentParser()
    for name in ("reference", "vcf", "coverage", "table", "json"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--minimum-depth", type=float, required=True)
    args = parser.parse_args()
    found = [
        compare(sample, args.vcf.format(sample=name), args.coverage.format(sample=name), args.reference,
                args.minimum_depth)
        for name, sample in read_samples().items()
    ]  # fmt: skip
    Path(args.table).write_text(table(found))
    Path(args.json).write_text(json.dumps({"samples": found}, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
