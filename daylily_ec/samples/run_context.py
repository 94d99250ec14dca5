"""Reads `runs.tsv`: every row parsed, every problem collected with its row and column; then projects it into a clone.

A run with SOURCE_S3_URI and MOUNT_ID is shown by a run mount at /fsx/run_dir_mounts/<MOUNT_ID>; without both it must
lie on the head node already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from daylily_ec.domain.fsxpath import run_mount_path
from daylily_ec.domain.ids import MountId, is_text
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue, NotFound, ValidationError
from daylily_ec.fsx.policy import MountRequest, Platform, Purpose
from daylily_ec.headnode.launch import LINKS, RunLink
from daylily_ec.samples.sheet import Issue

REQUIRED = (
    "RUNID", "PLATFORM", "RUN_DIR", "SOURCE_S3_URI", "MOUNT_ID", "SAMPLE_SHEET", "BASECALLING_STATE", "RUN_STATUS",
    "OUTPUT_ROOT", "REGION", "PROFILE",
)  # fmt: skip
PLATFORMS = ("ILMN", "ONT", "ULTIMA", "PACBIO", "OTHER")
_WORDS = {
    "BASECALLING_STATE": ("raw_bcl", "basecalled_fastq", "pod5", "bam", "cram", "unknown"),
    "RUN_STATUS": ("complete", "active", "unknown"),
}
_BLANK = {"", "na"}
_PATHS = ("SAMPLE_SHEET", "METRICS_PATH")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run; `values` are the cells to hand on, in the order of the file's columns."""

    line: int
    run_id: MountId
    platform: Platform
    run_dir: PurePosixPath
    source: S3Prefix | None
    mount_id: MountId | None
    values: Mapping[str, str]

    @property
    def mount_dir(self) -> PurePosixPath | None:
        """Where the run mount shows the source, None without one."""
        return run_mount_path(self.mount_id).on_node if self.mount_id else None

    def get(self, column: str) -> str:
        """The cell, empty when it is blank, `na`, or the file has no such column."""
        text = self.values.get(column, "")
        return "" if text.lower() in _BLANK else text

    def object_of(self, text: str) -> tuple[str, str] | None:
        """Bucket and key of a file of the run by its path on the node (a relative one counts from RUN_DIR)."""
        path = self.run_dir / text
        if self.source is None or self.mount_dir is None or not path.is_relative_to(self.mount_dir):
            return None
        return self.source.bucket, self.source.object_key(str(path.relative_to(self.mount_dir)))


@dataclass(frozen=True)
class RunContext:
    """A parsed file."""

    columns: tuple[str, ...]
    rows: tuple[RunRow, ...]

    @cached_property
    def mounts(self) -> tuple[MountRequest, ...]:
        """The run mounts that the runs need, each once."""
        wanted = {
            row.mount_id: MountRequest(source=row.source, purpose=Purpose.RUN, mount_id=row.mount_id, run_id=row.run_id,
                                       platform=row.platform, path=run_mount_path(row.mount_id))
            for row in reversed(self.rows)
            if row.mount_id is not None and row.source is not None
        }  # fmt: skip
        return tuple(wanted[name] for name in sorted(wanted))

    def links(self, clone: PurePosixPath) -> tuple[RunLink, ...]:
        """The links of run directories that lie outside of the clone."""
        found = {
            row.run_id: RunLink(row.run_id, str(row.run_dir), row.mount_id is not None)
            for row in self.rows
            if _is_outside(row, clone)
        }
        return tuple(found[name] for name in sorted(found))

    def projected(self, clone: PurePosixPath) -> str:
        """The file as the clone gets it: run directories, and paths inside them, go through the clone's links."""
        lines = ["\t".join(self.columns)]
        for row in self.rows:
            link = str(clone / LINKS / row.run_id) if _is_outside(row, clone) else str(row.run_dir)
            lines.append("\t".join(_moved(row.values[name], str(row.run_dir), link) for name in self.columns))
        return "".join(f"{line}\n" for line in lines)


def _is_outside(row: RunRow, clone: PurePosixPath) -> bool:
    return row.run_dir.is_absolute() and not row.run_dir.is_relative_to(clone)


def _moved(value: str, old: str, new: str) -> str:
    path = PurePosixPath(value)
    return str(new / path.relative_to(old)) if path.is_absolute() and path.is_relative_to(old) else value


def read_run_context(path: Path, region: str) -> RunContext:
    """The runs of the file for a cluster in `region`; one `ValidationError` lists every problem."""
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"There is no run context file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue("run context file", str(path), f"cannot be read: {error}") from error
    return parse_run_context(text, region, str(path))


def parse_run_context(text: str, region: str, name: str = "runs.tsv") -> RunContext:
    """Like `read_run_context`, from text; `name` only for the message."""
    table = [(number, [cell.strip() for cell in line.split("\t")]) for number, line in enumerate(text.splitlines(), 1)]
    table = [(number, cells) for number, cells in table if any(cells)]
    header = tuple(table[0][1]) if table else ()
    issues = list(_header_issues(header, len(table)))
    parsers = [] if issues else [_RowParser(number, header, cells, region) for number, cells in table[1:]]
    rows = tuple(row for row in (parser.parse() for parser in parsers) if row is not None)
    issues += [issue for parser in parsers for issue in parser.issues]
    issues += _contradictions(rows)
    if issues:
        raise ValidationError(
            f"{name} cannot be used: {len(issues)} problem(s); first: {min(issues)}.", code="run_context_blocked",
            details={"issues": sorted(issues)}, hint="Correct the table; nothing was started.",
        )  # fmt: skip
    return RunContext(header, rows)


def _header_issues(header: tuple[str, ...], lines: int) -> Iterator[Issue]:
    for column in REQUIRED:
        if column not in header:
            yield Issue(1, column, "the column is missing")
    for column in dict.fromkeys(header):
        if not column or header.count(column) > 1:
            yield Issue(1, column, "a column needs a name of its own")
    if lines < 2:
        yield Issue(2, "", "the table has no runs")


def _contradictions(rows: tuple[RunRow, ...]) -> Iterator[Issue]:
    """Two rows that say different things of one run, or of one mount."""
    places: dict[MountId, PurePosixPath] = {}
    sources: dict[MountId, S3Prefix] = {}
    for row in rows:
        if places.setdefault(row.run_id, row.run_dir) != row.run_dir:
            yield Issue(row.line, "RUN_DIR", f"another row has {places[row.run_id]} for run {row.run_id}")
        if row.mount_id and row.source and sources.setdefault(row.mount_id, row.source) != row.source:
            yield Issue(row.line, "SOURCE_S3_URI", f"another row has {sources[row.mount_id]} for mount {row.mount_id}")


class _RowParser:
    """One line of the file: parses column by column and keeps every problem."""

    def __init__(self, line: int, header: tuple[str, ...], cells: list[str], region: str) -> None:
        self.line, self.region, self.issues = line, region, list[Issue]()
        self.values = dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=False))
        if len(cells) > len(header):
            self.issue("", f"{len(cells)} cells for {len(header)} columns")

    def issue(self, column: str, message: str) -> None:
        self.issues.append(Issue(self.line, column, message))

    def cell(self, column: str) -> str:
        text = self.values.get(column, "")
        if not is_text(text):
            self.issue(column, "must not contain control characters")
        return "" if text.lower() in _BLANK else text

    def parse(self) -> RunRow | None:
        """The row, or None when something of it is wrong."""
        run_id = self._mount_id("RUNID", self.cell("RUNID"))
        platform = self._one_of("PLATFORM", PLATFORMS, self.cell("PLATFORM").upper())
        self._words()
        self._places()
        mount_id, source = self._mount()
        run_dir = self._run_dir(mount_id)
        if self.issues or run_id is None or run_dir is None:
            return None
        return RunRow(self.line, run_id, Platform(platform), run_dir, source, mount_id, self.values)

    def _one_of(self, column: str, known: tuple[str, ...], text: str) -> str:
        if text not in known:
            self.issue(column, f"{self.values[column]!r} is not one of {', '.join(known)}")
        self.values[column] = text
        return text

    def _mount_id(self, column: str, text: str) -> MountId | None:
        try:
            return MountId.parse(text)
        except InvalidValue as error:
            self.issue(column, f"{text!r} {error.details['rule']}")
            return None

    def _words(self) -> None:
        for column, known in _WORDS.items():
            self._one_of(column, known, self.cell(column).lower() or "unknown")
        region = self.cell("REGION")
        if region and region != self.region:
            self.issue("REGION", f"{region} is not the cluster's region {self.region}; FSx shows buckets of its own")
        self.cell("PROFILE")

    def _places(self) -> None:
        root = self.cell("OUTPUT_ROOT") or f"results/runs/{self.cell('RUNID')}"
        if PurePosixPath(root).is_absolute() or ".." in PurePosixPath(root).parts:
            self.issue("OUTPUT_ROOT", f"{root!r} must lie inside the clone: a relative path without '..'")
        self.values["OUTPUT_ROOT"] = root
        for column in _PATHS:
            if ".." in PurePosixPath(self.cell(column)).parts:
                self.issue(column, "must not contain '..'")
        if self.cell("METRICS_S3_URI"):
            self._s3("METRICS_S3_URI", self.cell("METRICS_S3_URI"))

    def _mount(self) -> tuple[MountId | None, S3Prefix | None]:
        uri, name = self.cell("SOURCE_S3_URI"), self.cell("MOUNT_ID")
        if bool(uri) != bool(name):
            column = "MOUNT_ID" if uri else "SOURCE_S3_URI"
            self.issue(column, "SOURCE_S3_URI and MOUNT_ID belong together; both name the run mount")
        if not uri or not name:
            return None, None
        return self._mount_id("MOUNT_ID", name), self._s3("SOURCE_S3_URI", uri)

    def _s3(self, column: str, text: str) -> S3Prefix | None:
        try:
            if not text.startswith("s3://"):
                raise InvalidValue(column, text, "must be s3://bucket/prefix")
            return S3Prefix.parse(text, column)
        except InvalidValue as error:
            self.issue(column, f"{text!r} {error.details['rule']}")
            return None

    def _run_dir(self, mount_id: MountId | None) -> PurePosixPath | None:
        text = self.cell("RUN_DIR")
        path = PurePosixPath(text)
        if not text or ".." in path.parts:
            self.issue("RUN_DIR", "must be a directory, without '..'")
            return None
        root = run_mount_path(mount_id).on_node if mount_id else None
        if root is not None and not path.is_relative_to(root):
            self.issue("RUN_DIR", f"{text} must be {root} or below, where its run mount is")
            return None
        self.values["RUN_DIR"] = str(path)
        return path
