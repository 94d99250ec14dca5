"""What has to be copied where, and the tables that follow: decided from the sheet alone, before anything is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from daylily_ec.errors import InvalidValue
from daylily_ec.samples import columns
from daylily_ec.samples.sheet import NA, AlignedInput, Directive, Issue, SampleRow, Sheet
from daylily_ec.samples.sources import Place, Roles, Source, recognise


@dataclass(frozen=True, slots=True)
class Needed:
    """A source that must exist; `is_tree` for a directory."""

    row: SampleRow
    column: str
    source: Source
    is_tree: bool = False

    def issue(self, message: str) -> Issue:
        """A problem with it."""
        return Issue(self.row.line, self.column, f"{self.source}: {message}", self.row.sample)


@dataclass(frozen=True, slots=True)
class Copy:
    """A source and its path below the stage directory; a tree is copied with everything in it."""

    source: Source
    target: str
    is_tree: bool = False


@dataclass(frozen=True, slots=True)
class StagePlan:
    """Everything that staging will do, and everything that forbids it."""

    copies: tuple[Copy, ...]
    needed: tuple[Needed, ...]
    samples: tuple[dict[str, str], ...]
    units: tuple[dict[str, str], ...]
    issues: tuple[Issue, ...]
    notes: tuple[str, ...]


def plan_stage(sheet: Sheet, roles: Roles, stage_directory: PurePosixPath) -> StagePlan:
    """The plan for a parsed sheet; rows with problems add to the issues and to nothing else."""
    planner = _Planner(roles, stage_directory, _lanes(sheet.rows))
    for row in sheet.rows:
        planner.add(row)
    issues = tuple(sorted({*sheet.issues, *planner.issues, *_duplicates(sheet.rows)}))
    samples = tuple(planner.samples[name] for name in sorted(planner.samples))
    return StagePlan(
        tuple(planner.copies.values()), tuple(planner.needed), samples, tuple(planner.units), issues,
        (*sheet.notes, *planner.notes),
    )  # fmt: skip


def _lanes(rows: Iterable[SampleRow]) -> frozenset[str]:
    """Folders that more than one row would share; those carry the lane in their name."""
    counted = Counter(row.folder("0") for row in rows)
    return frozenset(folder for folder, number in counted.items() if number > 1)


def _duplicates(rows: tuple[SampleRow, ...]) -> list[Issue]:
    first: dict[str, int] = {}
    found = []
    for row in rows:
        name = row.folder(row.lane)
        if name in first:
            found.append(Issue(row.line, "LANE", f"row {first[name]} has the same identity and lane", row.sample))
        first.setdefault(name, row.line)
    return found


@dataclass
class _Planner:
    """Collects copies and table rows; a source that is used twice is copied once."""

    roles: Roles
    stage_directory: PurePosixPath
    shared_folders: frozenset[str]
    copies: dict[tuple[str, bool], Copy] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    needed: list[Needed] = field(default_factory=list)
    samples: dict[str, dict[str, str]] = field(default_factory=dict)
    sample_lines: dict[str, int] = field(default_factory=dict)
    units: list[dict[str, str]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, row: SampleRow) -> None:
        folder = row.folder("0")
        if folder in self.shared_folders:
            self.notes.append(f"row {row.line}: kept as a unit of its own, lane {row.lane} of {row.sample}.")
            folder = row.folder(row.lane)
        self.units.append(self.unit(row, folder))
        self.sample(row, folder)

    def unit(self, row: SampleRow, folder: str) -> dict[str, str]:
        unit = dict.fromkeys(columns.UNITS, "") | {
            "RUNID": row.run, "SAMPLEID": row.sample, "EXPERIMENTID": row.experiment, "LANEID": row.lane,
            "BARCODEID": row.barcode, "LIBPREP": row.library, "SEQ_VENDOR": row.vendor, "SEQ_PLATFORM": row.platform,
        }  # fmt: skip
        unit |= {name: value for name, value in row.facts.items() if name in unit}
        for key, pairs in row.pairs.items():
            placed = [self.pair(row, key, number, pairs, folder) for number in range(len(pairs))]
            for mate, column in enumerate(columns.PAIRS[key]):
                if unit[column]:
                    self.issue(row, f"{key}_R{mate + 1}_FQ", f"fills {column}, which another column fills already")
                unit[column] = ",".join(paths[mate] for paths in placed)
        for item in row.aligned:
            column = item.kind.column
            unit |= {column: self.aligned(row, item, folder), f"{column}_ALIGNER": item.aligner,
                     f"{column}_SNV_CALLER": item.snv_caller}  # fmt: skip
        return unit

    def pair(
        self, row: SampleRow, key: str, number: int, pairs: tuple[tuple[str, str], ...], folder: str
    ) -> tuple[str, str]:
        inner = folder if len(pairs) == 1 else f"{folder}/lane{number + 1}"
        staged = row.directive in {Directive.DEFAULT, Directive.STAGE_DATA}
        r1, r2 = pairs[number]
        return (self.file(row, f"{key}_R1_FQ", r1, inner, staged=staged),
                self.file(row, f"{key}_R2_FQ", r2, inner, staged=staged))  # fmt: skip

    def aligned(self, row: SampleRow, item: AlignedInput, folder: str) -> str:
        staged = row.directive is Directive.STAGE_DATA
        path = self.file(row, item.kind.column, item.path, folder, staged=staged)
        if item.kind.needs_index(item.aligner):
            self.file(row, item.kind.column, item.path + item.kind.index, folder, staged=staged)
        return path

    def file(self, row: SampleRow, column: str, text: str, folder: str, *, staged: bool) -> str:
        """Path of the file as the workflow will see it."""
        source = self.recognise(row, column, text)
        if source is None:
            return ""
        if row.directive is Directive.MOUNTED_READONLY:
            return self.mounted(row, column, source)
        if staged and source.place is not Place.MOUNTED:
            self.needed.append(Needed(row, column, source))
            return self.copy(row, column, source, f"{folder}/{source.name}")
        if source.place is not Place.VISIBLE:
            directive = row.directive or "an empty directive on an aligned input"
            self.issue(row, column, f"{text} is not visible on the head node, which {directive} needs"
                       if not staged else f"{text} lies on a mount: use the directive mounted_readonly")  # fmt: skip
            return ""
        self.needed.append(Needed(row, column, source))
        return text

    def recognise(self, row: SampleRow, column: str, text: str) -> Source | None:
        try:
            return recognise(text, self.roles)
        except InvalidValue as error:
            self.issue(row, column, f"{text}: {error.details['rule']}")
            return None

    def mounted(self, row: SampleRow, column: str, source: Source) -> str:
        root = f"/fsx/run_dir_mounts/{row.mount_id}/"
        if not source.text.startswith(root):
            self.issue(row, column, f"{source} does not lie below {root}")
            return ""
        return source.text

    def copy(self, row: SampleRow, column: str, source: Source, target: str, *, is_tree: bool = False) -> str:
        # Keys beat spellings: one object under two names is still one object.
        identity = f"s3://{source.bucket}/{source.key}" if source.is_in_s3 else str(source.local)
        known = self.copies.get((identity, is_tree))
        if known is None and self.targets.setdefault(target, identity) != identity:
            self.issue(row, column, f"{source} and {self.targets[target]} would both be staged as {target}")
        copy = self.copies.setdefault((identity, is_tree), known or Copy(source, target, is_tree))
        return str(self.stage_directory / copy.target)

    def sample(self, row: SampleRow, folder: str) -> None:
        """The row's line of the samples table; rows of one sample must say the same of it."""
        path = self.concordance(row, folder)
        facts = {"SAMPLEID": row.sample, "SAMPLE_TYPE": row.sample_type, "CONCORDANCE_CONTROL_PATH": path,
                 "TRUTH_DATA_DIR": path}  # fmt: skip
        line = {name: facts.get(name, row.facts.get(name, "")) for name in columns.SAMPLES}
        known = self.samples.setdefault(row.sample, line)
        differing = [name for name in columns.SAMPLES if known[name] != line[name]]
        if differing:
            others = f"row {self.sample_lines[row.sample]}"
            self.issue(row, differing[0], f"{others} says {known[differing[0]]!r} of the same sample")
        self.sample_lines.setdefault(row.sample, row.line)

    def concordance(self, row: SampleRow, folder: str) -> str:
        if not row.concordance:
            return NA
        source = self.recognise(row, columns.CONCORDANCE[0], row.concordance)
        if source is None:
            return NA
        if source.place is Place.MOUNTED:
            self.issue(row, columns.CONCORDANCE[0], f"{source} lies on a run mount")
            return NA
        tree = source if not source.key or source.key.endswith("/") else replace(source, key=source.key + "/")
        self.needed.append(Needed(row, columns.CONCORDANCE[0], tree, is_tree=True))
        if source.place is Place.VISIBLE:
            return row.concordance
        return self.copy(row, columns.CONCORDANCE[0], tree, f"{folder}/concordance_data", is_tree=True)

    def issue(self, row: SampleRow, column: str, message: str) -> None:
        self.issues.append(Issue(row.line, column, message, row.sample))


def table(names: tuple[str, ...], rows: Iterable[dict[str, str]]) -> str:
    """Tab-separated text with a header; lines end in LF."""
    return "".join("\t".join(cells) + "\n" for cells in [names, *([row[name] for name in names] for row in rows)])
