"""Settings of the whole site: `config/daylily_cli_global.yaml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic import ValidationError as ModelError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from daylily_ec.config.resources import site_file
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.errors import ValidationError

PACKAGED = "config/daylily_cli_global.yaml"


class SiteSettings(BaseModel):
    """The `daylily:` section; `analysis_root` is the directory of all analyses as a node sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    analysis_root: str
    # Keys of the reference's file that say nothing here: dyec ships itself, and tools bring their own settings.
    git_ephemeral_cluster_repo: str = ""
    git_ephemeral_cluster_repo_tag: str = ""
    git_ephemeral_cluster_repo_release_tag: str = ""
    sentieon_lic_path: str = ""
    sentieon_tmpdir: str = ""
    sentieon_install_dir: str = ""


def load_site_settings(path: Path | None = None) -> SiteSettings:
    """The settings in `path`, or the site's own ones, or the packaged ones."""
    source = path if path is not None else site_file(PACKAGED)
    try:
        document = YAML(typ="safe").load(source.read_text(encoding="utf-8"))
        settings = SiteSettings.model_validate(document["daylily"])
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError, ModelError) as error:
        raise ValidationError(f"{source} cannot be read as site settings: {error}") from error
    FsxPath.parse(settings.analysis_root, "analysis_root")
    return settings
