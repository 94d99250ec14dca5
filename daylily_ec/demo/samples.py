"""The demonstration's `analysis_samples.tsv`."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from daylily_ec.demo.data import GENOME, DemoData, DemoSample

TRUTH_KEY = f"genomic_data/organism_reads/E_coli/{GENOME}/truth"
"""Key prefix of the truth below the control data role."""
TRUTH_ON_NODE = PurePosixPath("/fsx/control_data") / TRUTH_KEY
"""Where the head node sees it."""

COLUMNS = (
    "RUN_ID", "SAMPLE_ID", "EXPERIMENTID", "SAMPLE_TYPE", "LIB_PREP", "SEQ_VENDOR", "SEQ_PLATFORM", "LANE", "SEQBC_ID",
    "ILMN_R1_FQ", "ILMN_R2_FQ", "STAGE_DIRECTIVE", "TRUTH_DATA_DIR", "SAMPLEUSE", "SAMPLECLASS", "BIOLOGICAL_SEX",
    "IS_POS_CTRL", "IS_NEG_CTRL",
)  # fmt: skip
"""The nine required columns, then those the demonstration fills."""


def _row(data: DemoData, sample: DemoSample, truth: str) -> dict[str, str]:
    # Run 8, lane 6 of instrument EAS20, ENA study ERA000206: what the real reads' names say.
    return {
        "RUN_ID": "EAS20-8" if data.is_real else "SIMULATED-1",
        "SAMPLE_ID": sample.name,
        "EXPERIMENTID": "ERA000206" if data.is_real else "SIMULATED",
        "SAMPLE_TYPE": "isolate",
        "LIB_PREP": "UNKNOWN",
        "SEQ_VENDOR": "ILMN",
        "SEQ_PLATFORM": "GAII" if data.is_real else "SIMULATED",
        "LANE": "6" if data.is_real else "1",
        "SEQBC_ID": sample.name,
        "ILMN_R1_FQ": str(sample.r1),
        "ILMN_R2_FQ": str(sample.r2),
        "STAGE_DIRECTIVE": "stage_data",
        "TRUTH_DATA_DIR": truth,
        "SAMPLEUSE": sample.use,
        "SAMPLECLASS": "research",
        "BIOLOGICAL_SEX": "na",
        "IS_POS_CTRL": "false",
        "IS_NEG_CTRL": "false",
    }


def analysis_samples(data: DemoData, truth: PurePosixPath | Path = TRUTH_ON_NODE) -> str:
    """The table as text: local FASTQ paths to stage, and the truth as the head node (or a local directory) has it."""
    rows = [_row(data, sample, str(truth)) for sample in data.samples]
    lines = ["\t".join(COLUMNS), *("\t".join(row[column] for column in COLUMNS) for row in rows)]
    return "\n".join(lines) + "\n"
