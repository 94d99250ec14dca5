"""The entry point: `dyec`, `daylily-ec` and `dayctl` are one command."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import MutableMapping
from typing import Annotated, Any

import typer

from daylily_ec.cli.frame import CLUSTER_VARIABLE, FRAME, DyecCommand, Entry, lazy_group
from daylily_ec.errors import DyecError, Interrupted, UsageError
from daylily_ec.util.interrupts import repeat_lost_interrupts
from daylily_ec.version import __version__

_ENTRIES = (
    Entry("Before", "preflight", "Check everything a cluster needs; changes nothing."),
    Entry("Before", "config", "Make, check and show the cluster configuration file."),
    Entry("Before", "plan", "Show what create would do and what it costs."),
    Entry("Create", "create", "Create a cluster: plan, price, apply, resume."),
    Entry("Create", "cluster", "List, describe and wait for clusters."),
    Entry("Work", "headnode", "Run commands on the head node; connect to it."),
    Entry("Work", "samples", "Stage sample sheets and their reads."),
    Entry("Work", "mounts", "Attach S3 prefixes; verify, list and detach them."),
    Entry("Work", "mount", "Attach a run directory: dyec mount rundir."),
    Entry("Work", "workflow", "Launch workflows and follow them."),
    Entry("Finish", "export", "Export an analysis directory to S3 and keep the receipt."),
    Entry("Finish", "exports", "Export in parts; list exports and verify them again."),
    Entry("Finish", "delete", "Delete a cluster, unless something would be lost."),
    Entry("Try it without AWS", "local", "The embedded AWS on this machine."),
    Entry("Try it without AWS", "demo", "The whole life cycle on real reads, without AWS."),
    Entry("About", "state", "Show the records of earlier runs."),
    Entry("About", "catalog", "Show and check the blessed commands of the catalog."),
    Entry("About", "repositories", "Show the catalog of workflow repositories."),
    Entry("About", "resources-dir", "Print where the packaged templates lie."),
    Entry("About", "runtime", "Show which release runs here."),
    Entry("About", "info", "Show versions and directories."),
    Entry("About", "version", "Print the version."),
)


def _version(given: bool) -> None:
    if given:
        from daylily_ec.cli.render import emit
        from daylily_ec.cli.version import Version

        emit(Version("Daylily Ephemeral Cluster", __version__))
        raise typer.Exit


app = typer.Typer(
    cls=lazy_group(_ENTRIES), name="dyec", no_args_is_help=True, add_completion=True, rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)  # fmt: skip


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Control plane for short-lived AWS ParallelCluster clusters.

    Plans, shows the price, acts, survives being killed at any moment, and leaves receipts.
    """


# Typer refuses a group without one static command; the real ones are loaded lazily by the group class.
app.command("version", cls=DyecCommand, hidden=True)(lambda: None)


_COLLECT_AFTER = 100_000
"""New objects between collections: AWS's service models are long-lived, and walking them took a fifth of a command."""


def _fail(error: DyecError) -> int:
    from daylily_ec.cli.render import emit_error

    emit_error(error)
    return error.exit_code


def main(argv: list[str] | None = None, program: typer.Typer | None = None, name: str = "dyec") -> int:
    """Run one command line of dyec, or of another program of ours, and return its exit code.

    Every failure becomes one error document or message.
    """
    os.environ.setdefault("AWS_RETRY_MODE", "standard")
    _know_the_head_node(os.environ)
    gc.set_threshold(_COLLECT_AFTER, 50, 1000)
    FRAME.reset()
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code: Any = typer.main.get_command(program or app).main(args=arguments, prog_name=name, standalone_mode=False)
    except DyecError as error:
        if FRAME.debug:
            traceback.print_exc()
        return _fail(error)
    except typer.TyperException as error:
        FRAME.json = FRAME.json or "--json" in arguments
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except SystemExit as ended:  # a session's own exit code, which may be the 130 that Typer makes of Ctrl-C
        return int(ended.code or 0)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        return 1
    except Exception as error:  # the last net: a defect of ours must still give one clean message
        if FRAME.debug:
            raise
        return _fail(DyecError(f"Unexpected {type(error).__name__}: {error}", code="internal",
                               hint="Run it again with --debug and report the traceback."))  # fmt: skip
    return _interrupted() if code == 130 else int(code or 0)


def _interrupted() -> int:
    if sys.stderr.isatty():
        sys.stderr.write("\n")  # the terminal has put its ^C into the line that was being written
    return _fail(Interrupted("Interrupted; nothing remote was destroyed.", hint="Run the same command again."))


def _know_the_head_node(environ: MutableMapping[str, str]) -> None:
    """On a head node its own cluster and region are what a command means that names none."""
    if not os.path.exists("/etc/parallelcluster/cfnconfig"):  # noqa: PTH110 (elsewhere nothing more is loaded)
        return
    from daylily_ec.headnode.local import this_head_node

    node = this_head_node()
    if node is not None and node.cluster and node.region:
        environ.setdefault(CLUSTER_VARIABLE, node.cluster)
        if not environ.get("AWS_DEFAULT_REGION"):
            environ.setdefault("AWS_REGION", node.region)


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help())
        return 0
    hint = f"{context.command_path} --help" if context is not None else "dyec --help"
    return _fail(UsageError(error.format_message(), hint=hint))


def run() -> None:
    """Console entry point."""
    repeat_lost_interrupts()
    code = main()
    gc.freeze()  # walking AWS's service models once more before the process ends took a tenth of a command
    sys.exit(code)
