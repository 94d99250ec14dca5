"""The rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "daylily_ec"
LOCAL_WORDS = re.compile(r"127\.0\.0\.1|localhost|daylily-local|\bmoto\b|endpoint_url", re.IGNORECASE)
LOCAL_ALLOWED = ("localcloud/", "cli/local.py", "cli/demo.py")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "payload" not in path.parts)


def relative(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_there_is_a_product_to_check() -> None:
    assert len(modules()) > 40


def test_product_code_cannot_tell_the_local_cloud_from_aws() -> None:
    guilty = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in modules()
        if not relative(path).startswith(LOCAL_ALLOWED)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if LOCAL_WORDS.search(line)
    ]
    assert guilty == []


def test_every_room_says_what_lives_in_it() -> None:
    rooms = sorted(path for path in PACKAGE.rglob("__init__.py") if "payload" not in path.parts)
    mute = [relative(path) for path in rooms if not ast.get_docstring(ast.parse(path.read_text()))]
    assert mute == []


def test_only_the_renderer_and_the_console_print() -> None:
    printers = {"cli/render.py", "cli/console.py", "cli/main.py", "cli/demo.py", "localcloud/server.py"}
    guilty = []
    for path in modules():
        if relative(path) in printers:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                guilty.append(f"{relative(path)}:{node.lineno}")
    assert guilty == []


def test_only_the_clock_sleeps() -> None:
    guilty = [
        f"{relative(path)}:{node.lineno}"
        for path in modules()
        if not relative(path).startswith(("util/clock.py", "localcloud/", "cli/local.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "sleep" and ast.unparse(node.value) == "time"
    ]
    assert guilty == []


def test_nothing_unfinished_is_called_done() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    guilty = [relative(path) for path in modules() if words.search(path.read_text())]
    assert guilty == []


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.fail("the tests run in a git checkout")
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_binaries_and_no_large_files() -> None:
    guilty = [str(path) for path in tracked() if path.stat().st_size > 500_000 or b"\0" in path.read_bytes()[:8000]]
    assert guilty == []


def test_no_file_names_a_registry_host() -> None:
    hosts = re.compile(
        "|".join(("files." + "pythonhosted", "pypi." + "org/simple", "registry." + "npmjs", "deb." + "debian.org"))
    )
    guilty = [str(path) for path in tracked() if hosts.search(path.read_text(errors="replace"))]
    assert guilty == []


def test_no_suppression_of_pcluster_validators_anywhere() -> None:
    word = "suppress-" + "validators"
    guilty = [relative(path) for path in modules() if word in path.read_text()]
    assert guilty == []


def test_every_pinned_version_installs_on_the_oldest_python_that_is_promised() -> None:
    """Debian 12 has Python 3.11.2: a pin that wants a later 3.11 makes its `activate` fail."""
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = f"{re.findall(r'>=([0-9.]+)', promised)[0]}.0"
    wanted = {f"{one.name} {one.version}": one.metadata["Requires-Python"] or "" for one in distributions()}
    too_new = {name: versions for name, versions in wanted.items() if oldest not in SpecifierSet(versions)}
    assert too_new == {}
