"""Scenarios of data that leaves a cluster, and of its end: one task and one proof; no stack, heartbeat, leftover."""

from __future__ import annotations

import compileall
import json
import py_compile
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.faults import nodes
from tests.faults.child import PAUSE_S, Ended
from tests.faults.inventory import inventory
from tests.faults.on_mounts import associations
from tests.faults.on_node import cluster, on_cluster
from tests.faults.scenario import Scenario, after_create

if TYPE_CHECKING:
    from tests.faults.world import World

ROOT = Path(__file__).resolve().parents[2]
ANALYSIS = "analysis_results/ubuntu/a1"
MONITOR = "_daylily_monitor/"
HURRY = f"import time\n_sleep = time.sleep\ntime.sleep = lambda seconds: _sleep(min(seconds, {PAUSE_S}))\n"
"""What the node's Python begins with: its waits pass in moments, too."""
STAYS = {"budget", "log group", "shared NAT gateway", "shared address"}
"""Kinds that a deletion leaves behind on purpose."""


def _to_export(place: World) -> None:
    """A cluster with results, and the program that makes manifests on its node."""
    node = cluster(place)
    programs = node.kept(place.layout.root) / "DAY-EC"
    for part in ("errors.py", "version.py", "__init__.py", "domain", "fsx", "util"):
        source, target = ROOT / "daylily_ec" / part, programs / "lib/daylily_ec" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
    (programs / "lib/sitecustomize.py").write_text(HURRY)
    compileall.compile_dir(programs / "lib", quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    python = programs / "bin/python"
    python.parent.mkdir(parents=True)
    paths = f"$HOME/DAY-EC/lib:{sysconfig.get_path('purelib')}"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{paths}" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    work = node.fsx(place.layout.root) / ANALYSIS / "work"
    work.mkdir(parents=True)
    for number in range(3):
        (work / f"out-{number}.vcf").write_text(f"variants {number}\n" * (number + 1))


def _destination(place: World) -> str:
    return f"s3://{place.nursery.buckets.results}/derived/ubuntu/a1/"


def _export(place: World) -> list[str]:
    return on_cluster("export", "--source-path", f"/fsx/{ANALYSIS}", "--destination-s3-uri", _destination(place),
                      "--output-dir", str(place.home / "export"))  # fmt: skip


def _exports(place: World) -> dict[str, Any]:
    """The account, associations, tasks, and both receipts as far as two undisturbed runs leave the same."""
    account = inventory(place.client)
    account["objects"] = [name for name in account["objects"] if MONITOR not in name]
    tasks = place.client("fsx").describe_data_repository_tasks()["DataRepositoryTasks"]
    stored = place.client("s3").get_object(
        Bucket=place.nursery.buckets.results, Key=f"derived/ubuntu/a1/{MONITOR}fsx_export.yaml"
    )["Body"].read()  # fmt: skip
    here = (place.home / "export/fsx_export.yaml").read_bytes()
    return {
        **account, "associations": associations(place), "tasks": [task["Lifecycle"] for task in tasks],
        "receipts": [_facts(json.loads(text)["fsx_export"]) for text in (here, stored)],
    }  # fmt: skip


def _facts(receipt: dict[str, Any]) -> dict[str, Any]:
    found = {name: receipt.get(name) for name in ("status", "phase", "task_lifecycle", "detached", "attempts")}
    proof = {name: value for name, value in receipt["verification"].items() if name != "at"}
    return {**found, "verification": proof, "files": receipt["inventory"]["files"]}


def _exported(_: World, ended: Ended) -> str:
    found = json.loads(ended.out)["fsx_export"]
    proved = found["verification"].get("mismatches") == 0 and found["verification"]["mode"] == "checksum"
    return "" if (found["status"], found["detached"], proved) == ("success", True, True) else f"{found}"[:300]


def _to_delete(place: World) -> None:
    """Those results, exported: nothing stands against the deletion."""
    _to_export(place)
    done = place.run(words=_export(place))
    assert done.code == 0, done.out + done.err


def _delete(_: World) -> list[str]:
    return on_cluster("delete", "--yes")


def _ended(place: World) -> dict[str, Any]:
    """The account, where the data must still lie, and what this machine says of the cluster."""
    return {**inventory(place.client), "records": [record["status"] for record in place.records()],
            "nodes": [path.name for path in (place.layout.root / "head-nodes").glob("*.json")]}  # fmt: skip


def _deleted(place: World, ended: Ended) -> str:
    answer = json.loads(ended.out)
    left = {item["kind"] for item in answer["leftovers"]["items"]} - STAYS
    refused = answer["warnings"] or answer["leftovers"]["problems"]
    if left and not refused:
        return f"left behind: {sorted(left)}"
    stacks = [line for line in _ended(place)["stacks"] if line.startswith("sweep ")]
    statuses = {record["status"] for record in place.records()}
    return "" if (stacks, statuses) == ([], {"DELETED"}) else f"stacks {stacks}, records {statuses}"


EXPORT = Scenario("export", "export", after_create(), _export, _exported, _exports, _to_export, nodes.MANAGER)
DELETE = Scenario(
    "delete", "delete", after_create(), _delete, _deleted, _ended, _to_delete, nodes.MANAGER,
    frozenset({"cluster_not_found"}),
)  # fmt: skip
