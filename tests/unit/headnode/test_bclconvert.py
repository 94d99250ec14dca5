"""The gates of a BCL Convert launch that a session asks before its command: native rules, profile, partitions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daylily_ec.errors import Refused
from daylily_ec.headnode.bclconvert import (
    DEFAULTS,
    MARKERS,
    RULES,
    SCRIPTS,
    Clone,
    check_partition,
    own_settings,
    prepare,
)

PRESENT = {"i8": 8, "i192mem": 192, "i192bigmem": 192}


def native(root: Path) -> Clone:
    """A clone with everything that the native rules have."""
    for name, text in ((RULES, "\n".join(MARKERS)), *((script, "") for script in SCRIPTS)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Clone(root, "2.0.1", "2.0.26")


def test_native_rules_are_accepted(tmp_path: Path) -> None:
    native(tmp_path).check()


@pytest.mark.parametrize("marker", MARKERS)
def test_each_missing_marker_is_named_with_version_and_pin(tmp_path: Path, marker: str) -> None:
    clone = native(tmp_path)
    (tmp_path / RULES).write_text("\n".join(one for one in MARKERS if one != marker))
    with pytest.raises(Refused, match=rf"2\.0\.1 is too old.*{RULES} has no '{re.escape(marker)}'") as info:
        clone.check()
    assert info.value.code == "bclconvert_rules"
    assert "--git-tag 2.0.26" in info.value.hint
    assert [one for one in MARKERS if repr(one) in info.value.message] == [marker]


@pytest.mark.parametrize("name", [RULES, *SCRIPTS])
def test_each_missing_file_is_named(tmp_path: Path, name: str) -> None:
    clone = native(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(Refused, match=f"{name} is missing") as info:
        clone.check()
    assert info.value.message.count("is missing") == 1


@pytest.mark.parametrize("wanted", ["i8", "i192mem,i192bigmem", " i8 , i192mem ", "", ","])
def test_partitions_that_exist_are_accepted(wanted: str) -> None:
    assert check_partition(wanted, "8", PRESENT) == ""


@pytest.mark.parametrize("wanted", ["i9", "i8,i9", "i9,i8", "i192mem,i9,i8"])
def test_one_unknown_partition_is_too_many_and_the_existing_ones_are_named(wanted: str) -> None:
    with pytest.raises(Refused, match=f"{wanted}, but Slurm has no i9; it has i8, i192mem, i192bigmem") as info:
        check_partition(wanted, "8", PRESENT)
    assert info.value.code == "bclconvert_partition"
    assert "workflow resume" in info.value.hint
    assert """--config 'bclconvert={"partition": "i8"}'""" in info.value.hint


@pytest.mark.parametrize(("wanted", "warned"), [("i8", True), ("i8,i192mem", False), ("", False), ("unknown", False)])
def test_more_threads_than_any_node_has_are_warned_of(wanted: str, warned: bool) -> None:
    present = {**PRESENT, "unknown": 0}
    assert check_partition(wanted, "192", present).startswith("Warning: threads 192") == warned


def profile(folder: Path, text: str = "bclconvert:\n  threads: '8'\n") -> Path:
    path = folder / "rule_config.yaml"
    path.write_text(text)
    path.chmod(0o640)
    return path


def test_the_profile_is_completed_once_and_the_log_says_with_what(tmp_path: Path) -> None:
    path = profile(tmp_path)
    added, kept = prepare(path, {}, PRESENT)
    assert "partition=i192mem,i192bigmem" in added
    assert "threads" not in re.sub(r"\w+_threads", "", added)
    assert kept.endswith("kept threads=8")
    assert path.stat().st_mode & 0o7777 == 0o640
    before = (path.read_bytes(), path.stat().st_ino)
    assert prepare(path, {}, PRESENT)[0].endswith("added nothing")
    assert (path.read_bytes(), path.stat().st_ino) == before
    assert list(tmp_path.iterdir()) == [path]


def test_settings_of_the_command_go_before_and_change_no_key_that_is_there(tmp_path: Path) -> None:
    path = profile(tmp_path)
    own = own_settings('{"partition": "i8", "threads": 4, "sample_sheet_settings": {"a": 1}, "other": true}')
    lines = prepare(path, own, {"i8": 8})
    text = path.read_text()
    assert """threads: '8'\n""" in text
    assert '  partition: "i8"\n' in text
    assert '  sample_sheet_settings: "{\\"a\\": 1}"\n' in text
    assert "other" not in text
    assert lines[2] == 'Settings of the command: partition=i8, threads=4, sample_sheet_settings={"a": 1}, other=true'
    with pytest.raises(Refused):
        prepare(path, {"partition": "i9"}, {"i8": 8})


@pytest.mark.parametrize("text", ["bclconvert:\n  threads: '8'\n", "bclconvert:\n  partition: i9\n", "a: 1\n", "\xff"])
def test_nothing_is_written_when_it_cannot_run(tmp_path: Path, text: str) -> None:
    path = profile(tmp_path)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Refused):
        prepare(path, {}, {"i8": 8})
    assert path.read_bytes() == text.encode("latin-1")
    assert list(tmp_path.iterdir()) == [path]


def test_a_linked_profile_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = profile(tmp_path / "real")
    link = tmp_path / "rule_config.yaml"
    link.symlink_to(target)
    prepare(link, {}, PRESENT)
    assert link.is_symlink()
    assert "i192mem" in target.read_text()


def test_a_missing_profile_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"cannot be read.*nowhere") as info:
        prepare(tmp_path / "nowhere/rule_config.yaml", {}, PRESENT)
    assert info.value.code == "bclconvert_profile"


def test_the_defaults_are_those_of_a_node_with_192_processors() -> None:
    filled = {name: value for name, value in DEFAULTS.items() if value}
    assert filled == {
        "tmpdir": "/dev/shm", "force": "true", "threads": "192", "partition": "i192mem,i192bigmem",
        "parallel_tiles": "24", "conversion_threads": "4", "compression_threads": "64", "decompression_threads": "32",
        "fastq_gzip_compression_level": "1", "shared_thread_odirect_output": "true", "merge_lane_fastqs": "false",
        "output_legacy_stats": "true", "num_unknown_barcodes_reported": "1000", "barcode_mismatches_index1": "0",
        "barcode_mismatches_index2": "0", "sample_sheet_settings": "{}", "sample_sheet_settings_by_lane": "{}",
    }  # fmt: skip
    assert [name for name in DEFAULTS if name not in filled] == [
        "adapter_read1", "adapter_read2", "adapter_behavior", "adapter_stringency", "minimum_adapter_overlap",
        "create_fastq_for_index_reads", "minimum_trimmed_read_length", "mask_short_reads", "override_cycles",
        "software_version", "trim_umi", "no_lane_splitting",
    ]  # fmt: skip
