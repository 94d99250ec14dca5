"""Every command block of the documentation runs, as it stands, on a local cloud.

Whatever a page takes for granted is prepared beforehand, through the environment and the account alone: a checkout to
stand in, a profile, storage, a configuration file, and a catalog whose repository answers on this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from daylily_ec.demo.repository import make_repository
from tests.e2e.cloud import Cloud
from tests.e2e.doc_pages import DOCS, ROOT, blocks, pages, script

pytestmark = pytest.mark.e2e
WORKFLOW = Path(__file__).parent / "doc_workflow"


def checkout(directory: Path) -> Path:
    """A copy of the tracked files, so that blocks may leave files behind."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    return directory


def own_command(directory: Path) -> Path:
    """A directory with a `dyec` that is this checkout, whatever else is installed."""
    directory.mkdir()
    program = directory / "dyec"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m daylily_ec "$@"\n')
    program.chmod(0o755)
    return directory


def catalog(home: Path, url: str) -> Path:
    """Packaged resources whose catalog says that the pinned repository is at `url`."""
    resources = home / "resources"
    for name in ("config", "etc"):
        shutil.copytree(ROOT / name, resources / name)
    path, yaml = resources / "config/daylily_available_repositories.yaml", YAML()
    document = yaml.load(path.read_text())
    document["repositories"]["daylily-omics-analysis"]["https_url"] = url
    with path.open("w") as file:
        yaml.dump(document, file)
    return resources


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    home = checkout(tmp_path / "home")
    cloud = Cloud(home)
    cloud.extra["PATH"] = f"{own_command(tmp_path / 'bin')}:{cloud.env['PATH']}"
    cloud.extra |= {"USER": "reader", "OPERATOR": "daylily-local"}
    cloud.up()
    try:
        layout = home / ".config/daylily/local"
        make_repository(WORKFLOW, layout / "git/daylily-omics-analysis.git")
        cloud.extra["DAYLILY_EC_RESOURCES_DIR"] = str(
            catalog(home, f"{cloud.endpoint}/_dyec/git/daylily-omics-analysis.git")
        )
        for line in cloud.dyec("local", "account").out.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            cloud.extra[name] = value.strip("'")
        yield cloud
    finally:
        cloud.dyec("local", "down")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_every_block_runs(page: Path, cloud: Cloud) -> None:
    if page.stem == "pip_install":
        cloud.extra["PYTHONPATH"] = sysconfig.get_paths()["purelib"]
        # The page installs this checkout; its dependencies are those of this environment.
        cloud.extra |= {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "false"}
    done = cloud.run("bash", "-c", script(page), timeout=600)
    begun = [line for line in done.err.splitlines() if line.startswith("## ")]
    assert done.code == 0, f"{begun[-1:]}: {done.err[-3000:]}\n{done.out[-3000:]}"
    assert begun == [f"## {block.page}:{block.line}" for block in blocks(page) if not block.reason]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    built = {path.parent.name for path in tmp_path.glob("*/index.html")}
    assert {page.stem for page in DOCS.glob("*.md")} <= built
