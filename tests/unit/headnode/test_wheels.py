"""Fetching wheels: pip as a fake, the cache for real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daylily_ec.errors import DeadlinePassed, ToolchainError
from daylily_ec.headnode.bundle import NodeTarget, Pins
from daylily_ec.headnode.wheels import PipWheels
from daylily_ec.util.proc import Finished

PINS = Pins({"six": "1.17.0", "boto3": "1.44.5"})
TARGET = NodeTarget((3, 12), "x86_64", (2, 35))


@dataclass
class Pip:
    """Writes a wheel for each pin, or fails."""

    names: tuple[str, ...] = ("boto3-1.44.5-py3-none-any.whl", "six-1.17.0-py2.py3-none-any.whl")
    stderr: str = ""
    late: bool = False
    calls: list[list[str]] = field(default_factory=list)

    def __call__(self, argv: list[str], env: Mapping[str, str]) -> Finished:
        self.calls.append(argv)
        if self.late:
            raise DeadlinePassed("python did not end within 300 s")
        for name in self.names:
            (Path(argv[argv.index("--dest") + 1]) / name).write_text(name)
        return Finished(tuple(argv), 1 if self.stderr else 0, "", self.stderr)


def test_wheels_are_fetched_for_the_node_and_kept(tmp_path: Path) -> None:
    pip = Pip()
    source = PipWheels(tmp_path, pip)
    found = source.wheels(TARGET, PINS)
    assert [path.name for path in found] == list(pip.names)
    (argv,) = pip.calls
    assert argv[argv.index("--python-version") + 1] == "3.12"
    assert {"--no-deps", "--only-binary=:all:", "boto3==1.44.5", "manylinux_2_35_x86_64"} <= set(argv)
    assert source.wheels(TARGET, PINS) == found
    assert len(pip.calls) == 1


def test_another_python_machine_or_pin_is_another_set(tmp_path: Path) -> None:
    pip = Pip()
    source = PipWheels(tmp_path, pip)
    for target in (TARGET, NodeTarget((3, 11), "x86_64", (2, 35)), NodeTarget((3, 12), "aarch64", (2, 35))):
        source.wheels(target, PINS)
    source.wheels(TARGET, Pins({"six": "1.16.0", "boto3": "1.44.5"}))
    assert len(pip.calls) == 4


def test_a_damaged_wheel_is_fetched_again(tmp_path: Path) -> None:
    pip = Pip()
    source = PipWheels(tmp_path, pip)
    source.wheels(TARGET, PINS)[0].write_text("cut")
    assert source.wheels(TARGET, PINS)[0].read_text() == pip.names[0]
    assert len(pip.calls) == 2


@pytest.mark.parametrize(
    ("pip", "words"),
    [
        (Pip(stderr="WARNING: x\nERROR: No matching distribution found for six==1.17.0\n"), "No matching distribution"),
        (Pip(late=True), "did not end within"),
        (Pip(names=("six-1.17.0-py2.py3-none-any.whl",)), "1 of 2 wheels"),
    ],
)
def test_a_failure_says_why_and_leaves_nothing(tmp_path: Path, pip: Pip, words: str) -> None:
    with pytest.raises(ToolchainError, match=words):
        PipWheels(tmp_path, pip).wheels(TARGET, PINS)
    assert list(tmp_path.iterdir()) == []
