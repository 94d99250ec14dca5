"""P5 and P6: files cut at every byte, and writes killed before and after every call that touches files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from daylily_ec.config.models import KEYS
from daylily_ec.config.triplets import load_config
from daylily_ec.errors import CorruptFile, DyecError
from daylily_ec.fsx.receipts import ExportReceipt, parse_receipt
from daylily_ec.state.journal import Journal, read
from daylily_ec.state.models import RunRecord, RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import SystemClock
from daylily_ec.util.files import write_atomic, write_new
from daylily_ec.util.jsonio import dumps

RECORD = RunRecord(
    run_id="0123456789abcdef", cluster_name="majors", region="us-west-2", region_az="us-west-2d",
    aws_profile="daylily", account_id="123456789012", owner="arn:aws:iam::123456789012:user/ann",
    config_hash="feedfacefeedface", stamp="20260211143722", started_at="2026-02-11T14:37:22Z",
    updated_at="2026-02-11T14:37:22Z", fsx_ids=("fs-1",), warnings=("quota.vpcs: low",),
)  # fmt: skip
OTHER = replace(RECORD, status=RunStatus.SUBMITTED, warnings=("another",) * 40)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many places were tried, and what went wrong at which."""

    tried: int
    problems: tuple[str, ...]


def truncations(folder: Path) -> dict[str, Tally]:
    """P5: every proper prefix of every kind of file."""
    return {
        "state record": _state(folder),
        "journal": _journal(folder),
        "export receipt": _receipt(folder),
        "configuration": _configuration(folder),
    }


def _cut(path: Path, look: Callable[[bytes], str]) -> Tally:
    raw, problems = path.read_bytes(), []
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        problem = look(raw[:length])
        if problem:
            problems.append(f"at byte {length}: {problem}")
    path.write_bytes(raw)
    return Tally(len(raw), tuple(problems))


def _refused(load: Callable[[], object], name: str) -> str:
    try:
        found = load()
    except CorruptFile as error:
        return "" if name in error.message else f"the message does not name the file: {error.message}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"read as {found!r}"[:200]


def _state(folder: Path) -> Tally:
    store = StateStore(folder / "state")
    path = store.create(RECORD)

    def look(_: bytes) -> str:
        return (_refused(lambda: store.load(path), str(path))
                or _refused(lambda: store.latest("majors", "us-west-2"), str(path))
                or _refused(lambda: store.newest("majors"), str(path)))  # fmt: skip

    return _cut(path, look)


def _journal(folder: Path) -> Tally:
    """A cut journal keeps its whole lines and says that the last one is torn; it is never taken for a shorter story."""
    path = folder / "journal" / "j.jsonl"
    journal = Journal(path, SystemClock())
    for number in range(4):
        journal.append("applied", f"step-{number}", outputs={"id": "x" * number})
    lines = read(path).lines

    def look(raw: bytes) -> str:
        try:
            found = read(path)
        except DyecError as error:
            return f"the whole lines are lost: {error.message}"
        whole = raw.count(b"\n")
        torn = raw.rpartition(b"\n")[2]
        return "" if found.lines == lines[:whole] and found.torn == torn else f"read as {found!r}"

    return _cut(path, look)


def _receipt(folder: Path) -> Tally:
    receipt = ExportReceipt(dyec_run_id="r", cluster_name="majors", region="us-west-2", source_path="/a/",
                            destination_s3_uri="s3://out/a/")  # fmt: skip
    path = folder / "fsx_export.yaml"
    write_atomic(path, dumps(receipt))
    return _cut(path, lambda _: _refused(lambda: parse_receipt(path.read_text(), str(path)), path.name))


def _configuration(folder: Path) -> Tally:
    """A cut configuration is refused, or lacks whole keys: no value in it is ever a shortened one."""
    path = folder / "cluster.yaml"
    lines = [f'    {key.name}: [USESETVALUE, "", "value of {key.name}"]\n' for key in KEYS[:6]]
    path.write_text("ephemeral_cluster:\n  config:\n" + "".join(lines))

    def look(_: bytes) -> str:
        try:
            found = load_config(path)
        except DyecError as error:
            return "" if path.name in error.message else f"the message does not name the file: {error.message}"
        wrong = [key for key, triplet in found.triplets.items() if triplet.set_value not in ("", f"value of {key}")]
        silent = [key for key, triplet in found.triplets.items() if key not in _NAMES and triplet.set_value]
        return f"half a value of {wrong + silent}" if wrong or silent else ""

    return _cut(path, look)


_NAMES = {key.name for key in KEYS}


def crashes(folder: Path) -> dict[str, Tally]:
    """P6: a process killed before and after every call into the operating system or a file object while it writes."""
    return {
        "write_atomic": _crashing(
            folder / "atomic", lambda path: write_atomic(path, "new" * 9000), "old", "new" * 9000
        ),
        "write_new": _crashing(folder / "new", lambda path: write_new(path, "new" * 9000), None, "new" * 9000),
        "save of a record": _crashing(
            folder / "save", lambda path: StateStore(path.parent).save(path, OTHER), dumps(RECORD), dumps(OTHER)
        ),
        "journal line": _appending(folder / "journal"),
    }


def _crashing(folder: Path, write: Callable[[Path], object], old: str | None, new: str) -> Tally:
    path = folder / "state_majors_20260211143722.json"
    return _at_every_call(folder, path, lambda: write(path), old, lambda text: text in (old, new))


def _appending(folder: Path) -> Tally:
    path = folder / "j.jsonl"
    old = '{"at": "", "event": "first", "step": ""}\n'

    def good(text: str | None) -> bool:
        view = read(path)
        events: list[Mapping[str, Any]] = list(view.lines)
        return text is not None and text.startswith(old) and 1 <= len(events) <= 2

    return _at_every_call(folder, path, lambda: Journal(path, SystemClock()).append("second", x="y" * 9000), old, good)


def _at_every_call(
    folder: Path, path: Path, write: Callable[[], object], old: str | None, good: Callable[[str | None], bool]
) -> Tally:
    problems, number = [], 0
    while True:
        number += 1
        _clear(folder)
        if old is not None:
            path.write_text(old)
        finished = _killed_at(number, write)
        text = path.read_text() if path.exists() else None
        if not good(text):
            problems.append(f"at call {number}: {json.dumps(text)[:120]}")
        if finished:
            return Tally(number - 1, tuple(problems))


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()


def _killed_at(number: int, write: Callable[[], object]) -> bool:
    """Run `write` in a forked child that ends abruptly at its `number`-th such call; whether it came to its end."""
    child = os.fork()
    if child == 0:
        seen = 0

        def watch(_frame: object, event: str, called: object) -> None:
            nonlocal seen
            if event in ("c_call", "c_return") and _touches_files(called):
                seen += 1
                if seen == number:
                    os._exit(9)

        try:
            sys.setprofile(watch)
            write()
            sys.setprofile(None)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"the write failed by itself with {code}"
    return code == 0


def _touches_files(called: object) -> bool:
    owner = getattr(called, "__self__", None)
    return getattr(called, "__module__", "") in ("posix", "_io") or type(owner).__module__ == "_io"
