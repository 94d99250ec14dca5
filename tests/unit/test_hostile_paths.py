"""P13: hostile ids, paths and URIs through everything that makes a path, a URI or a key of them: none leaves its root.

Every function either refuses the text with an error of the product, or what it makes lies inside the root that it
names.  Ten thousand texts are generated from a seed; each goes through every function.
"""

from __future__ import annotations

import posixpath
import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest

from daylily_ec.aws.fsx import Association, AssociationLifecycle
from daylily_ec.domain.fsxpath import ANALYSIS_ROOT, RUN_MOUNT_ROOT, AnalysisDirectory, FsxPath, run_mount_path
from daylily_ec.domain.ids import (
    AnalysisId,
    ClusterName,
    ExecutingEntity,
    MountId,
    RepositoryKey,
    WorkflowSession,
)
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import DyecError
from daylily_ec.fsx import policy
from daylily_ec.fsx.exports import parse_destination, report_prefix
from daylily_ec.fsx.policy import Purpose
from daylily_ec.fsx.receipts import receipt_key
from daylily_ec.fsx.records import MountRecord, forget, known_projection, projection_file, record_of, with_projection
from daylily_ec.fsx.turns import turn
from daylily_ec.headnode.launch import LINKS, clone_path
from daylily_ec.headnode.runs import RUNS, RunDirectory
from daylily_ec.samples import columns
from daylily_ec.samples.plan import plan_stage
from daylily_ec.samples.run_context import REQUIRED, parse_run_context
from daylily_ec.samples.sheet import read_sheet
from daylily_ec.samples.sources import Roles
from daylily_ec.state.locks import cluster_lock
from daylily_ec.util.progress import Silent
from daylily_ec.workflow.export_lookup import default_output_dir
from tests.conftest import FakeClock

CASES = 10_000
SEED = 20260211
PIECES = (
    "..", ".", "/", "//", "\\", "..\\", "%2e%2e", "%2f", "%00", "\0", "\n", "\r", "\t", " ", "-", "--", "~", "~root",
    "$HOME", "`id`", "$(id)", "${IFS}", ";", "|", "&", "'", '"', "*", "?", "#", ":", "@", "s3://", "s3://other/",
    "file://", "https://x/", "/fsx", "/fsx/run_dir_mounts/", "/analysis_results/", "/etc/passwd", "/references/",
    "\u202e", "\uff0e\uff0e", "\u2215", "\u2044", "\ud800", "\udcff", "é", "\u0000".join("ab"), "\x7f", "\x1b[2J",
    "con", ".atlas_rw", ".ssh", "_", "a" * 130, "x" * 300, "RUN1", "ann", "a1", "bucket", "runs", "1", "",
)  # fmt: skip
VALID = (
    "RUN1", "ann", "a1", "s1", "day-demo", "us-west-2", "fs-0123456789abcdef0", "s3://bucket/runs/RUN1/", "s3://bucket/ann/a1",
    "/run_dir_mounts/RUN1/", "/fsx/run_dir_mounts/RUN1/x", "/analysis_results/ann/a1", "/fsx/analysis_results/ann/a1/",
    "/control_data/x/", "/references/", "/staging/x/", "/my_data/", f"{RUNS}/s1", "SampleSheet.csv", "runs/RUN1",
)  # fmt: skip


def texts() -> Iterator[str]:
    """Pieces strung together, and valid texts with pieces put into them."""
    dice = random.Random(SEED)
    for _ in range(CASES):
        if dice.random() < 0.35:
            yield "".join(dice.choices(PIECES, k=dice.randint(1, 5)))
            continue
        text = dice.choice(VALID)
        for _ in range(dice.choice((0, 1, 1, 1, 2))):
            at = dice.randint(0, len(text))
            text = text[:at] + dice.choice(PIECES) + text[at + dice.choice((0, 0, 1)) :]
        yield text


class Escape(AssertionError):
    """Something lies outside of its root."""


def inside(path: str | PurePosixPath, root: str, *, below: bool = True) -> None:
    """`path` lies below `root` (or is it), has no odd component, and can be handed to any program as it is."""
    text = str(path)
    plain = posixpath.normpath(text)
    good = plain.startswith(root.rstrip("/") + "/") or (not below and plain == root.rstrip("/"))
    if not good or any(part in (".", "..") for part in text.split("/")) or not _is_clean(text):
        raise Escape(f"{text!r} is not inside {root!r}")


def _is_clean(text: str) -> bool:
    return not any(ord(sign) < 32 or ord(sign) == 127 or 0xD800 <= ord(sign) <= 0xDFFF for sign in text)


def in_bucket(prefix: S3Prefix, bucket: str | None = None, key: str = "") -> None:
    """The URI names that bucket for whoever parses it, and its key has no component that leads elsewhere."""
    parsed = urlsplit(str(prefix).partition("?")[0])
    odd = any(part in (".", "..") for part in prefix.key.split("/"))
    same = (
        parsed.scheme == "s3"
        and parsed.netloc == parsed.hostname == prefix.bucket
        and prefix.bucket == (bucket or prefix.bucket)
    )
    if odd or not same or not prefix.key.startswith(key) or not _is_clean(str(prefix)):
        raise Escape(f"{prefix} is not below {bucket}/{key}")


def on_disk(path: Path, root: Path) -> None:
    """A file of ours, right where it should be."""
    if root not in path.parents or ".." in path.parts or not _is_clean(str(path)):
        raise Escape(f"{path} is not inside {root}")


HERE = S3Prefix("bucket", "runs/RUN1/")
ANALYSIS = AnalysisDirectory(ExecutingEntity("ann"), AnalysisId("a1"))
ROLES = Roles(S3Prefix("refs"), S3Prefix("control", "data/"), S3Prefix("stage", "staged/"))


def component(kind: type[MountId], root: str) -> Callable[[str, Path], None]:
    return lambda text, _: inside(PurePosixPath(root) / kind.parse(text), root)


def mount_paths(text: str, _: Path) -> None:
    name = policy.choose_mount_id(HERE, text, None)
    for purpose in Purpose:
        if purpose is not Purpose.CUSTOM:
            inside(policy.choose_path(purpose, name, None).value, purpose.root)
    inside(run_mount_path(name).value, RUN_MOUNT_ROOT)
    inside(run_mount_path(name).on_node, "/fsx/run_dir_mounts")


def chosen_paths(text: str, _: Path) -> None:
    made = 0
    for purpose in Purpose:
        try:
            path = policy.choose_path(purpose, MountId("RUN1"), text or "x")
        except DyecError:
            continue
        made += 1
        inside(path.on_node, "/fsx")
        if purpose is not Purpose.CUSTOM:
            inside(path.value, purpose.root, below=purpose not in (Purpose.CONTROL_DATA, Purpose.STAGING))
        elif any(path.value.startswith(root) for root in (RUN_MOUNT_ROOT, ANALYSIS_ROOT, "/references/")):
            raise Escape(f"{path} is inside another root")
    if not made:
        raise DyecError("refused by every purpose")


def sources(text: str, _: Path) -> None:
    prefix = S3Prefix.parse(text)
    in_bucket(prefix)
    in_bucket(prefix.child("x"), prefix.bucket, prefix.key)
    name = policy.choose_mount_id(prefix, None, None)
    inside(run_mount_path(name).value, RUN_MOUNT_ROOT)


def runs_ids(text: str, _: Path) -> None:
    inside(run_mount_path(policy.choose_mount_id(HERE, None, text)).value, RUN_MOUNT_ROOT)


def file_system_paths(text: str, _: Path) -> None:
    inside(FsxPath.parse(text).on_node, "/fsx", below=False)


def analyses(text: str, _: Path) -> None:
    found = AnalysisDirectory.parse(text)
    inside(found.path.on_node, "/fsx/analysis_results")
    if len(found.path.on_node.parts) != 5:
        raise Escape(f"{found.path} is no analysis")


def entities(text: str, _: Path) -> None:
    found = AnalysisDirectory(ExecutingEntity.parse(text), AnalysisId("a1"))
    inside(found.path.on_node, "/fsx/analysis_results")
    inside(clone_path("/fsx/analysis_results", found, "work"), "/fsx/analysis_results")


def sessions(text: str, _: Path) -> None:
    inside(f"{RUNS}/{RunDirectory.parse(text or '-', None).name}", RUNS)


def run_directories(text: str, _: Path) -> None:
    found = RunDirectory.parse(None, text).path
    inside(found, RUNS)
    if PurePosixPath(found).parent != PurePosixPath(RUNS):
        raise Escape(f"{found} is no run directory")


def local_records(text: str, folder: Path) -> None:
    made = 0
    for parts in ((text, "day-demo", "RUN1"), ("us-west-2", text, "RUN1"), ("us-west-2", "day-demo", text)):
        try:
            on_disk(projection_file(folder, *parts), folder / "run_mounts")
        except DyecError:
            continue
        made += 1
    if not made:
        raise DyecError("no part of such a path")


def foreign_tags(text: str, folder: Path) -> None:
    """Somebody else's association: whatever its tags say, no file outside is read or written."""
    tags = {"dyec:mount-id": text, "dyec:cluster": text, "dyec:platform": text, "lsmc:purpose": text}
    link = Association("dra-1", "fs-1", FsxPath("/run_dir_mounts/R/"), HERE, AssociationLifecycle.AVAILABLE, tags=tags)
    record = record_of(link, cluster=None, region="us-west-2", now=datetime(2026, 1, 1, tzinfo=UTC))
    with_projection(folder, record)
    known_projection(folder, "us-west-2", (text, "fs-1"), text)
    gone = forget(folder, record)
    if gone.local_projection_status != "present":
        raise DyecError("no file of ours can have that name")


def receipts_here(text: str, folder: Path) -> None:
    made = 0
    for parts in (
        (text, "fs-1", "/analysis_results/ann/a1"),
        ("r", text, "/analysis_results/ann/a1"),
        ("r", "fs-1", text),
    ):
        try:
            found = default_output_dir(*parts)
        except DyecError:
            continue
        made += 1
        on_disk(found, folder / "daylily" / "exports")
    if not made:
        raise DyecError("no part of such a path")


def destinations(text: str, _: Path) -> None:
    found = parse_destination(text, ANALYSIS)
    in_bucket(found)
    in_bucket(report_prefix(found, datetime(2026, 1, 1, tzinfo=UTC), 1), found.bucket, found.key)
    if not found.key.endswith("ann/a1/") or not receipt_key(found).startswith(found.key):
        raise Escape(f"{found} is not the analysis' own place")


def locks(text: str, folder: Path) -> None:
    made = 0
    clock = FakeClock()
    try:
        with turn(clock, Silent(), text, 1.0):
            made += 1
    except DyecError:
        pass
    name = ClusterName.parse(text)
    with cluster_lock(folder, "us-west-2", name, "test", clock):
        on_disk(folder / "locks" / f"us-west-2_{name}.lock", folder / "locks")


def _some(text: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Two of the columns, others for other texts."""
    at = zlib.crc32(text.encode(errors="surrogatepass")) % len(columns)
    return columns[at], columns[(at + 1) % len(columns)]


def run_contexts(text: str, _: Path) -> None:
    """Each cell of a run in turn: run directory, tables, output, mount, source."""
    made = 0
    good = {
        "RUNID": "RUN1", "PLATFORM": "ILMN", "RUN_DIR": "/fsx/run_dir_mounts/RUN1", "SOURCE_S3_URI": "s3://bucket/runs/RUN1/",
        "MOUNT_ID": "RUN1", "SAMPLE_SHEET": "/fsx/run_dir_mounts/RUN1/SampleSheet.csv", "REGION": "us-west-2",
    }  # fmt: skip
    for column in _some(text, ("RUNID", "RUN_DIR", "SOURCE_S3_URI", "MOUNT_ID", "SAMPLE_SHEET", "OUTPUT_ROOT")):
        row = {**good, column: text}
        table = "\t".join(REQUIRED) + "\n" + "\t".join(row.get(name, "") for name in REQUIRED) + "\n"
        try:
            context = parse_run_context(table, "us-west-2")
        except DyecError:
            continue
        made += 1
        _check_context(context.rows[0], context)
    if not made:
        raise DyecError("no cell of a run")


def _check_context(row: object, context: object) -> None:
    from daylily_ec.samples.run_context import RunContext, RunRow

    assert isinstance(row, RunRow)
    assert isinstance(context, RunContext)
    clone = clone_path("/fsx/analysis_results", ANALYSIS, "work")
    for mount in context.mounts:
        inside(mount.path.value, RUN_MOUNT_ROOT)
        in_bucket(mount.source)
    if row.mount_dir is not None:
        inside(row.run_dir, str(row.mount_dir), below=False)
    for link in context.links(clone):
        inside(clone / LINKS / link.name, f"{clone}/{LINKS}")
    inside(clone / row.values["OUTPUT_ROOT"], str(clone), below=False)
    found = row.object_of(row.get("SAMPLE_SHEET")) if row.get("SAMPLE_SHEET") else None
    if found is not None and row.source is not None:
        in_bucket(S3Prefix(found[0], found[1] + "/"), row.source.bucket, row.source.key)


def staged_samples(text: str, folder: Path) -> None:
    """Identity cells and sources of a sample: everything is copied below the stage."""
    base = {
        "RUN_ID": "R1", "SAMPLE_ID": "S1", "EXPERIMENTID": "E1", "SAMPLE_TYPE": "blood", "LIB_PREP": "X",
        "SEQ_VENDOR": "ILMN", "SEQ_PLATFORM": "GAII", "LANE": "1", "SEQBC_ID": "B1",
        "ILMN_R1_FQ": "s3://seq/a_R1.fq.gz", "ILMN_R2_FQ": "s3://seq/a_R2.fq.gz",
    }  # fmt: skip
    made, stage = 0, PurePosixPath("/fsx/staging/staged_external_sequencing_data/s")
    names = list(dict.fromkeys([*columns.REQUIRED, *base]))
    path = folder / "sheet.tsv"
    for column in _some(text, ("RUN_ID", "SAMPLE_ID", "EXPERIMENTID", "LANE", "SEQBC_ID", "ILMN_R1_FQ")):
        row = {**base, column: text}
        body = "\t".join(names) + "\n" + "\t".join(row.get(name, "") for name in names) + "\n"
        path.write_bytes(body.encode(errors="surrogatepass"))
        try:
            plan = plan_stage(read_sheet(path), ROLES, stage)
        except DyecError:
            continue
        if plan.issues:
            continue
        made += 1
        for copy in plan.copies:
            inside(stage / copy.target, str(stage))
            in_bucket(S3Prefix("stage", ROLES.staging.object_key(f"s/{copy.target}/")), "stage", "staged/s/")
    if not made:
        raise DyecError("no cell of a sample")


FUNCTIONS: dict[str, Callable[[str, Path], None]] = {
    "mount ids": component(MountId, "/fsx/run_dir_mounts"),
    "analysis ids": component(AnalysisId, "/fsx/analysis_results/ann"),  # type: ignore[arg-type]
    "session names": component(WorkflowSession, RUNS),  # type: ignore[arg-type]
    "repositories": component(RepositoryKey, "/fsx/analysis_results/ann/a1"),  # type: ignore[arg-type]
    "mount directories": mount_paths,
    "--file-system-path": chosen_paths,
    "--run-id": runs_ids,
    "S3 URIs": sources,
    "FSx paths": file_system_paths,
    "analysis directories": analyses,
    "executing entities": entities,
    "sessions": sessions,
    "run directories": run_directories,
    "records of mounts": local_records,
    "tags of others": foreign_tags,
    "records of exports": receipts_here,
    "export destinations": destinations,
    "locks": locks,
    "run contexts": run_contexts,
    "samples": staged_samples,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.mark.weakness("M10")
def test_ten_thousand_hostile_texts_leave_no_root(folder: Path, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if folder not in (path, *path.parents)}
    taken: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    escapes: list[str] = []
    for text in texts():
        for name, check in FUNCTIONS.items():
            try:
                check(text, folder)
                taken[name] += 1
            except DyecError:
                refused[name] += 1
            except Escape as escape:
                escapes.append(f"{name}, {text!r}: {escape}")
    print(f"P13: {CASES:,} texts, {CASES * len(FUNCTIONS):,} cases, {sum(taken.values()):,} taken, "
          f"{sum(refused.values()):,} refused, {len(escapes)} escapes")  # fmt: skip
    assert escapes == []
    for name in FUNCTIONS:
        assert taken[name] > 50, name
        assert refused[name] > 500, name
    outside = {path for path in tmp_path.rglob("*") if folder not in (path, *path.parents)}
    assert outside == before


@pytest.mark.parametrize("text", ["/a/../../etc", "/fsx/run_dir_mounts/../x", "/elsewhere", "/fsx/run_dir_mounts/a\nb"])
def test_the_check_itself_notices_an_escape(text: str) -> None:
    with pytest.raises(Escape):
        inside(text, "/fsx/run_dir_mounts")
    with pytest.raises(Escape):
        in_bucket(replace(HERE, bucket="bucket@other"))


def test_a_record_names_its_own_file(tmp_path: Path) -> None:
    link = Association("dra-1", "fs-1", FsxPath("/run_dir_mounts/R/"), HERE, AssociationLifecycle.AVAILABLE)
    record: MountRecord = record_of(link, cluster=None, region="r", now=datetime(2026, 1, 1, tzinfo=UTC))
    assert forget(tmp_path, record).local_projection_status == "present"
    assert (tmp_path / "run_mounts" / "r" / "fs-1" / "R.json").is_file()
