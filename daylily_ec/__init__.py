"""Daylily Ephemeral Cluster: a control plane for short-lived AWS ParallelCluster clusters.

`create_cluster` is the Python API; everything else is reached through the command line.
"""

from __future__ import annotations

from importlib import import_module

from daylily_ec.version import __version__

__all__ = ["__version__", "create_cluster"]


def create_cluster(
    region_az: str,
    profile: str | None = None,
    config_path: str | None = None,
    pass_on_warn: bool = False,
    debug: bool = False,
    non_interactive: bool = True,
) -> int:
    """Run `dyec create` in this process and return its exit code.

    0 success, 1 validation, 2 AWS operation, 4 toolchain, 64 usage, 130 interrupted.  `profile` defaults to
    `AWS_PROFILE`; progress goes to stderr, the result to stdout.
    """
    arguments = ["create", "--region-az", region_az]
    arguments += ["--profile", profile] if profile else []
    arguments += ["--config", str(config_path)] if config_path else []
    flags = {"--pass-on-warn": pass_on_warn, "--debug": debug, "--non-interactive": non_interactive}
    # Found at run time: the package itself lies below every room and imports none.
    code: int = import_module("daylily_ec.cli.main").main(arguments + [flag for flag, given in flags.items() if given])
    return code
