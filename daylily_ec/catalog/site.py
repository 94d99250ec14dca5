"""Settings of the whole site: `config/daylily_cli_global.yaml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic import ValidationError as ModelError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from daylily_ec.config.resources import resource
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.errors import ValidationError

PACKAGED = "config/daylily_cli_global.yaml"


class SiteSettings(BaseModel):
    """The `daylily:` section; `analysis_root` is the directory of all analyses as a node sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    analysis_root: str


def load_site_settings(path: Path | None = None) -> SiteSettings:
    """The settings in `path`, or the packaged ones."""
    source = path if path is not None else resource(PACKAGED)
    try:
        document = YAML(typ="safe").load(source.read_text(encoding="utf-8"))
        settings = SiteSettings.model_validate(document["daylily"])
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError, ModelError) as error:
        raise ValidationError(f"{source} cannot be read as site settings: {error}") from error
    FsxPath.parse(settings.analysis_root, "analysis_root")
    return settings
