"""Reads `analysis_samples.tsv`: every row parsed, every problem collected with its row and column."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from daylily_ec.errors import NotFound
from daylily_ec.samples import columns

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_PCR_FREE = {"NOAMPWGS", "PCRFREE", "PCR-FREE", "TRUSEQPF", "TRUSEQ-PF"}
_CG = {"CG/MGI", "COMPLETE-GENOMICS", "COMPLETEGENOMICS"}
_GIAB = "/controls/giab/"
_MOUNT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SEX = {("2", "0"): "female", ("1", "1"): "male"}
NA = "na"


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """One problem: `row` is the line of the file (the header is 1), `column` may be empty."""

    row: int
    column: str
    message: str
    sample: str = ""

    def __str__(self) -> str:
        place = f"row {self.row}" + (f" ({self.sample})" if self.sample else "")
        return f"{place}{', ' + self.column if self.column else ''}: {self.message}"


class Directive(StrEnum):
    """What is to be done with a row's files."""

    DEFAULT = ""
    STAGE_DATA = "stage_data"
    PASS_THROUGH = "pass_through"
    MOUNTED_READONLY = "mounted_readonly"


@dataclass(frozen=True, slots=True)
class AlignedInput:
    """A CRAM or BAM with its aligner and, when needed, the suffix of its index."""

    kind: columns.Aligned
    path: str
    aligner: str
    snv_caller: str


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One row, normalised.  `pairs` holds per platform the R1 and R2 paths in lane order."""

    line: int
    run: str
    sample: str
    experiment: str
    sample_type: str
    library: str
    vendor: str
    platform: str
    lane: str
    barcode: str
    directive: Directive
    pairs: Mapping[str, tuple[tuple[str, str], ...]]
    aligned: tuple[AlignedInput, ...]
    concordance: str
    mount_id: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def folder(self, lane: str) -> str:
        """Name of the row's folder; `lane` is `0` unless lanes must be told apart."""
        identity = (self.sample, self.platform, self.library, self.sample_type, self.experiment)
        return f"{self.run}_{'-'.join(identity)}_{self.barcode}_{lane}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A parsed sheet: good rows and every problem found while parsing."""

    rows: tuple[SampleRow, ...]
    issues: tuple[Issue, ...]
    notes: tuple[str, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """Parse the file; header problems stop early, others are collected."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            table = [(number, row) for number, row in enumerate(_cells(lines), 1) if any(row)]
    except FileNotFoundError:
        raise NotFound(f"There is no sample sheet {path}.") from None
    except (UnicodeDecodeError, OSError, csv.Error) as error:
        return Sheet((), (Issue(1, "", f"{path} cannot be read: {error}"),))
    if not table:
        return Sheet((), (Issue(1, "", "the sheet is empty"),))
    header = table[0][1]
    problems = _header_issues(header)
    if problems or len(table) == 1:
        return Sheet((), problems or (Issue(2, "", "the sheet has no rows"),))
    parsers = [_RowParser(number, header, cells) for number, cells in table[1:]]
    rows = tuple(parser.parse() for parser in parsers)
    issues = tuple(sorted(issue for parser in parsers for issue in parser.issues))
    notes = tuple(note for parser in parsers for note in parser.notes)
    return Sheet(rows, issues, notes)


def _cells(lines: Iterable[str]) -> Iterable[list[str]]:
    for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        yield [cell.strip() for cell in row]


def _header_issues(header: list[str]) -> tuple[Issue, ...]:
    found = [Issue(1, name, "this column is not known") for name in header if name not in columns.KNOWN]
    found += [Issue(1, name, "this column is missing") for name in columns.REQUIRED if name not in header]
    found += [Issue(1, name, "this column occurs twice") for name in sorted(set(header)) if header.count(name) > 1]
    return tuple(found)


class _RowParser:
    """Parses one row and remembers what is wrong with it."""

    def __init__(self, line: int, header: list[str], cells: list[str]) -> None:
        self.line = line
        self.values = dict(zip(header, cells, strict=False))
        self.issues: list[Issue] = []
        self.notes: list[str] = []
        if len(cells) > len(header):
            self.issue("", f"has {len(cells)} cells, the header {len(header)}")

    def issue(self, column: str, message: str) -> None:
        self.issues.append(Issue(self.line, column, message, self.values.get("SAMPLE_ID", "")))

    def get(self, column: str, default: str = "") -> str:
        return self.values.get(column) or default

    def parse(self) -> SampleRow:
        for column, value in self.values.items():
            if any(ord(char) < 32 for char in value):
                self.issue(column, "contains a control character")
        vendor = self.get("SEQ_VENDOR").upper()
        vendor = "CG" if vendor in _CG else vendor
        self.required("SEQ_VENDOR", vendor)
        sample_type = self.name("SAMPLE_TYPE")
        aligned = tuple(found for kind in columns.ALIGNED if (found := self.aligned(kind)) is not None)
        pairs = self.pairs()
        if not pairs and not aligned and not self.get("ONT_FASTQ_PREFIX"):
            self.issue("", "names no input file")
        concordance = self.concordance()
        return SampleRow(
            line=self.line, run=self.name("RUN_ID", dots=True), sample=self.name("SAMPLE_ID"),
            experiment=self.name("EXPERIMENTID"), sample_type=sample_type, library=self.library(vendor),
            vendor=vendor, platform=self.platform(vendor), lane=self.name("LANE"), barcode=self.name("SEQBC_ID"),
            directive=self.directive(), pairs=pairs, aligned=aligned, concordance=concordance,
            mount_id=self.mount_id(), facts=self.facts(sample_type, concordance),
        )  # fmt: skip

    def name(self, column: str, *, dots: bool = False) -> str:
        """A value that becomes part of folder names: `_` (and for runs `.`) become `-`."""
        value = self.get(column).replace("_", "-")
        return self.required(column, value.replace(".", "-") if dots else value)

    def required(self, column: str, value: str) -> str:
        if not value:
            self.issue(column, "must not be empty")
        elif not _NAME.fullmatch(value) or ".." in value:
            self.issue(column, f"{value!r} must be letters, digits, '.', '+' or '-', and start with a letter or digit")
        return value

    def library(self, vendor: str) -> str:
        value = self.name("LIB_PREP")
        return "PCR-FREE" if vendor == "ILMN" and value.upper() in _PCR_FREE else value

    def platform(self, vendor: str) -> str:
        value = self.get("SEQ_PLATFORM")
        self.required("SEQ_PLATFORM", value.replace("_", "-"))
        return "NOVASEQ" if vendor == "ILMN" and value.upper() in {"NOVASEQ", "NOVASEQX"} else value

    def directive(self) -> Directive:
        value = self.get("STAGE_DIRECTIVE").lower()
        try:
            directive = Directive("" if value == NA else value)
        except ValueError:
            self.issue("STAGE_DIRECTIVE", f"{value!r} must be one of {', '.join(filter(None, Directive))} or empty")
            return Directive.DEFAULT
        if self.get("ONT_FASTQ_PREFIX"):
            self.issue("ONT_FASTQ_PREFIX", "joining the shards of an ONT prefix is not supported by this release: "
                       "join them first and name the file in ONT_R1_FQ")  # fmt: skip
        return directive

    def pairs(self) -> dict[str, tuple[tuple[str, str], ...]]:
        for legacy, column in columns.LEGACY_PAIR.items():
            old, new = self.get(legacy), self.get(column)
            if old and new and old != new:
                self.issue(legacy, f"differs from {column}")
            elif old:
                self.values[column] = old
        found = {}
        for key in columns.PAIRS:
            r1, r2 = self.get(f"{key}_R1_FQ"), self.get(f"{key}_R2_FQ")
            if bool(r1) != bool(r2):
                self.issue(f"{key}_R{2 if r1 else 1}_FQ", "the mate is missing")
            elif r1:
                found[key] = self.mates(key, r1, r2)
        return found

    def mates(self, key: str, r1: str, r2: str) -> tuple[tuple[str, str], ...]:
        first = [part.strip() for part in r1.split(",")]
        second = [part.strip() for part in r2.split(",")]
        column = f"{key}_R1_FQ"
        if len(first) > 1 and key != "ILMN":
            self.issue(column, "a list of files is possible for ILMN only")
        if len(first) != len(second) or not all(first + second):
            self.issue(column, f"{len(first)} R1 and {len(second)} R2 files, or an empty name among them")
            return ()
        result = tuple(zip(first, second, strict=True))
        for one, two in result:
            if one == two:
                self.issue(column, f"R1 and R2 are the same file {one}")
            elif len(result) > 1 and _mate_name(one, "R1") != _mate_name(two, "R2"):
                self.issue(column, f"{one} and {two} are no mates by their names")
        if len(set(first + second)) != len(first + second):
            self.issue(column, "a file is named twice")
        return result

    def aligned(self, kind: columns.Aligned) -> AlignedInput | None:
        path = self.get(kind.column)
        if not path:
            return None
        aligner = self.get(f"{kind.column}_ALIGNER")
        if aligner not in kind.aligners:
            self.issue(f"{kind.column}_ALIGNER", f"{aligner!r} must be {' or '.join(kind.aligners)}")
        return AlignedInput(kind, path, aligner, self.get(f"{kind.column}_SNV_CALLER"))

    def concordance(self) -> str:
        given = {self.get(name) for name in columns.CONCORDANCE} - {"", NA}
        if len(given) > 1:
            self.issue(columns.CONCORDANCE[0], f"its synonyms disagree: {', '.join(sorted(given))}")
        return min(given, default="")

    def mount_id(self) -> str:
        value = self.get("MOUNT_ID")
        if self.get("STAGE_DIRECTIVE").lower() == Directive.MOUNTED_READONLY and (
            not _MOUNT_ID.fullmatch(value) or ".." in value
        ):
            self.issue("MOUNT_ID", f"{value!r} must be a mount id: letters, digits, '.', '_' or '-'")
        return value

    def facts(self, sample_type: str, concordance: str) -> dict[str, str]:
        """Values that go into the tables as they are or by a default."""
        positive = self.flag("IS_POS_CTRL", default=_GIAB in concordance)
        kept = {name: self.get(name) for name in columns.PASSED_TO_UNITS}
        return kept | {
            "SAMPLESOURCE": self.get("SAMPLESOURCE", sample_type),
            "SAMPLECLASS": self.get("SAMPLECLASS", "research"),
            "BIOLOGICAL_SEX": self.get("BIOLOGICAL_SEX", _SEX.get((self.get("N_X"), self.get("N_Y")), NA)),
            "IS_POSITIVE_CONTROL": positive,
            "IS_NEGATIVE_CONTROL": self.flag("IS_NEG_CTRL", default=False),
            "TUM_NRM_SAMPLEID_MATCH": self.get("TUM_NRM_SAMPLEID_MATCH", NA),
            "EXTERNAL_SAMPLE_ID": self.get("EXTERNAL_SAMPLE_ID", NA),
            "N_X": self.get("N_X"),
            "N_Y": self.get("N_Y"),
            "SAMPLEUSE": self.get("SAMPLEUSE", "posControl" if positive == "true" else "sample"),
            "BWA_KMER": self.get("BWA_KMER", "19"),
            "SUBSAMPLE_PCT": self.fraction("SUBSAMPLE_PCT"),
        }

    def flag(self, column: str, *, default: bool) -> str:
        value = self.get(column, str(default)).lower()
        if value not in {"true", "false", NA}:
            self.issue(column, f"{value!r} must be true or false")
        return str(default).lower() if value == NA else value

    def fraction(self, column: str) -> str:
        value = self.get(column, NA)
        try:
            kept = value if value != NA and 0 < float(value) < 1 else NA
        except ValueError:
            kept = NA
        if kept != value:
            self.notes.append(f"row {self.line}: {column} {value!r} is not between 0 and 1 and is written as {NA}.")
        return kept


def _mate_name(path: str, token: str) -> str:
    """The file name with its mate token replaced; another text for R1 than for R2 when there is no token."""
    name = path.rpartition("/")[2]
    replaced, count = re.subn(rf"(?<![A-Za-z0-9]){token}(?=[._-]|$)", "*", name, count=1)
    return replaced if count else f"{token}:{name}"
