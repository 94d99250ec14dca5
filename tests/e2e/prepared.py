"""A local cloud with everything that a page of the documentation takes for granted.

It is prepared beforehand, through the environment and the account alone: a checkout to stand in, a profile, storage, a
configuration file, and a catalog whose repository answers on this machine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ruamel.yaml import YAML

from daylily_ec.demo.repository import make_repository
from tests.e2e.cloud import Cloud
from tests.e2e.doc_pages import ROOT

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


@contextmanager
def prepared(directory: Path) -> Iterator[Cloud]:
    """The cloud; it is taken down at the end, unless that has been done."""
    home = checkout(directory / "home")
    cloud = Cloud(home)
    cloud.extra["PATH"] = f"{own_command(directory / 'bin')}:{cloud.env['PATH']}"
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
