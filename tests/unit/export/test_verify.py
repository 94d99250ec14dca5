"""Exports verified again: what was changed in S3, in the receipt or in the manifest is found, and nothing else is."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.errors import CorruptFile, DyecError, ExportFailed, InvalidValue, NotFound, Refused
from daylily_ec.fsx.manifest import make, parse
from daylily_ec.fsx.verification import Mode
from tests.conftest import FakeClock
from tests.unit.export.scene import BUCKET, PREFIX, RECEIPT, TARGET, analysis, export, manifest_key, receipt, verify
from tests.unit.fsx.fakes import World

ROUNDS = 1000
OUT = f"{PREFIX}daylily-omics-analysis/out.vcf"
READING = (Mode.CHECKSUM, Mode.FULL)


@pytest.fixture
def world(clock: FakeClock) -> World:
    return analysis(clock)


def differences(world: World, where: Path, mode: Mode) -> list[str]:
    with pytest.raises(ExportFailed) as error:
        verify(world, where, mode)
    assert (error.value.code, error.value.exit_code) == ("export_differs", 2)
    facts: Any = error.value.details["verification"]
    return [one["kind"] for one in facts["examples"]]


@pytest.mark.parametrize("mode", Mode)
def test_an_untouched_export_verifies_by_file_directory_and_uri(world: World, tmp_path: Path, mode: Mode) -> None:
    export(world, tmp_path)
    before = dict(world.s3.data)
    for where in (tmp_path, tmp_path / "fsx_export.yaml", TARGET, f"s3://{BUCKET}/{RECEIPT}"):
        found = verify(world, where, mode)
        assert (found.verification["mode"], found.verification["mismatches"]) == (mode, 0)
        assert found.verification["objects"] == 4
    assert world.s3.data == before


def test_no_cluster_and_no_file_system_is_asked(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    world.clusters.view, world.fsx.system, world.node.unreachable = None, None, "gone"
    assert verify(world, TARGET).verification["mismatches"] == 0


@pytest.mark.weakness("H5")
@pytest.mark.parametrize("mode", READING)
def test_other_bytes_of_the_same_size_are_found_where_content_is_compared(
    world: World, tmp_path: Path, mode: Mode
) -> None:
    export(world, tmp_path)
    world.s3.data[BUCKET, OUT] = b"VARIANTS"
    assert differences(world, tmp_path, mode) == ["content"]
    assert verify(world, tmp_path, Mode.SIZES).verification["mode"] == "sizes"


@pytest.mark.parametrize(("mode", "untold", "reads"), [(Mode.CHECKSUM, False, 0), (Mode.CHECKSUM, True, 0),
                                                       (Mode.FULL, False, 2), (Mode.SIZES, True, 0)])  # fmt: skip
def test_only_full_reads_bytes_here(world: World, tmp_path: Path, mode: Mode, untold: bool, reads: int) -> None:
    export(world, tmp_path)
    if untold:
        world.s3.untold = {OUT}
    seen: list[str] = []
    digest = world.s3.digest

    def reading(bucket: str, key: str) -> Any:
        seen.append(key)
        return digest(bucket, key)

    world.s3.digest = reading  # type: ignore[method-assign]
    verify(world, tmp_path, mode)
    assert len(seen) == reads


def test_s3_makes_the_checksum_that_it_does_not_have(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    world.s3.untold = {OUT}
    found = verify(world, tmp_path)
    assert (world.s3.copied, found.verification["checksums_computed"]) == ([OUT], 1)
    assert not [key for _, key in world.s3.data if "/verify/" in key]
    world.s3.data[BUCKET, OUT] = b"VARIANTS"
    assert differences(world, tmp_path, Mode.CHECKSUM) == ["content"]


def test_an_object_replaced_while_its_checksum_is_made_is_a_difference(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    world.s3.untold = {OUT}
    facts = world.s3.facts

    def replaced(bucket: str, key: str) -> Any:
        told = facts(bucket, key)
        if key == OUT:
            world.s3.data[bucket, key] = b"VARIANTS"
        return told

    world.s3.facts = replaced  # type: ignore[method-assign]
    assert differences(world, tmp_path, Mode.CHECKSUM) == ["content"]


def untold(world: World) -> None:
    """S3 has no checksum over the whole of any object, not even of those it copies."""
    facts = world.s3.facts

    def silent(bucket: str, key: str) -> Any:
        found = facts(bucket, key)
        return replace(found, crc64nvme="", sha256="") if found else None

    world.s3.facts = silent  # type: ignore[method-assign]


def test_an_s3_that_tells_no_checksum_at_all_ends_the_export_in_order(world: World, tmp_path: Path) -> None:
    untold(world)
    for _ in range(2):
        with pytest.raises(ExportFailed) as error:
            export(world, tmp_path)
        assert (error.value.code, "--verify full" in error.value.hint) == ("no_checksum", True)
        found = receipt(tmp_path)
        assert (found["status"], found["phase"], found["detached"]) == ("error", "verify", True)
        assert not world.fsx.links
    assert (export(world, tmp_path, verify=Mode.FULL)["status"], len(world.fsx.started)) == ("success", 1)
    with pytest.raises(ExportFailed, match="no checksum"):
        verify(world, tmp_path, Mode.CHECKSUM)


@pytest.mark.parametrize("proved", Mode)
@pytest.mark.parametrize("asked", Mode)
def test_an_unchanged_export_is_compared_as_thoroughly_as_before(
    world: World, tmp_path: Path, proved: Mode, asked: Mode
) -> None:
    export(world, tmp_path, verify=proved)
    again = export(world, tmp_path, verify=asked)
    assert (again["outcome"], again["verification"]["mode"]) == ("UNCHANGED", asked.at_least(proved))


def test_a_directory_that_changed_is_compared_as_it_is_asked_for_now(world: World, tmp_path: Path) -> None:
    export(world, tmp_path, verify=Mode.FULL)
    world.tree.write("daylily-omics-analysis/out.vcf", b"variants2")
    again = export(world, tmp_path, verify=Mode.CHECKSUM)
    assert (again["outcome"], again["verification"]["mode"]) == ("CREATED", "checksum")


def test_a_mode_that_is_no_word_is_named(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    path = tmp_path / "fsx_export.yaml"
    text = path.read_text().replace('"mode": "checksum"', '"mode": 5')
    path.write_text(text)
    world.s3.data[BUCKET, RECEIPT] = text.encode()
    with pytest.raises(InvalidValue, match="verification '5'"):
        export(world, tmp_path)


@pytest.mark.weakness("H5")
@pytest.mark.parametrize("proved", READING)
def test_sizes_never_replace_a_proof_of_content(world: World, tmp_path: Path, proved: Mode) -> None:
    """Neither at once, nor by way of a new attempt: FSx does not write an object that it believes to be there."""
    export(world, tmp_path, verify=proved)
    world.s3.data[BUCKET, OUT] = b"VARIANTS"
    original = world.fsx.export

    def nothing_new(task: Any) -> None:
        original(task)
        world.s3.data[BUCKET, OUT] = b"VARIANTS"

    world.fsx.export = nothing_new  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(ExportFailed, match=r"out\.vcf \(content\)"):
            export(world, tmp_path, verify=Mode.SIZES)
        assert (receipt(tmp_path)["status"], receipt(tmp_path)["verification"]["mode"]) == ("error", proved)


def test_a_word_in_the_receipt_does_not_keep_content_from_being_compared(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    path = tmp_path / "fsx_export.yaml"
    path.write_text(path.read_text().replace('"mode": "checksum"', '"mode": "sizes"'))
    assert verify(world, tmp_path).verification["mode"] == "checksum"
    world.s3.data[BUCKET, OUT] = b"VARIANTS"
    with pytest.raises(ExportFailed, match="content"):
        verify(world, tmp_path)


def test_a_later_export_finds_what_was_damaged_since(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    world.s3.data[BUCKET, OUT] = b"VARIANTS"
    again = export(world, tmp_path)
    assert (again["outcome"], again["attempts"]) == ("CREATED", 2)
    assert world.s3.data[BUCKET, OUT] == b"variants"


def test_a_request_that_fails_is_an_error_and_no_difference(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)

    def denied(bucket: str, key: str) -> Any:
        raise DyecError("denied")

    world.s3.facts = denied  # type: ignore[method-assign]
    with pytest.raises(DyecError, match="denied"):
        verify(world, tmp_path)


@pytest.mark.parametrize(("name", "value"), [
    ("status", "started"), ("task_lifecycle", "FAILED"), ("detached", False), ("fsx_file_system_id", "fs-1"),
    ("destination_s3_uri", "s3://results/other/ubuntu/a1/"), ("source_path", "/analysis_results/ubuntu/a2/"),
    ("attempts", 2), ("attempt_listing", "0"), ("headnode_path", "/fsx/x/"), ("dyec_run_id", "0"),
    ("s3_root", "s3://x/"), ("started_at", "2020-01-01T00:00:00Z"), ("task_id", "task-1"),
])  # fmt: skip
def test_a_receipt_that_was_changed_is_not_trusted(world: World, tmp_path: Path, name: str, value: Any) -> None:
    export(world, tmp_path)
    document = {**receipt(tmp_path), name: value}
    (tmp_path / "fsx_export.yaml").write_text(json.dumps({"fsx_export": document}) + "\n")
    if name == "status":
        assert verify(world, tmp_path).status == "started"
        return
    with pytest.raises(DyecError) as error:
        verify(world, tmp_path)
    assert error.value.exit_code in (1, 2)


@pytest.mark.parametrize(("part", "name", "value"), [
    ("inventory", "files", 2), ("inventory", "bytes", 14), ("inventory", "objects", 3),
    ("inventory", "manifest_sha256", "0" * 64), ("inventory", "manifest_s3_uri", "s3://results/x"),
    ("verification", "mismatches", 1), ("verification", "objects", 3), ("verification", "bytes", 14),
])  # fmt: skip
def test_numbers_of_a_receipt_must_be_the_manifests(
    world: World, tmp_path: Path, part: str, name: str, value: Any
) -> None:
    export(world, tmp_path)
    document = receipt(tmp_path)
    document[part][name] = value
    text = json.dumps({"fsx_export": document}) + "\n"
    (tmp_path / "fsx_export.yaml").write_text(text)
    world.s3.data[BUCKET, RECEIPT] = text.encode()
    for where in (str(tmp_path), TARGET):
        with pytest.raises(NotFound if name == "manifest_sha256" else CorruptFile):
            verify(world, where)


def test_a_lost_or_exchanged_manifest_is_said(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    kept = world.s3.data.pop((BUCKET, manifest_key(tmp_path)))
    assert verify(world, tmp_path).verification["mismatches"] == 0, "this machine has its own copy"
    with pytest.raises(NotFound, match="no manifest"):
        verify(world, TARGET)
    world.s3.data[BUCKET, manifest_key(tmp_path)] = gzip.compress(gzip.decompress(kept).replace(b'"0644"', b'"0645"'))
    with pytest.raises(CorruptFile, match="damaged"):
        verify(world, TARGET)


def test_another_manifest_of_the_same_content_is_not_the_receipt_s(world: World, tmp_path: Path) -> None:
    export(world, tmp_path)
    (tmp_path / "manifest.jsonl.gz").unlink()
    made = parse(world.s3.data[BUCKET, manifest_key(tmp_path)])
    later = make(made.header.directory, made.header.tool, "2030-01-01T00:00:00Z", made.records)
    world.s3.data[BUCKET, manifest_key(tmp_path)] = later.packed
    with pytest.raises(CorruptFile, match="SHA-256"):
        verify(world, tmp_path)


def test_what_is_no_receipt_is_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read"):
        verify(world, tmp_path / "none.yaml")
    with pytest.raises(NotFound, match="no receipt"):
        verify(world, TARGET)
    world.s3.put(BUCKET, PREFIX + "x", b"1")
    with pytest.raises(Refused, match="is not empty"):
        export(world, tmp_path)
    with pytest.raises(Refused, match="names no manifest"):
        verify(world, tmp_path)


def many(world: World, dice: random.Random) -> None:
    """Files of all kinds of sizes, some of them alike in size."""
    for number in range(12):
        body = dice.randbytes(dice.choice([1, 7, 7, 64, 1000]))
        world.tree.write(f"daylily-omics-analysis/f{number}", body)


def flip(data: dict[Any, bytes], dice: random.Random, keys: list[Any]) -> None:
    key = dice.choice(keys)
    body = bytearray(data[key])
    body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    data[key] = bytes(body)


def truncate(data: dict[Any, bytes], dice: random.Random, keys: list[Any]) -> None:
    key = dice.choice(keys)
    data[key] = data[key][: dice.randrange(len(data[key]))]


def drop(data: dict[Any, bytes], dice: random.Random, keys: list[Any]) -> None:
    del data[dice.choice(keys)]


def swap(data: dict[Any, bytes], dice: random.Random, keys: list[Any]) -> None:
    pairs = [(one, other) for one in keys for other in keys if data[one] != data[other]]
    one, other = dice.choice(pairs)
    data[one], data[other] = data[other], data[one]


def rename(data: dict[Any, bytes], dice: random.Random, keys: list[Any]) -> None:
    bucket, key = dice.choice(keys)
    data[bucket, key + "~"] = data.pop((bucket, key))


DAMAGES: tuple[Callable[..., None], ...] = (flip, truncate, drop, swap, rename)


@pytest.mark.parametrize("mode", READING)
def test_p10_every_one_of_1000_corruptions_is_caught_and_1000_clean_looks_find_nothing(
    world: World, tmp_path: Path, mode: Mode
) -> None:
    dice = random.Random(20)
    many(world, dice)
    export(world, tmp_path)
    clean = dict(world.s3.data)
    keys = [key for key, body in clean.items() if "_daylily_monitor" not in key[1] and body]
    caught = accepted = 0
    for number in range(ROUNDS):
        DAMAGES[number % len(DAMAGES)](world.s3.data, dice, keys)
        assert world.s3.data != clean
        assert differences(world, tmp_path, mode)
        caught += 1
        world.s3.data.clear()
        world.s3.data.update(clean)
        accepted += verify(world, tmp_path, mode).verification["mismatches"] == 0
    print(f"P10, {mode}: {caught} corruptions caught, {accepted} clean exports accepted")
    assert (caught, accepted) == (ROUNDS, ROUNDS)


def test_p10_a_receipt_or_manifest_with_a_flipped_byte_is_never_silently_another(world: World, tmp_path: Path) -> None:
    """Either it is refused, or it says what it said: free texts and times of day prove nothing."""
    export(world, tmp_path)
    (tmp_path / "manifest.jsonl.gz").unlink()
    dice = random.Random(21)
    path = tmp_path / "fsx_export.yaml"
    good = path.read_bytes()
    for number in range(300):
        position = dice.randrange(len(good))
        bad = good[:position] + bytes([good[position] ^ (1 << dice.randrange(7))]) + good[position + 1 :]
        path.write_bytes(bad)
        try:
            found = verify(world, tmp_path)
        except DyecError:
            continue
        assert (found.verification["mismatches"], found.destination_s3_uri) == (0, TARGET), number
    path.write_bytes(good)
    manifest = world.s3.data[BUCKET, manifest_key(tmp_path)]
    for number in range(200):
        position = dice.randrange(10, len(manifest))
        world.s3.data[BUCKET, manifest_key(tmp_path)] = (
            manifest[:position] + bytes([manifest[position] ^ (1 << (number % 8))]) + manifest[position + 1 :]
        )
        with pytest.raises(CorruptFile):
            verify(world, tmp_path)
