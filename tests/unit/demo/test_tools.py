"""The tools environment: its name depends on the pins, and an interrupted build never counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daylily_ec.demo.tools import ensure_tools, environment_key, tools_directory
from daylily_ec.errors import ToolchainError

REQUIREMENTS = Path(__file__).parents[3] / "config" / "demo" / "requirements.txt"


def test_key_differs_with_pins_interpreter_and_version() -> None:
    base = environment_key("a==1\n", "/usr/bin/python3.11", (3, 11))
    assert re.fullmatch("[0-9a-f]{12}", base)
    others = {
        environment_key("a==2\n", "/usr/bin/python3.11", (3, 11)),
        environment_key("a==1\n", "/opt/bin/python3.11", (3, 11)),
        environment_key("a==1\n", "/usr/bin/python3.11", (3, 12)),
    }
    assert base not in others
    assert len(others) == 3


def test_every_requirement_is_pinned_and_none_is_named_twice() -> None:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    names = [line.split("==")[0].lower().replace("_", "-") for line in lines]
    assert len(set(names)) == len(names)
    assert {"snakemake", "multiqc", "snakemake-executor-plugin-cluster-generic"} <= set(names)


def test_environment_is_made_once(tmp_path: Path) -> None:
    calls: list[Path] = []
    made = ensure_tools(REQUIREMENTS, tmp_path, print, install=lambda python, _: calls.append(python))
    again = ensure_tools(REQUIREMENTS, tmp_path, print, install=lambda python, _: calls.append(python))
    assert calls == [made.python]
    assert made.python.exists()
    assert made.root == tools_directory(REQUIREMENTS, tmp_path) == again.root
    assert again.seconds == 0.0
    assert made.size_bytes > 0
    assert (made.base_prefix / "bin").is_dir()


def test_failed_install_is_tried_again(tmp_path: Path) -> None:
    def broken(python: Path, requirements: Path) -> None:
        raise ToolchainError("index out of reach")

    with pytest.raises(ToolchainError):
        ensure_tools(REQUIREMENTS, tmp_path, print, install=broken)
    calls: list[Path] = []
    ensure_tools(REQUIREMENTS, tmp_path, print, install=lambda python, _: calls.append(python))
    assert len(calls) == 1


def test_environment_without_its_interpreter_is_made_again(tmp_path: Path) -> None:
    made = ensure_tools(REQUIREMENTS, tmp_path, print, install=lambda *_: None)
    made.python.unlink()
    calls: list[Path] = []
    ensure_tools(REQUIREMENTS, tmp_path, print, install=lambda python, _: calls.append(python))
    assert len(calls) == 1
