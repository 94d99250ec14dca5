"""Scenarios of commands that work on a cluster's head node: a cluster that `create` made, and a box to work in."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sysconfig
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daylily_ec.headnode.bundle import PYTHONS, NodeTarget, Pins
from daylily_ec.headnode.wheels import PipWheels
from daylily_ec.samples.run_context import REQUIRED
from daylily_ec.util.proc import Finished
from tests.faults import nodes
from tests.faults.inventory import inventory
from tests.faults.scenario import Scenario, after_create
from tests.integration.create.account import REGION

if TYPE_CHECKING:
    from tests.faults.world import World

STAGE = "remote_stage_20260211T143722Z_0a1b2c3d"
STAGING = "staging/staged_external_sequencing_data"
ENDS_S = 20.0
PIP = '''
"""Stands for pip: puts dyec's own wheel and links to the machine's other packages in place."""
import glob, os, sys, zipfile
words = sys.argv
site = glob.glob(os.path.join(sys.prefix, "lib", "python3*", "site-packages"))[0]
wheels = words[words.index("--find-links") + 1]
with zipfile.ZipFile(glob.glob(os.path.join(wheels, "daylily_ec-*.whl"))[0]) as archive:
    archive.extractall(site)
with open(os.path.join(site, "others.pth"), "w") as out:
    out.write({packages!r} + "\\n")
for name in ("dyec", "daylily-ec", "dayctl", "day-clone"):
    path = os.path.join(sys.prefix, "bin", name)
    with open(path, "w") as out:
        out.write("#!/bin/sh\\necho '{{}}'\\n")
    os.chmod(path, 0o755)
'''
DAY_RUN = '#!/bin/bash\necho "$PWD $*" >> ~/ran\n'
CATALOG = """\
command_catalog_version: 2
default_repository: demo
repositories:
  demo: {https_url: 'file:///home/ubuntu/origin', default_ref: 2.0.26, relative_path: work}
"""
PROFILE = 'export DAYLILY_EC_HEADNODE_BOOTSTRAPPED=1 PATH="$HOME/.local/bin:$PATH"\n'


def cluster(place: World) -> nodes.Place:
    """Make the cluster with `create` and give its head node a box, as its boot script leaves it."""
    from tests.faults.world import CLUSTER

    made = place.run(words=["create", "--region-az", f"{REGION}d", "--config", str(place.config), "--non-interactive",
                            "--pass-on-warn", "--json"])  # fmt: skip
    assert made.code == 0, made.out + made.err
    wanted = {"Name": "tag:parallelcluster:node-type", "Values": ["HeadNode"]}
    instance = place.client("ec2").describe_instances(Filters=[wanted])["Reservations"][0]["Instances"][0]
    system = place.client("fsx").describe_file_systems()["FileSystems"][0]["FileSystemId"]
    script = f"s3://{place.nursery.buckets.reference}/cluster_boot_config/1/boot.sh"
    node = nodes.Place(instance["InstanceId"], CLUSTER, REGION, instance["PrivateIpAddress"], system, script)
    node.write(place.layout.root)
    fsx = node.fsx(place.layout.root)
    for name in ("analysis_results", "references/genomic_data"):
        (fsx / name).mkdir(parents=True, exist_ok=True)
    (fsx / "data").symlink_to("/fsx/references")
    return node


def node_of(place: World) -> nodes.Place:
    """The only node."""
    (path,) = (place.layout.root / "head-nodes").glob("*.json")
    return nodes.Place(**json.loads(path.read_text()))


def on_cluster(*words: str) -> list[str]:
    """A command line for that cluster."""
    from tests.faults.world import CLUSTER

    return ["--json", *words, "--cluster", CLUSTER, "--region", REGION]


def whole(place: World) -> dict[str, Any]:
    """The account, the associations, and what lies on the node when all that was started has ended."""
    node, root = node_of(place), place.layout.root
    home = node.home(root)
    deadline = time.monotonic() + ENDS_S
    while not all(map(_has_ended, home.glob("daylily-runs/*/"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return {**inventory(place.client), "associations": _associations(place), **_files(home, node.fsx(root))}


def _has_ended(run: Path) -> bool:
    status = run / "status.json"
    return status.exists() and json.loads(status.read_text()).get("exit_code") is not None


def _associations(place: World) -> list[str]:
    found = place.client("fsx").describe_data_repository_associations()["Associations"]
    return sorted(f"{one['DataRepositoryPath']} at {one['FileSystemPath']} {one['Lifecycle']}" for one in found)


def _files(home: Path, fsx: Path) -> dict[str, Any]:
    ran, results = home / "ran", fsx / "analysis_results"
    runs = sorted(home.glob("daylily-runs/*/"))
    clones = [path for depth in ("*", "*/*", "*/*/*") for path in results.glob(depth)]
    programs = [path for path in sorted(home.glob(".local/bin/*")) if path.is_symlink()]
    return {
        "analyses": sorted(str(path.relative_to(results)) for path in clones),
        "tables": {str(path.relative_to(results)): path.read_text() for path in sorted(results.rglob("config/*.tsv"))},
        "sessions": [path.name for path in runs],
        "ends": [json.loads(_text(path / "status.json") or "{}").get("exit_code") for path in runs],
        "runs of the command": len(_text(ran).splitlines()),
        "releases": sorted(path.name for path in home.glob(".local/share/daylily/releases/*")),
        "programs": {path.name: str(path.readlink()) for path in programs},
        "settings": sorted(path.name for path in home.glob(".config/daylily/*")),
        "login files": {name: _text(home / name) for name in (".bashrc", ".bash_profile")},
    }  # fmt: skip


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _to_configure(place: World) -> None:
    """Wheels are in the operator's cache: pip's is a stand-in, the others are empty."""
    cluster(place)
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    for major, minor in PYTHONS:
        target = NodeTarget.parse(f"{major}.{minor}", platform.machine(), libc.rpartition(" ")[2])
        PipWheels(place.base / "cache/daylily/headnode", _download).wheels(target, Pins.packaged())


def _download(argv: list[str], _: Mapping[str, str]) -> Finished:
    folder = Path(argv[argv.index("--dest") + 1])
    for pin in Pins.packaged().text.split():
        name, version = pin.split("==")
        with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl", "w") as archive:
            if name == "pip":
                text = PIP.format(packages=sysconfig.get_path("purelib"))
                archive.writestr(zipfile.ZipInfo("pip/__init__.py"), "")
                archive.writestr(zipfile.ZipInfo("pip/__main__.py"), text)
    return Finished(tuple(argv), 0, "", "")


CONFIGURE = Scenario(
    "configure", "headnode configure", after_create(),
    lambda _: on_cluster("headnode", "configure", "--no-conda"),
    inventory=whole, prepare=_to_configure, manager=nodes.MANAGER,
)  # fmt: skip


def _to_launch(place: World) -> None:
    """The node has its programs and a repository to clone; a stage lies in S3, not attached yet."""
    home = cluster(place).kept(place.layout.root)
    (home / ".local/bin").mkdir(parents=True)
    for name in ("dyec", "day-clone"):
        (home / ".local/bin" / name).symlink_to("/bin/true")
    (home / ".bash_profile").write_text(PROFILE)
    _origin(home / "origin")
    (place.home / "catalog.yaml").write_text(CATALOG)
    s3 = place.client("s3")
    for name, text in (("samples", "SAMPLEID\nS1\n"), ("units", "RUNID\nR1\n")):
        s3.put_object(Bucket=place.nursery.buckets.staging, Key=f"staged/{STAGE}/x_{name}.tsv", Body=text.encode())


def _origin(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "dyoainit").write_text("true\n")
    (folder / "bin/day_activate").write_text("true\n")
    (folder / "bin/day_run").write_text(DAY_RUN)
    (folder / "bin/day_run").chmod(0o755)
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        (*who, "commit", "-q", "-m", "first"),
        ("tag", "2.0.26"),
    ):
        subprocess.run(["git", "-C", str(folder), *words], check=True)


def _launch(place: World) -> list[str]:
    return on_cluster(
        "workflow", "launch", "--analysis-id", "a1", "--executing-entity", "ubuntu", "--catalog-config",
        str(place.home / "catalog.yaml"), "--stage-dir", f"/fsx/{STAGING}/{STAGE}", "--stage-s3-uri",
        f"s3://{place.nursery.buckets.staging}/staged",
    )  # fmt: skip


def _to_launch_on_run(place: World) -> None:
    """As for a launch; a sequencer's run folder lies in S3, not attached yet."""
    _to_launch(place)
    bucket = place.nursery.buckets.staging
    place.client("s3").put_object(Bucket=bucket, Key="runs/RUN123/SampleSheet.csv", Body=b"[Header]\n")
    mount = "/fsx/run_dir_mounts/RUN123"
    row = {
        "RUNID": "RUN123", "PLATFORM": "ILMN", "RUN_DIR": mount, "SOURCE_S3_URI": f"s3://{bucket}/runs/RUN123/",
        "MOUNT_ID": "RUN123", "SAMPLE_SHEET": f"{mount}/SampleSheet.csv", "BASECALLING_STATE": "raw_bcl",
        "RUN_STATUS": "complete", "REGION": REGION,
    }  # fmt: skip
    lines = [REQUIRED, [row.get(name, "") for name in REQUIRED]]
    (place.home / "runs.tsv").write_text("".join("\t".join(cells) + "\n" for cells in lines))


def _launch_on_run(place: World) -> list[str]:
    return on_cluster(
        "workflow", "launch", "--analysis-id", "run-qc", "--executing-entity", "ubuntu", "--catalog-config",
        str(place.home / "catalog.yaml"), "--run-context-file", str(place.home / "runs.tsv"), "--dy-command",
        "bin/day_run produce_illumina_run_qc --config run_context_file=config/runs.tsv",
    )  # fmt: skip


def _launched(place: World, ended: Any) -> str:
    answer = json.loads(ended.out)
    mounts = [one for one in (answer["stage"], *answer["run_mounts"]) if one]
    whole = answer["commit"] and mounts and all(one["association_id"] for one in mounts)
    return "" if whole else f"incomplete answer: {ended.out[:300]}"


ALREADY = frozenset({"session_exists", "analysis_dir_exists"})
"""What the interrupted run started may run still, or have ended: nothing may be started twice."""
LAUNCH = Scenario(
    "launch", "workflow launch", after_create(), _launch, _launched, whole, _to_launch, nodes.MANAGER, ALREADY
)
LAUNCH_ON_RUN = Scenario(
    "launch-run", "workflow launch --run-context-file", after_create(), _launch_on_run, _launched, whole,
    _to_launch_on_run, nodes.MANAGER, ALREADY,
)  # fmt: skip
