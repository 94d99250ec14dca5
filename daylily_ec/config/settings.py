"""Where files of ours lie, and which environment variables are read.

`XDG_CONFIG_HOME` moves everything together: resources, state, preflight reports, rendered YAML, next-run files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def config_dir(env: Mapping[str, str] | None = None) -> Path:
    """`${XDG_CONFIG_HOME:-~/.config}/daylily`."""
    return _base(env, "XDG_CONFIG_HOME", ".config")


def cache_dir(env: Mapping[str, str] | None = None) -> Path:
    """`${XDG_CACHE_HOME:-~/.cache}/daylily`."""
    return _base(env, "XDG_CACHE_HOME", ".cache")


def _base(env: Mapping[str, str] | None, variable: str, default: str) -> Path:
    values = os.environ if env is None else env
    home = Path(values.get("HOME") or Path.home())
    return Path(values.get(variable) or home / default) / "daylily"


def auto_select_disabled(env: Mapping[str, str] | None = None) -> bool:
    """Whether `DAY_DISABLE_AUTO_SELECT` is set to anything but the empty text."""
    return bool((os.environ if env is None else env).get("DAY_DISABLE_AUTO_SELECT"))


def stop_after_dry_run(env: Mapping[str, str] | None = None) -> bool:
    """Whether `DAY_BREAK=1` asks to stop after ParallelCluster's dry run."""
    return (os.environ if env is None else env).get("DAY_BREAK") == "1"
