"""Combinations of launch options as requests, and what a dry run of each asks of the head node."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from daylily_ec.catalog.loader import load_catalog
from daylily_ec.catalog.models import Catalog
from daylily_ec.config.resources import resource
from daylily_ec.errors import DyecError
from daylily_ec.headnode.launch import ExportTrigger
from daylily_ec.headnode.remote import RemoteScript
from daylily_ec.workflow.launch_request import DefaultCommand, LaunchRequest
from daylily_ec.workflow.launch_workflow import launch_workflow
from tests.unit.catalog.test_launch import ILMN_ROW, UNITS
from tests.unit.fsx.fakes import CLUSTER, World
from tests.unit.launch.fakes import CATALOG, ROOT, Node
from tests.unit.launch.test_catalog_launch import STAGE as STAGE_NAME
from tests.unit.launch.test_catalog_launch import put_stage
from tests.unit.launch.test_run_context_launch import ROW

EVERY = bool(os.environ.get("DYEC_EVERY_COMBINATION"))
Options = dict[str, Any]
Call = tuple[RemoteScript, tuple[tuple[str, str], ...]]
"""A script and its parameters."""
READS = {"readiness", "list_stages", "workflow_launch check"}
"""All that any dry run sends to the node; what each of them leaves alone, the tests on a real node show."""
STAGE = "/fsx/staging/staged_external_sequencing_data/remote_stage_1"
EXPORT = {"export_destination": "s3://results/ubuntu/a1/"}


def inputs(folder: Path) -> list[Options]:
    (folder / "runs.tsv").write_text("\t".join(ROW) + "\n" + "\t".join(ROW.values()) + "\n")
    for name in ("s.tsv", "u.tsv"):
        (folder / name).write_text("SAMPLEID\nS1\n")
    return [
        {"stage_dir": STAGE}, {}, {"samples_file": folder / "s.tsv", "units_file": folder / "u.tsv"},
        {"run_context_file": folder / "runs.tsv"}, {"bootstrap_test_config": True}, {"input_staging": False},
    ]  # fmt: skip


COMMANDS: list[Options] = [{}, {"dy_command": "touch RAN"}, {"dy_command": "bin/day_run x -n"}]
EXPORTS: list[Options] = [
    {},
    *({"export_trigger": trigger, **EXPORT, "delete_on_export_success": delete}
      for trigger in ExportTrigger if trigger is not ExportTrigger.NONE for delete in (False, True)),
]  # fmt: skip
FLAGS: list[Options] = [
    {"replace_existing": True}, {"activation": False}, {"session_name": "other"}, {"git_tag": "main"},
    {"skip_project_check": False, "project": "p"},
]  # fmt: skip
BY_ID: list[Options] = [
    {}, {"dy_command": "touch RAN"}, {"default_command": DefaultCommand(aligners="sent", dedupers="", jobs=2)},
    {"command_id": "simple-test"}, {"command_id": "illumina_run_qc"}, {"command_id": "illumina_snv_alignstats"},
    {"command_id": "illumina_snv_alignstats", "engine_dry_run": True},
    {"command_id": "illumina_snv_alignstats", "features": ("sv",)},
    {"command_id": "illumina_snv_alignstats", "features": ("sv",), "engine_dry_run": True},
]  # fmt: skip
OTHERS: list[tuple[Options, ...]] = [
    ({}, {"stage_s3_uri": "s3://stage/root"}), ({}, {"repository": "daylily-omics-analysis"}),
    ({}, {"genome": "hg38_broad"}), ({}, {"replace_existing": True}),
]  # fmt: skip


def crossed(folder: Path) -> Iterator[tuple[Catalog, list[Options]]]:
    """Catalogs × inputs × commands, typed or by their id, × all that belongs to these.

    The other flags come in turns, each of their 16 combinations with each of these many times; with
    DYEC_EVERY_COMBINATION they are crossed with these, and so is every export.
    """
    packaged = resource("config/daylily_available_repositories.yaml").read_text()
    head, command, rest = packaged.partition("command_id: illumina_snv_alignstats\n")
    feature = "optional_features: {sv: {display_name: SV, sv_callers: [manta], targets: [produce_manta]}}"
    (folder / "catalog.yaml").write_text(head + command + rest.replace("optional_features: {}", feature, 1))
    catalogs = [CATALOG, load_catalog(folder / "catalog.yaml")]
    flags: list[tuple[Options, ...]] = [({}, flag) for flag in FLAGS if "replace_existing" not in flag]
    options = [*OTHERS, tuple(EXPORTS), *flags] if EVERY else [*OTHERS, ({}, EXPORTS[-1])]
    turns = itertools.repeat(()) if EVERY else itertools.cycle(itertools.product(*flags))
    sources = [*inputs(folder), {"stage_base": "/fsx/staging/staged_external_sequencing_data"}]
    for catalog, *parts in itertools.product(catalogs, sources, BY_ID, *options):
        yield catalog, [*parts, *next(turns)]


def staged(world: World) -> World:
    """The same with the stage whose tables the catalog's commands ask for."""
    put_stage(world, UNITS + ILMN_ROW)
    return world


def dry_run(world: World, catalog: Catalog, parts: list[Options]) -> tuple[str, Node]:
    """`looked`, or the error that refused these options; and the node with all that it was asked before."""
    node, services = Node(stages=(STAGE_NAME,)), world.services()
    services.headnodes = node
    request = replace(LaunchRequest(CLUSTER, "a1", "ubuntu", dry_run=True),
                      **{key: value for part in parts for key, value in part.items()})  # fmt: skip
    try:
        assert launch_workflow(services, request, catalog, ROOT).dry_run
    except DyecError as error:
        return type(error).__name__, node
    return "looked", node


def calls(folder: Path, world: World) -> set[Call]:
    """All that these dry runs ask of a node; the id of the launch, new in each, is none of what a check reads."""
    found: set[Call] = set()
    for catalog, parts in crossed(folder):
        _, node = dry_run(world, catalog, parts)
        found |= {(script, tuple(sorted({**env, "DYEC_LAUNCH_ID": "0"}.items()))) for script, env in node.sent}
    return found
