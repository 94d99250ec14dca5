"""The columns of `analysis_samples.tsv`, `samples.tsv` and `units.tsv`."""

from __future__ import annotations

from dataclasses import dataclass

REQUIRED = (
    "RUN_ID", "SAMPLE_ID", "EXPERIMENTID", "SAMPLE_TYPE", "LIB_PREP", "SEQ_VENDOR", "SEQ_PLATFORM", "LANE", "SEQBC_ID",
)  # fmt: skip
"""Every row needs them; they name the unit and its folder."""

PAIRS = {
    "ILMN": ("ILMN_R1_PATH", "ILMN_R2_PATH"),
    "CG": ("ILMN_R1_PATH", "ILMN_R2_PATH"),
    "PACBIO": ("PACBIO_R1_PATH", "PACBIO_R2_PATH"),
    "ONT": ("ONT_R1_PATH", "ONT_R2_PATH"),
    "UG": ("UG_R1_PATH", "UG_R2_PATH"),
}
"""FASTQ pair columns `<key>_R1_FQ` and `<key>_R2_FQ`, and the unit columns they fill."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """An aligned input: its column, the aligners it may name, the suffix of the index some of them need."""

    column: str
    aligners: tuple[str, ...]
    index: str = ""
    index_for: tuple[str, ...] = ()

    def needs_index(self, aligner: str) -> bool:
        """Whether the index must lie beside the file."""
        return bool(self.index) and aligner in self.index_for


ALIGNED = (
    Aligned("ULTIMA_CRAM", ("ug", "hyb"), ".crai", ("ug", "hyb")),
    Aligned("ONT_CRAM", ("ont",), ".crai", ("ont",)),
    Aligned("PB_BAM", ("pb", "sentmm2"), ".csi", ("pb",)),
    Aligned("ONT_BAM", ("sentmm2ont",)),
    Aligned("ROCHE_BAM", ("roche",)),
)

CONCORDANCE = ("PATH_TO_CONCORDANCE_DATA_DIR", "CONCORDANCE_CONTROL_PATH", "TRUTH_DATA_DIR")
"""Three names of one thing; those that are filled must agree."""

LEGACY_PAIR = {"R1_FQ": "ILMN_R1_FQ", "R2_FQ": "ILMN_R2_FQ"}

PASSED_TO_UNITS = (
    "ILMN_TRIM_READ_LENGTH", "LONGREADTRIM_READ_LENGTH", "LONGREADTRIM_MODE", "DEEP_MODEL", "ROCHE_DOWNSAMPLE_RATIO",
    "ULTIMA_SUBSAMPLE_PCT", "ONT_SUBSAMPLE_PCT",
)  # fmt: skip

SAMPLES = (
    "SAMPLEID", "SAMPLESOURCE", "SAMPLECLASS", "BIOLOGICAL_SEX", "CONCORDANCE_CONTROL_PATH", "IS_POSITIVE_CONTROL",
    "IS_NEGATIVE_CONTROL", "SAMPLE_TYPE", "TUM_NRM_SAMPLEID_MATCH", "EXTERNAL_SAMPLE_ID", "N_X", "N_Y",
    "TRUTH_DATA_DIR",
)  # fmt: skip

UNITS = (
    "RUNID", "SAMPLEID", "EXPERIMENTID", "LANEID", "BARCODEID", "LIBPREP", "SEQ_VENDOR", "SEQ_PLATFORM",
    "ILMN_R1_PATH", "ILMN_R2_PATH", "PACBIO_R1_PATH", "PACBIO_R2_PATH", "ONT_R1_PATH", "ONT_R2_PATH", "UG_R1_PATH",
    "UG_R2_PATH", "SUBSAMPLE_PCT", "ILMN_TRIM_READ_LENGTH", "SAMPLEUSE", "BWA_KMER", "DEEP_MODEL", "ULTIMA_CRAM",
    "ULTIMA_CRAM_ALIGNER", "ULTIMA_CRAM_SNV_CALLER", "ONT_CRAM", "ONT_CRAM_ALIGNER", "ONT_CRAM_SNV_CALLER", "PB_BAM",
    "PB_BAM_ALIGNER", "PB_BAM_SNV_CALLER", "ROCHE_BAM", "ROCHE_BAM_ALIGNER", "ROCHE_BAM_SNV_CALLER",
    "ROCHE_DOWNSAMPLE_RATIO", "LONGREADTRIM_READ_LENGTH", "LONGREADTRIM_MODE", "ULTIMA_SUBSAMPLE_PCT",
    "ONT_SUBSAMPLE_PCT", "ONT_BAM", "ONT_BAM_ALIGNER", "ONT_BAM_SNV_CALLER",
)  # fmt: skip

KNOWN = frozenset(
    (
        *REQUIRED,
        *(f"{key}_R{mate}_FQ" for key in PAIRS for mate in (1, 2)),
        *LEGACY_PAIR,
        *(f"{one.column}{suffix}" for one in ALIGNED for suffix in ("", "_ALIGNER", "_SNV_CALLER")),
        *CONCORDANCE,
        *PASSED_TO_UNITS,
        "ONT_FASTQ_PREFIX", "ONT_FLOWCELL_ID",
        "SAMPLESOURCE", "SAMPLECLASS", "BIOLOGICAL_SEX", "TUM_NRM_SAMPLEID_MATCH", "STAGE_DIRECTIVE", "STAGE_TARGET",
        "MOUNT_ID", "MOUNT_SOURCE_S3_URI", "MOUNT_FSX_PATH", "DATA_LOCALITY", "SUBSAMPLE_PCT", "BWA_KMER", "SAMPLEUSE",
        "IS_POS_CTRL", "IS_NEG_CTRL", "N_X", "N_Y", "EXTERNAL_SAMPLE_ID",
    )
)  # fmt: skip
