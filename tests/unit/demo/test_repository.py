"""The demonstration's git repository: the same files give the same commit, whatever the file system says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from daylily_ec.demo.repository import TAG, catalog_text, make_repository

DEMO = Path(__file__).parents[3] / "config" / "demo"


def git(repository: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", f"--git-dir={repository}", *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_commit_id_depends_on_the_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(DEMO / "workflow", copy)
    for path in copy.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
    (copy / "bin" / "__pycache__").mkdir()
    (copy / "bin" / "__pycache__" / "x.pyc").write_bytes(b"x")
    first = make_repository(DEMO / "workflow", tmp_path / "a.git")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00")
    monkeypatch.setenv("HOME", str(tmp_path))
    second = make_repository(copy, tmp_path / "b.git")
    assert first.commit == second.commit
    (copy / "README.md").write_text("changed")
    assert make_repository(copy, tmp_path / "b.git").commit != first.commit


def test_tag_holds_every_file_with_the_right_mode(tmp_path: Path) -> None:
    repository = make_repository(DEMO / "workflow", tmp_path / "a.git")
    listing = [line.split("\t") for line in git(repository.path, "ls-tree", "-r", TAG).splitlines()]
    modes = {name: entry.split()[0] for entry, name in listing}
    assert modes["bin/day_run"] == modes["workflow/scripts/slurm_status.sh"] == "100755"
    assert modes["dyoainit"] == modes["bin/day_activate"] == "100644"
    assert (
        git(repository.path, "show", f"{TAG}:workflow/Snakefile")
        == (DEMO / "workflow" / "workflow" / "Snakefile").read_text()
    )


def test_plain_file_server_files_are_written(tmp_path: Path) -> None:
    repository = make_repository(DEMO / "workflow", tmp_path / "a.git")
    assert f"{repository.commit}\trefs/tags/{TAG}" in (repository.path / "info" / "refs").read_text()


def test_catalog_names_the_served_repository(tmp_path: Path) -> None:
    template = DEMO / "daylily_available_repositories.yaml"
    text = catalog_text(template, "http://example.invalid/x.git")
    assert 'https_url: "http://example.invalid/x.git"' in text
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(ValueError, match="has no"):
        catalog_text(tmp_path / "t.yaml", "http://example.invalid/y.git")
