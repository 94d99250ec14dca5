"""The policy that says which files of an exported analysis are registered as artifacts."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

WHEN_PRESENT = ("config/samples.tsv", "config/units.tsv")
"""Tables that are registered when the analysis has them, whatever `require_existing` says."""

_GLOB = re.compile(r"[*?\[]")


def _relative(value: str) -> str:
    if value.startswith("/") or ".." in value.split("/"):
        raise ValueError("must be a relative path without '..'")
    return value


def _unique(values: list[str]) -> list[str]:
    if twice := sorted(value for value, number in Counter(values).items() if number > 1):
        raise ValueError(f"listed twice: {', '.join(twice)}")
    return values


RelativePath = Annotated[str, Field(min_length=1), AfterValidator(_relative)]
"""A path or glob below the analysis directory; may hold {analysis_id}, {executing_entity} and {genome}."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MultiqcReport(_Model):
    """One MultiQC report: its kind, its page and its data directory."""

    report_kind: Annotated[str, Field(min_length=1)]
    html_path: RelativePath
    data_dir_path: RelativePath


class ArtifactIdentity(_Model):
    """Templates of the identifiers that artifacts are registered under."""

    analysis_euid: Annotated[str, Field(min_length=1)]
    run_euid: Annotated[str, Field(min_length=1)]
    workset_euid: str = ""
    project_euid: str = ""
    assay_id: str = ""


class ArtifactRegistration(_Model):
    """What to register, by classification in the evidence manifest or by path."""

    enabled: bool = False
    manifest_source: Literal["dayoa_manifest", "s3_inventory"] = "dayoa_manifest"
    evidence_manifest_path: Annotated[str, AfterValidator(_relative)] = ""
    include_classifications: Annotated[list[str], AfterValidator(_unique)] = []
    include_paths: Annotated[list[RelativePath], AfterValidator(_unique)] = []
    require_existing: bool = True
    parser_family_hint: str = ""
    multiqc_report_kind: str = ""
    multiqc_version: str = ""
    multiqc_reports: list[MultiqcReport] = []
    identity: ArtifactIdentity | None = None

    @property
    def required_paths(self) -> tuple[str, ...]:
        """Paths that must be among the registered files; never the tables, which some analyses do not have."""
        if not self.require_existing:
            return ()
        return tuple(path for path in self.include_paths if not _GLOB.search(path) and path not in WHEN_PRESENT)

    @model_validator(mode="after")
    def _is_complete(self) -> ArtifactRegistration:
        _unique([report.report_kind for report in self.multiqc_reports])
        if self.enabled and not (self.include_classifications or self.include_paths):
            raise ValueError("an enabled policy needs include_classifications or include_paths")
        if self.enabled and self.parser_family_hint == "multiqc" and not self.multiqc_reports:
            raise ValueError("an enabled multiqc policy needs multiqc_reports")
        return self
