"""Combinations of the options of `workflow launch`, made as dry runs, and what a launch would change on the node.

As a program it reads argument lists, one JSON array a line, runs dyec with each, and answers with a line of exit code
and document: starting Python anew for thousands of them would take hours.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.cli.demo import BUCKETS
from daylily_ec.cli.main import main
from daylily_ec.localcloud.nodes.records import BoxRecord, box_directory

RAN = "/fsx/RAN"
COMMAND = f"touch {RAN}; sbatch --wrap 'touch {RAN}'"
_EXPORTS = f"s3://{BUCKETS['export_destination']}/derived/demo"
Words = tuple[str, ...]
PLACES: tuple[Words, ...] = (("--analysis-id", "there", "--replace-existing-analysis-dir"), ("--analysis-id", "fresh"))
COMMANDS: tuple[Words, ...] = (
    (), ("--dy-command", COMMAND), ("--command-id", "illumina_run_qc"),
    ("--command-id", "illumina_snv_alignstats", "--engine-dry-run"),
    ("--aligners", "sent", "--dedupers", "", "--snv-callers", "deep", "--sv-callers", "manta", "--jobs", "2",
     "--target", "x", "--snakemake-extra=-n", "--no-containerized"),
)  # fmt: skip
TRIGGERS: tuple[Words, ...] = (
    (),
    *(("--export-trigger", trigger, *more)
      for trigger in ("on-success", "on-fail", "all") for more in ((), ("--delete-on-export-success",))),
)  # fmt: skip
FLAGS: tuple[Words, ...] = (("--no-default-activation",), ("--session-name", "other"), ("--git-tag", "main"))
IN_TURNS: tuple[Words, ...] = (
    ("--project", "p", "--strict-project-check"), ("--genome", "hg38_broad"),
    ("--repository", "daylily-omics-analysis"), ("--catalog-config", "catalog.yaml"),
)  # fmt: skip


def inputs(stage_dir: str) -> tuple[Words, ...]:
    """Where a workflow's tables come from."""
    return (
        (), ("--stage-dir", stage_dir), ("--stage-base", stage_dir.rpartition("/")[0]),
        ("--samples-file", "t.tsv", "--units-file", "t.tsv"), ("--run-context-file", "runs.tsv"),
        ("--bootstrap-test-config",), ("--no-input-staging",),
    )  # fmt: skip


def subsets(options: tuple[Words, ...]) -> tuple[Words, ...]:
    """The words of every subset of the options."""
    chosen = itertools.product(*(((), option) for option in options))
    return tuple(tuple(itertools.chain.from_iterable(one)) for one in chosen)


def combinations(stage_dir: str) -> Iterator[Words]:
    """Inputs × commands × exports × flags × places; the subsets of the remaining options take turns with them."""
    flags, turns = subsets(FLAGS), subsets(IN_TURNS)
    parts = itertools.product(inputs(stage_dir), COMMANDS, TRIGGERS, PLACES, flags)
    for number, (given, command, trigger, place, flag) in enumerate(parts):
        export = ("--export-destination-s3-uri", f"{_EXPORTS}/{place[1]}/", *trigger) if trigger else ()
        # One further with each round of the flags, so that every subset of one meets every subset of the other.
        turn = turns[(number + number // len(flags)) % len(turns)]
        yield (*place, *given, *command, *export, *flag, *turn)


@dataclass(frozen=True)
class Picture:
    """A head node seen from outside: its processes, and every path of its home and of the file system."""

    processes: frozenset[tuple[int, str]]
    files: frozenset[tuple[str, int, int]]

    def unlike(self, other: Picture) -> list[str]:
        """What only one of both has."""
        return sorted(map(str, (self.processes ^ other.processes) | (self.files ^ other.files)))


def picture(root: Path, box: BoxRecord) -> Picture:
    """Of the box of a local cloud with its files below `root`."""
    home = box_directory(root, box.instance_id) / "rootfs/home/ubuntu"
    return Picture(frozenset(_processes(box)), frozenset(_files(root / "fsx")) | frozenset(_files(home)))


def _processes(box: BoxRecord) -> Iterator[tuple[int, str]]:
    # A zombie has no command line; its parent has only not looked yet.
    namespace = Path(f"/proc/{box.pid}/ns/pid").readlink()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if line and (entry / "ns/pid").readlink() == namespace:
                yield int(entry.name), line


def _files(place: Path) -> Iterator[tuple[str, int, int]]:
    for entry in (place, *place.rglob("*")):
        found = entry.lstat()
        yield str(entry), found.st_ino, found.st_mtime_ns


def answer(argv: list[str]) -> dict[str, object]:
    """What that command line ends with."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = main(argv)
    return {"code": code, "document": json.loads(out.getvalue())}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
