"""Where the catalog of workflow repositories lies, and its text."""

from __future__ import annotations

from pathlib import Path

from daylily_ec.config.resources import site_file
from daylily_ec.errors import NotFound, ValidationError

PACKAGED = "config/daylily_available_repositories.yaml"


def read_catalog(path: Path | None = None) -> tuple[str, str]:
    """Text and name of the catalog in `path`, or the site's own one, or the packaged one."""
    source = path.expanduser() if path is not None else site_file(PACKAGED)
    try:
        return source.read_text(encoding="utf-8"), str(source)
    except FileNotFoundError:
        raise NotFound(f"There is no catalog file {source}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"The catalog file {source} cannot be read: {error}") from error
