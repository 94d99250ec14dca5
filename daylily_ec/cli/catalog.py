"""`dyec catalog`."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from daylily_ec.cli.frame import App
from daylily_ec.cli.launch_options import CatalogFile
from daylily_ec.cli.render import emit, table, text
from daylily_ec.workflow.catalog import (
    CatalogFindings,
    CommandDetail,
    CommandList,
    ValidCatalog,
    command_rows,
    show_command,
    validate_catalog,
)

app = App("Show and check the blessed commands of the catalog.")
WIDTH = 80
_SHORT = {"sample_analysis": "sample", "run_analysis": "run"}


@app.command("list")
def list_(
    catalog: CatalogFile = None,
    repository: Annotated[str | None, typer.Option("--repository", help="Only this repository.")] = None,
    command_class: Annotated[
        str | None, typer.Option("--class", help="Only sample_analysis, run_analysis or utility.")
    ] = None,
    command_type: Annotated[str | None, typer.Option("--type", help="Only prod, test or dev.")] = None,
) -> None:
    """List the commands that `dyec workflow launch --command-id` takes."""
    emit(command_rows(catalog, repository, command_class, command_type))


@text.register
def _(result: CommandList) -> str:
    if not result.commands:
        return "No commands.\n"
    shown = ""
    for key in dict.fromkeys(row.repository for row in result.commands):
        rows = [[row.command_id, _SHORT.get(row.command_class, row.command_class), row.type, row.git_tag]
                for row in result.commands if row.repository == key]  # fmt: skip
        shown += f"{key}\n" + table(["COMMAND", "INPUT", "TYPE", "PIN"], rows)
    return shown + "Next: dyec catalog show COMMAND\n"


@app.command("show")
def show(
    command_id: Annotated[str, typer.Argument(metavar="COMMAND", help="Id of the command.")],
    catalog: CatalogFile = None,
) -> None:
    """Show one command: what it runs, needs and registers."""
    emit(show_command(catalog, command_id))


_INPUT = {
    "sample_manifest": "--stage-dir DIR",
    "run_context": "--run-context-file runs.tsv",
    "none": "",
}


@text.register
def _(result: CommandDetail) -> str:
    one, needs = result.command, result.command["input_requirements"]
    sets = needs["accepted_source_column_sets"] or [needs["required_source_columns"]]
    tools = (*one["aligners"], *one["dedupers"], *one["snv_callers"], *one["sv_callers"])
    policy = one["artifact_registration"] or {}
    rows = {
        "command": one["command_id"],
        "name": one["display_name"],
        "about": one["description"],
        "class": f"{one['command_class']}, {one['type']}",
        "repository": f"{result.repository['key']} at {one['git_tag']}",
        "sources": f"{result.profile['source_mount_mode']} {result.profile['source_fsx_prefix']}",
        "platforms": ", ".join(one["compatible_platforms"]),
        "columns": " or ".join(" + ".join(names) for names in sets if names),
        "values": _settings(needs["required_run_context_values"]),
        "genome": one["genome"],
        "jobs": one["jobs"],
        "tools": ", ".join(dict.fromkeys(tools)),
        "runs": one["dy_command"],
        "settings": _settings(one["runtime_parameters"]),
        "features": ", ".join(one["optional_features"]),
        "registers": policy.get("manifest_source", ""),
    }
    return _wrapped(rows) + _wrapped({"Next:": _next(one)})


def _next(one: dict[str, Any]) -> str:
    given = f" {_INPUT[one['input_contract']]}" if _INPUT[one["input_contract"]] else ""
    return f"dyec workflow launch --command-id {one['command_id']}{given} --analysis-id ID --executing-entity WHO"


def _settings(values: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())


def _wrapped(rows: dict[str, Any]) -> str:
    """Aligned `key  value` lines of at most 80 columns; a word is never broken, so that it can be copied."""
    present = {key: str(value).strip() for key, value in rows.items() if value not in ("", None)}
    width = max(len(key) for key in present)
    fill = textwrap.TextWrapper(width=WIDTH - width - 2, break_long_words=False, break_on_hyphens=False)
    lines = []
    for key, value in present.items():
        for index, line in enumerate(fill.wrap(value)):
            lines.append(f"{'' if index else key:<{width}}  {line}\n")
    return "".join(lines)


@app.command("validate")
def validate(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Catalog file, else the one in use.")] = None,
    catalog: CatalogFile = None,
) -> None:
    """Check a catalog file; each finding names its line and its key."""
    emit(validate_catalog(file or catalog))


@text.register
def _(result: ValidCatalog) -> str:
    notes = "".join(f"Note: {one}.\n" for one in result.advice)
    return f"{notes}{result.file}: valid, {result.repositories} repositories, {result.commands} commands.\n"


@text.register
def _(result: CatalogFindings) -> str:
    return "".join(f"{result.file}:{one.line}: {one.key + ': ' if one.key else ''}{one.message}\n"
                   for one in result.findings)  # fmt: skip
