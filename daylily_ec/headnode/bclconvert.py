"""What BCL Convert needs of a clone: native rules, and settings in the profile.  Runs on the node, by a session.

The workflow's code is never changed.  Of the profile's `rule_config.yaml` every character stays; what the block
`bclconvert:` lacks is added at its top.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.errors import DyecError, Refused
from daylily_ec.headnode.profile_block import UNUSABLE, completed, unusable
from daylily_ec.util.files import write_atomic

RULES = "workflow/rules/bclconvert.smk"
MARKERS = (
    "DAYOA_BCLCONVERT_LANE_SPLIT = True", "BCL_MERGE_LANE_FASTQS", "BCL_FASTQ_LIST_INPUT_FILES",
    "run_bclconvert_lane_fastqs_ready", "rule run_bclconvert_lane:",
)  # fmt: skip
"""What the rules hold from the version on that converts each lane by itself."""
SCRIPTS = tuple(
    f"workflow/scripts/{name}"
    for name in ("run_bclconvert_lane.sh", "prepare_bclconvert_lane_samplesheet.py", "merge_bclconvert_lanes.py")
)
BLOCK = "bclconvert"
DEFAULTS: Mapping[str, str] = {
    "tmpdir": "/dev/shm", "force": "true", "threads": "192", "partition": "i192mem,i192bigmem",
    "parallel_tiles": "24", "conversion_threads": "4", "compression_threads": "64", "decompression_threads": "32",
    "fastq_gzip_compression_level": "1", "shared_thread_odirect_output": "true", "merge_lane_fastqs": "false",
    "output_legacy_stats": "true", "num_unknown_barcodes_reported": "1000", "barcode_mismatches_index1": "0",
    "barcode_mismatches_index2": "0", "sample_sheet_settings": "{}", "sample_sheet_settings_by_lane": "{}",
    **dict.fromkeys(
        ("adapter_read1", "adapter_read2", "adapter_behavior", "adapter_stringency", "minimum_adapter_overlap",
         "create_fastq_for_index_reads", "minimum_trimmed_read_length", "mask_short_reads", "override_cycles",
         "software_version", "trim_umi", "no_lane_splitting"), ""
    ),
}  # fmt: skip
"""Settings of the native rules and their values on a node with 192 processors."""
EXIT_CODES = {"bclconvert_rules": 13, UNUSABLE: 14, "bclconvert_partition": 15}
"""Exit codes of a session that ends here, by the error's code."""
SINFO_S = 15
_RESUME = "then go on with: dyec workflow resume"


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone, the version that is checked out, and what the catalog pins."""

    path: Path
    version: str
    pin: str

    def check(self) -> None:
        """`Refused` with everything that the native rules lack."""
        lacking = list(self._lacking())
        if lacking:
            raise Refused(
                f"The checked-out version {self.version} is too old for BCL Convert launches: {'; '.join(lacking)}.",
                code="bclconvert_rules", hint=f"The catalog pins {self.pin}: launch again with --git-tag {self.pin}.",
            )  # fmt: skip

    def _lacking(self) -> Iterator[str]:
        try:
            text = (self.path / RULES).read_text(encoding="utf-8", errors="replace")
        except OSError:
            yield f"{RULES} is missing"
        else:
            yield from (f"{RULES} has no {marker!r}" for marker in MARKERS if marker not in text)
        yield from (f"{script} is missing" for script in SCRIPTS if not (self.path / script).is_file())


def check_partition(wanted: str, threads: str, present: Mapping[str, int]) -> str:
    """`Refused` unless Slurm has every partition of the list `wanted`: it takes no job that names another one, too.

    `present` are the partitions with the most processors of a node.  The answer warns when no node has enough for
    `threads`, else it is empty; without a name Slurm chooses its default.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    missing = [name for name in names if name not in present]
    if missing:
        example = json.dumps({"partition": next(iter(present))})
        raise Refused(
            f"BCL Convert is to run in the partition {wanted}, but Slurm has no {', '.join(missing)}; "
            f"it has {', '.join(present)}.", code="bclconvert_partition",
            hint=f"Name one of these in the block {BLOCK}: of the profile's rule_config.yaml in the clone, {_RESUME}; "
            f"or launch a command that has it: --config '{BLOCK}={example}'.",
        )  # fmt: skip
    most = max((present[name] for name in names or present), default=0)
    if threads.isdecimal() and 0 < most < int(threads):
        return f"Warning: threads {threads}, but no node of {wanted or 'Slurm'} has more than {most} processors."
    return ""


def slurm_partitions() -> dict[str, int]:
    """Slurm's partitions and the most processors of a node in each; `Refused` when it does not answer."""
    argv = ["sinfo", "--noheader", "--format", "%R|%c"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=SINFO_S,
                              check=False)  # fmt: skip
        why = done.stderr.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        done, why = None, str(error)
    found: dict[str, int] = {}
    for line in done.stdout.splitlines() if done else ():
        name, _, processors = line.strip().rstrip("+").partition("|")
        found[name] = max(found.get(name, 0), int(processors) if processors.isdecimal() else 0)
    if not found:
        raise Refused(f"Slurm does not name its partitions: {why or 'sinfo says nothing'}.",
                      code="bclconvert_partition", hint=f"Look at it with: sinfo; {_RESUME}.")  # fmt: skip
    return found


def prepare(profile: Path, own: Mapping[str, str], present: Mapping[str, int]) -> tuple[str, ...]:
    """Complete the profile's file; lines for the log.  `own` are settings of the command, which the engine prefers.

    Nothing is written before everything is known to be right, nor when nothing is lacking: safe to repeat.
    """
    try:
        text = profile.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise unusable(f"cannot be read: {error}") from error
    done = completed(text, BLOCK, {**DEFAULTS, **{name: own[name] for name in DEFAULTS if name in own}})
    effective = {**done.added, **done.kept, **own}
    warning = check_partition(effective["partition"], effective["threads"], present)
    if done.added:
        write_atomic(profile.resolve(), done.text.encode(), profile.stat().st_mode & 0o7777)
    return tuple(filter(None, (
        f"{profile}: added {', '.join(f'{name}={value}' for name, value in done.added.items()) or 'nothing'}",
        f"{profile}: kept {', '.join(f'{name}={value}' for name, value in done.kept.items())}" if done.kept else "",
        f"Settings of the command: {', '.join(f'{name}={value}' for name, value in own.items())}" if own else "",
        warning,
    )))  # fmt: skip


def own_settings(text: str) -> dict[str, str]:
    """Settings of a command from their JSON object; what is no string is JSON text."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in json.loads(text).items()}


def _session(env: Mapping[str, str]) -> tuple[str, ...]:
    Clone(Path(env["DYEC_REPO_PATH"]), env["DYEC_DESCRIBED"], env["DYEC_PIN"]).check()
    if env["DYEC_ACTIVATE"] != "1":
        return ("The session activates nothing, so the profile stays as it is.",)
    if not env["DAY_PROFILE_DIR"]:
        raise unusable("is not known: the activation has set no DAY_PROFILE_DIR")
    return prepare(
        Path(env["DAY_PROFILE_DIR"]) / "rule_config.yaml",
        own_settings(env["DYEC_BCL_SETTINGS"]), slurm_partitions(),
    )  # fmt: skip


def main() -> int:
    """Check the clone and complete its profile as the session's variables say; the reason of a refusal on stderr."""
    try:
        lines = _session(os.environ)
    except DyecError as error:
        sys.stderr.write(" ".join(filter(None, (error.message, error.hint))) + "\n")
        return EXIT_CODES.get(error.code, 1)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
