"""Whether the tables of a launch carry what a catalog command needs; every finding is reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daylily_ec.domain.fsxpath import CONTROL_DATA, MOUNT_POINT, REFERENCES, STAGING_ROOT, FsxPath, run_mount_path
from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue, ValidationError

if TYPE_CHECKING:  # the models load pydantic, which only a launch needs
    from daylily_ec.catalog.models import AnalysisCommand, Catalog, TestDataProfile

Row = Mapping[str, str]

_ABSENT = ("", "na")
_PATHS = ("RUN_DIR", "SAMPLE_SHEET", "METRICS_PATH")
_STARTUP = (REFERENCES, CONTROL_DATA, STAGING_ROOT)
_PLATFORMS = {"CG/MGI": "CG", "MGI": "CG", "COMPLETE-GENOMICS": "CG", "COMPLETEGENOMICS": "CG", "UG": "ULTIMA",
              "PB": "PACBIO", "ILLUMINA": "ILMN"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunMount:
    """The run directory of one row: what must be attached before the launch, and where it appears."""

    mount_id: MountId
    source: S3Prefix
    run_id: str
    platform: str

    @property
    def path(self) -> FsxPath:
        """Where the association puts it."""
        return run_mount_path(self.mount_id)


def parse_table(text: str, name: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Header and rows of a tab-separated table; blank rows are skipped, cells trimmed."""
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    if not lines:
        raise ValidationError(f"{name} is empty.", code="invalid_table")
    header = tuple(cell.strip() for cell in lines[0].split("\t"))
    rows = []
    for number, line in enumerate(lines[1:], start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) > len(header):
            raise ValidationError(f"{name} row {number}: more cells than the header has.", code="invalid_table")
        rows.append(dict.fromkeys(header, "") | dict(zip(header, cells, strict=False)))
    if not rows:
        raise ValidationError(f"{name} has a header and no rows.", code="invalid_table")
    return header, tuple(rows)


def check_units(command: AnalysisCommand, samples_tsv: str, units_tsv: str) -> None:
    """`ValidationError` with all findings unless both tables suit the command.

    Each unit must name a sample of samples.tsv, come from a platform the command takes, and fill one of the column
    sets of its `input_requirements`, which are written with the column names of analysis_samples.tsv.
    """
    _, samples = parse_table(samples_tsv, "samples.tsv")
    _, units = parse_table(units_tsv, "units.tsv")
    known = {row.get("SAMPLEID", "") for row in samples}
    sets = _column_sets(command)
    platforms = {_platform(name) for name in command.compatible_platforms}
    found = []
    for number, row in enumerate(units, start=1):
        where = f"units.tsv row {number}"
        if row.get("SAMPLEID", "") not in known or not row.get("SAMPLEID"):
            found.append(f"{where}: SAMPLEID {row.get('SAMPLEID', '')!r} is not in samples.tsv")
        vendor = _platform(row.get("SEQ_VENDOR", ""))
        if _filled(row, "SEQ_VENDOR") and sets and vendor not in platforms:
            found.append(f"{where}: SEQ_VENDOR {row['SEQ_VENDOR']} is none of {', '.join(sorted(platforms))}")
        if sets and not any(all(_filled(row, column) for column in one) for one in sets):
            found.append(f"{where}: needs {' or '.join(' + '.join(one) for one in sets)}")
    _refuse(command, found)


def check_runs(catalog: Catalog, command: AnalysisCommand, runs_tsv: str) -> tuple[RunMount, ...]:
    """The run mounts that runs.tsv asks for, unique, or `ValidationError` with all findings.

    Each row must have the columns of the contract, the values and the platform the command requires, and its inputs
    below the run mount that its profile names.
    """
    header, rows = parse_table(runs_tsv, "runs.tsv")
    contract = catalog.input_contracts[command.input_contract].source_table
    lost = [column for column in (contract.required_columns if contract else ()) if column not in header]
    _refuse(command, [f"runs.tsv: no column {column}" for column in lost])
    profile = catalog.test_data_profiles[command.test_data_profile]
    found: list[str] = []
    mounts: dict[MountId, RunMount] = {}
    for number, row in enumerate(rows, start=1):
        found += [f"runs.tsv row {number}: {text}" for text in _run_findings(command, row)]
        try:
            one = _run_mount(profile, row)
            if mounts.setdefault(one.mount_id, one).source != one.source:
                raise InvalidValue("mount id", one.mount_id, "stands for two places in S3")
            _check_paths(profile, row, one)
        except InvalidValue as error:
            found.append(f"runs.tsv row {number}: {error.message}")
    _refuse(command, found)
    return tuple(mounts.values())


def _refuse(command: AnalysisCommand, findings: list[str]) -> None:
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise ValidationError(
            f"Command {command.command_id} cannot take these inputs: {findings[0]}{more}.",
            code="unsuitable_inputs", details={"command_id": command.command_id, "findings": findings},
            hint=f"See what it needs: dyec catalog show {command.command_id}",
        )  # fmt: skip


def _filled(row: Row, column: str) -> bool:
    return row.get(column, "").lower() not in _ABSENT


def _platform(name: str) -> str:
    upper = name.strip().upper()
    return _PLATFORMS.get(upper, upper)


def _column_sets(command: AnalysisCommand) -> list[tuple[str, ...]]:
    """The alternatives in the columns of units.tsv."""
    needs = command.input_requirements
    sets = needs.accepted_source_column_sets or (
        [needs.required_source_columns] if needs.required_source_columns else []
    )
    return [_unit_columns((*needs.required_source_columns, *one)) for one in sets]


def _unit_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """FASTQ columns become path columns: those of Complete Genomics lie in Illumina's, a prefix becomes one file."""
    found = []
    for column in columns:
        pair = re.fullmatch(r"(\w+)_(R[12])_FQ", column)
        if pair:
            found.append(f"{'ILMN' if pair[1] == 'CG' else pair[1]}_{pair[2]}_PATH")
        else:
            found.append("ONT_R1_PATH" if column == "ONT_FASTQ_PREFIX" else column)
    return tuple(dict.fromkeys(found))


def _run_findings(command: AnalysisCommand, row: Row) -> list[str]:
    found = []
    for column, value in command.input_requirements.required_run_context_values.items():
        if row.get(column, "").upper() != value.upper():
            found.append(f"{column} must be {value}, not {row.get(column, '')!r}")
    platforms = {_platform(name) for name in command.compatible_platforms}
    if not found and _platform(row.get("PLATFORM", "")) not in platforms:
        found.append(f"PLATFORM {row.get('PLATFORM', '')!r} is none of {', '.join(sorted(platforms))}")
    if not _filled(row, "RUN_DIR"):
        found.append("RUN_DIR must not be empty")
    return found


def _run_mount(profile: TestDataProfile, row: Row) -> RunMount:
    source = row.get(profile.run_context_source_s3_column, "")
    if not source.startswith("s3://"):
        raise InvalidValue(profile.run_context_source_s3_column, source, "must be an s3:// URI")
    return RunMount(
        mount_id=MountId.parse(row.get(profile.run_context_mount_id_column, "")),
        source=S3Prefix.parse(source, profile.run_context_source_s3_column),
        run_id=row.get("RUNID", ""),
        platform=row.get("PLATFORM", ""),
    )


def _check_paths(profile: TestDataProfile, row: Row, mount: RunMount) -> None:
    """The run directory lies in its mount; a sample sheet or metrics may also lie where every cluster has data."""
    text = re.sub(r"\{(\w+)\}", lambda match: row.get(match[1], ""), profile.source_fsx_prefix)
    prefix = FsxPath.parse(text, "source_fsx_prefix")
    if not prefix.value.startswith(mount.path.value):
        raise InvalidValue("source_fsx_prefix", profile.source_fsx_prefix, f"leaves {mount.path.on_node}/")
    for column in _PATHS:
        value = row.get(column, "")
        if not _filled(row, column) or (column != "RUN_DIR" and not value.startswith("/")):
            continue
        elsewhere = () if column == "RUN_DIR" else _STARTUP
        seen = FsxPath.parse(value, column).value if value.startswith(f"{MOUNT_POINT}/") else ""
        if not seen.startswith((prefix.value, *elsewhere)):
            raise InvalidValue(column, value, f"must lie below {prefix.on_node}/")
