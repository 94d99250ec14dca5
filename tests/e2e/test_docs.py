"""Every command block of the documentation runs, as it stands, on a local cloud."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.doc_pages import DOCS, ROOT, blocks, pages, script
from tests.e2e.prepared import prepared

pytestmark = pytest.mark.e2e


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with prepared(tmp_path) as cloud:
        yield cloud


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
