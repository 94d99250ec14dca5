"""The packaged templates, policies and scripts.

In a checkout they are `config/` and `etc/` themselves, in an installed wheel `resources/payload/`: always the ones
of this release.  `DAYLILY_EC_RESOURCES_DIR` replaces them; a path given on the command line always wins.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from daylily_ec.config.settings import config_dir
from daylily_ec.errors import NotFound

_REQUIRED = ("config/day_cluster/prod_cluster.yaml", "config/day_cluster/pcluster_env.yml", "etc")
_PACKAGE = Path(__file__).resolve().parents[1]


def resources_dir(env: Mapping[str, str] | None = None) -> Path:
    """The directory that holds `config/` and `etc/`; `NotFound` when its layout is not ours."""
    chosen = (os.environ if env is None else env).get("DAYLILY_EC_RESOURCES_DIR")
    candidates = [Path(chosen)] if chosen else [_PACKAGE / "resources" / "payload", _PACKAGE.parent]
    for root in candidates:
        if all((root / name).exists() for name in _REQUIRED):
            return root
    raise NotFound(
        f"No packaged resources in {', '.join(str(root) for root in candidates)}: {', '.join(_REQUIRED)} expected.",
        hint="Reinstall daylily-ec, or correct DAYLILY_EC_RESOURCES_DIR.",
    )


def resource(name: str) -> Path:
    """Path of one packaged file, such as `config/day_cluster/prod_cluster.yaml`."""
    path = resources_dir() / name
    if not path.exists():
        raise NotFound(f"{name} is not among the packaged resources in {resources_dir()}.")
    return path


def site_file(name: str) -> Path:
    """The site's own copy of a packaged file in the configuration directory, as a head node has it, else the file."""
    own = config_dir() / Path(name).name
    return own if own.is_file() else resource(name)


def locate(name: str) -> Path:
    """A file as the user meant it: an existing path, else a packaged one of that relative name."""
    given = Path(name).expanduser()
    if given.exists():
        return given
    if not given.is_absolute() and (resources_dir() / name).exists():
        return resources_dir() / name
    raise NotFound(f"{name} does not exist, neither here nor among the packaged resources.")
