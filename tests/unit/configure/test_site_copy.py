"""On a head node the site's own files count: what configure put there, with its overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from daylily_ec.catalog.loader import load_catalog
from daylily_ec.catalog.site import load_site_settings
from daylily_ec.config.resources import resource, site_file
from daylily_ec.errors import ValidationError
from daylily_ec.headnode.identity import NodeInstall
from daylily_ec.headnode.site_files import SiteFiles, apply

KEY = "daylily-omics-analysis"
CATALOG = "config/daylily_available_repositories.yaml"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "daylily"


@pytest.mark.weakness("L5")
def test_an_override_decides_what_a_launch_on_the_node_checks_out(site: Path) -> None:
    assert site_file(CATALOG) == resource(CATALOG)
    assert load_catalog().repositories[KEY].default_ref == "2.0.26"
    apply(SiteFiles(NodeInstall("r", "d", "b", "p", "t"), overrides={KEY: "main"}), site)
    assert load_catalog().repositories[KEY].default_ref == "main"
    assert load_catalog(resource(CATALOG)).repositories[KEY].default_ref == "2.0.26"


def test_the_analysis_root_of_the_site_counts(site: Path) -> None:
    site.mkdir()
    (site / "daylily_cli_global.yaml").write_text(
        "daylily:\n  analysis_root: /fsx/other/\n  git_ephemeral_cluster_repo_tag: 5.1.5\n  sentieon_tmpdir: /x\n"
    )
    assert load_site_settings().analysis_root == "/fsx/other/"
    (site / "daylily_cli_global.yaml").write_text("daylily:\n  analysis_rot: /fsx/other/\n")
    with pytest.raises(ValidationError, match="cannot be read as site settings"):
        load_site_settings()
