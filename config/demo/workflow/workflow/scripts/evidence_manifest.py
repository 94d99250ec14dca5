# SPDX-License-Identifier: Apache-2.0
"""The evidence manifest (schema `dayoa.evidence_manifest.v1`) and the list of Slurm jobs that made the results."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tables import CONFIG_TABLES, read_samples, rows

SCHEMA = "dayoa.evidence_manifest.v1"
PIPELINE = "daylily-demo-workflow"
# First match wins; patterns are searched in the path relative to the analysis directory.
CLASSES = (
    (r"^config/samples\.tsv$", "samples_manifest"),
    (r"^config/units\.tsv$", "units_manifest"),
    (r"/DAY_final_multiqc\.html$", "multiqc_html"),
    (r"_multiqc_data/multiqc_data\.json$", "multiqc_data_json"),
    (r"_multiqc_data/multiqc_general_stats\.", "multiqc_general_stats"),
    (r"_multiqc_data/multiqc_sources\.", "multiqc_sources"),
    (r"_multiqc_data/multiqc\.log$", "multiqc_log"),
    (r"_multiqc_data/", "multiqc_data_file"),
    (r"/multiqc_inputs/.*manifest\.tsv$", "staging_manifest"),
    (r"_mqc\.tsv$", "custom_mqc_tsv"),
    (r"/benchmarks/", "benchmark"),
    (r"\.bam$", "alignment_bam"),
    (r"\.bam\.bai$", "alignment_bam_index"),
    (r"\.vcf\.gz$", "variant_vcf"),
    (r"\.vcf\.gz\.tbi$", "variant_vcf_index"),
    (r"/reference/", "reference"),
    (r"/logs/", "log"),
    (r"", "result_file"),
)
REQUIRED = frozenset({
    "samples_manifest", "units_manifest", "multiqc_html", "multiqc_data_json", "custom_mqc_tsv", "alignment_bam",
    "variant_vcf",
})  # fmt: skip
UNIT_FIELDS = {
    "experiment_ids": ("EXPERIMENTID", "experiment"), "run_ids": ("RUNID", "run"), "lane_ids": ("LANEID", "lane"),
    "barcode_ids": ("BARCODEID", "barcode"), "library_preps": ("LIBPREP", "libprep"),
    "sequencing_vendors": ("SEQ_VENDOR", "seq_vendor"), "sequencing_platforms": ("SEQ_PLATFORM", "seq_platform"),
}  # fmt: skip
JOB_LINE = re.compile(r"rule=(\S+) slurm_job_id=(\S+) node=(\S+) partition=(\S+) host=(\S+)")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def canonical_sha256(document: object) -> str:
    """SHA-256 of the canonical JSON of a document: sorted keys, no spaces, ASCII."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def classification(path: str) -> str:
    """The artifact class of a relative path."""
    return next(name for pattern, name in CLASSES if re.search(pattern, path))


def context() -> tuple[dict[str, Any], list[str]]:
    """Metadata and tags that describe the samples and units of this analysis."""
    units = rows(CONFIG_TABLES[1], ("SAMPLEID",))
    names = sorted(read_samples())
    metadata: dict[str, Any] = {"sample_names": names, "manifest_context_paths": list(CONFIG_TABLES)}
    tags = [f"sample:{name}" for name in names]
    for key, (column, tag) in UNIT_FIELDS.items():
        metadata[key] = sorted({unit.get(column, "") for unit in units} - {""})
        tags += [f"{tag}:{value}" for value in metadata[key]]
    return metadata, tags


def file_record(path: Path, genome: str, described: tuple[dict[str, Any], list[str]]) -> dict[str, Any]:
    """One entry of `files[]`."""
    relative = path.as_posix()
    kind = classification(relative)
    metadata: dict[str, Any] = {
        "result_scope": "day",
        "genome_build": genome,
        "artifact_format": path.suffix.lstrip("."),
    }
    tags = [f"artifact_role:{kind}"]
    multiqc = kind.startswith("multiqc_")
    if multiqc or kind in ("samples_manifest", "units_manifest"):
        metadata |= described[0]
        tags += described[1]
    if multiqc:
        metadata |= {"report_name": "DAY_final_multiqc", "report_kind": "final"}
        tags += ["multiqc", "report_kind:final"]
    if kind in ("samples_manifest", "units_manifest"):
        tags.append(f"manifest:{kind.removesuffix('_manifest')}")
    parts = path.parts
    if len(parts) > 4 and parts[3] in described[0]["sample_names"]:
        metadata["sample_id"] = parts[3]
        tags.append(f"sample:{parts[3]}")
    return {
        "relative_path": relative, "size_bytes": path.stat().st_size, "sha256": sha256(path), "classification": kind,
        "parser_relevant": multiqc or kind == "custom_mqc_tsv", "required": kind in REQUIRED, "artifact_kind": "file",
        "metadata": metadata, "tags": sorted(set(tags)),
    }  # fmt: skip


def git(*arguments: str) -> str:
    """Output of git in the clone; empty when git has no answer."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()


def tool_versions() -> dict[str, str]:
    """First line that each program prints about itself; bwa's is not always UTF-8."""
    found = {"multiqc": version("multiqc"), "snakemake": version("snakemake")}
    for name, argv in (("bwa", ["bwa"]), *((name, [name, "--version"]) for name in ("fastp", "samtools", "bcftools"))):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        lines = [line.strip() for line in done.stdout.decode("utf-8", "replace").splitlines()]
        found[name] = next((line for line in lines if re.search(r"\d+\.\d+", line)), "unknown")
    return found


def slurm_jobs(logs: Path) -> str:
    """Which Slurm job ran which rule, from the first line of every log: a tab-separated table."""
    lines = ["log\trule\tslurm_job_id\tnode\tpartition\thost"]
    for path in sorted(logs.glob("*.log")):
        match = JOB_LINE.match(path.read_text(errors="replace"))
        if match:
            lines.append("\t".join((path.name, *match.groups())))
    return "\n".join(lines) + "\n"


def is_moving(path: Path, moving: frozenset[str]) -> bool:
    """Whether a file is still written to after this script has read it, or is a mark of Snakemake's own."""
    own = os.environ.get("SLURM_JOB_ID", "none")
    slurm_output = path.parent.name == "slurm" and path.stem.endswith(f"-{own}")
    return path.as_posix() in moving or slurm_output or path.name.startswith(".snakemake")


def manifest(args: argparse.Namespace, tools: dict[str, str]) -> dict[str, Any]:
    """The whole document; `tools` are the versions of the programs, among them `snakemake`."""
    results = Path("results/day") / args.genome
    moving = frozenset({args.manifest, args.log})
    paths = [Path(name) for name in CONFIG_TABLES]
    paths += sorted(path for path in results.rglob("*") if path.is_file() and not is_moving(path, moving))
    described = context()
    files = [file_record(path, args.genome, described) for path in paths]
    document: dict[str, Any] = {
        "schema_version": SCHEMA,
        "manifest_kind": "dayoa.analysis_evidence",
        "generated_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "producer": {"system": PIPELINE, "role": "execution_plane", "registration_side_effects": False},
        "analysis": {
            "analysis_name": Path.cwd().parent.name,
            "run_name": ",".join(described[0]["run_ids"]),
            "genome_build": args.genome,
        },
        "workflow": {
            "pipeline_name": PIPELINE,
            "pipeline_version": git("describe", "--tags", "--exact-match") or "unversioned",
            "git_sha": git("rev-parse", "HEAD") or "unknown",
            "snakemake_version": tools["snakemake"],
            "workflow_config_hash": canonical_sha256(json.loads(args.settings)),
            "workflow_profile": args.profile,
            "container_images": [],
            "references": [{"path": args.reference, "sha256": sha256(Path(args.reference))}],
        },
        "artifact_boundaries": {
            "included": [f"results/day/{args.genome}", *CONFIG_TABLES],
            "excluded": [*sorted(moving), "logs/slurm: output of the job that writes the manifest", ".snakemake*"],
        },
        "root_analysis_dir": {"relative_path": "."},
        "provenance_refs": {"tools": tools, "slurm_jobs": args.jobs},
        "required_files": [record["relative_path"] for record in files if record["required"]],
        "files": files,
        "warnings": json.loads(args.warnings),
    }  # fmt: skip
    return document | {"manifest_checksum": canonical_sha256(document)}


def main() -> None:
    """Write the job list, then the manifest, which covers it."""
    parser = argparse.ArgumentParser()
    for name in ("genome", "settings", "warnings", "reference", "profile", "manifest", "jobs", "log"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    logs = Path("results/day") / args.genome / "logs"
    Path(args.jobs).write_text(slurm_jobs(logs))
    Path(args.manifest).write_text(json.dumps(manifest(args, tool_versions()), indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
