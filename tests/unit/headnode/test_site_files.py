"""The YAML files of a node: written, updated, kept when edited, overridden."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.catalog.loader import load_catalog
from daylily_ec.errors import ValidationError
from daylily_ec.headnode.identity import RECORD, NodeInstall
from daylily_ec.headnode.site_files import CATALOG, SETTINGS, SiteFiles, apply

INSTALL = NodeInstall("0.1.0-abc", "d" * 64, "s3://ref/x/", "/usr/bin/python3.12", "2026-02-11T14:37:22Z")
KEY = "daylily-omics-analysis"
MINE = """\
# the site's own
command_catalog_version: 2
default_repository: mine
repositories:
  mine:
    https_url: https://example.org/mine.git
    default_ref: 2.0.26  # the pin
    relative_path: mine
"""


def ref(folder: Path, key: str = KEY) -> str:
    return load_catalog(folder / CATALOG).repositories[key].default_ref


def test_the_packaged_files_are_written_once(tmp_path: Path) -> None:
    assert apply(SiteFiles(INSTALL), tmp_path)[0] == "done"
    assert {path.name for path in tmp_path.iterdir()} == {CATALOG, SETTINGS, RECORD}
    assert apply(SiteFiles(replace(INSTALL, installed_at="later")), tmp_path)[0] == "unchanged"
    record = json.loads((tmp_path / RECORD).read_text())
    assert (record["release"], record["installed_at"]) == ("0.1.0-abc", INSTALL.installed_at)


def test_overrides_change_the_reference_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / CATALOG).write_text(MINE)
    _, found = apply(SiteFiles(INSTALL, overrides={"mine": "feature/x"}), tmp_path)
    assert ref(tmp_path, "mine") == "feature/x"
    assert (tmp_path / CATALOG).read_text().split() == MINE.replace("2.0.26", "feature/x").split()
    assert "edited on this node" in found


def test_overrides_stay_until_others_are_given(tmp_path: Path) -> None:
    pin = load_catalog().repositories[KEY].default_ref
    apply(SiteFiles(INSTALL, overrides={KEY: "main"}), tmp_path)
    apply(SiteFiles(replace(INSTALL, release="0.2.0-def")), tmp_path)
    assert ref(tmp_path) == "main"
    apply(SiteFiles(INSTALL, overrides={}), tmp_path)
    assert ref(tmp_path) == pin


def test_what_somebody_edited_there_is_kept_and_said(tmp_path: Path) -> None:
    apply(SiteFiles(INSTALL), tmp_path)
    edited = (tmp_path / SETTINGS).read_text() + "# ours\n"
    (tmp_path / SETTINGS).write_text(edited)
    status, found = apply(SiteFiles(INSTALL), tmp_path)
    assert (status, (tmp_path / SETTINGS).read_text()) == ("unchanged", edited)
    assert f"{SETTINGS} kept (edited on this node)" in found
    apply(SiteFiles(INSTALL, catalog=MINE), tmp_path)
    assert (tmp_path / SETTINGS).read_text() == edited
    assert ref(tmp_path, "mine") == "2.0.26"


def test_an_override_without_its_repository_changes_nothing(tmp_path: Path) -> None:
    apply(SiteFiles(INSTALL), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValidationError, match="has no repository 'gone'") as caught:
        apply(SiteFiles(INSTALL, overrides={"gone": "main"}), tmp_path)
    assert KEY in caught.value.hint
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_broken_catalog_on_the_node_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / CATALOG).write_text(MINE.replace("relative_path", "relativ_path"))
    with pytest.raises(ValidationError, match=r"line 8: .*relativ_path"):
        apply(SiteFiles(INSTALL), tmp_path)


def test_the_document_comes_back(tmp_path: Path) -> None:
    for wanted in (SiteFiles(INSTALL), SiteFiles(INSTALL, MINE, {"mine": "é"})):
        assert SiteFiles.parse(wanted.text) == wanted
