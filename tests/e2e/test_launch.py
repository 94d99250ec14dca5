"""Launches on a cluster that `dyec create` made: the README's commands, dry runs, and typed on the head node."""

from __future__ import annotations

import json
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from daylily_ec.cli.demo import CLUSTER, REGION, RUN_FOLDER, Demonstration
from daylily_ec.demo.run_folder import CLUSTERS
from daylily_ec.headnode.bclconvert import MARKERS, RULES, SCRIPTS
from daylily_ec.localcloud.nodes.records import BoxRecord, box_directory, records
from daylily_ec.samples.run_context import REQUIRED
from tests.conftest import FakeClock
from tests.e2e.doc_pages import ROOT
from tests.e2e.dry_runs import Picture, Words, combinations, picture
from tests.unit.fsx.fakes import World
from tests.unit.launch.crossed import EVERY, calls, staged

pytestmark = pytest.mark.e2e
T = TypeVar("T")
GITHUB = "https://github.com/Daylily-Informatics/daylily-omics-analysis.git"
MOUNT = "/fsx/run_dir_mounts/RUN123"
ROW = {
    "RUNID": "RUN123", "PLATFORM": "ILMN", "RUN_DIR": MOUNT, "SOURCE_S3_URI": str(RUN_FOLDER), "MOUNT_ID": "RUN123",
    "SAMPLE_SHEET": f"{MOUNT}/SampleSheet.csv", "BASECALLING_STATE": "raw_bcl", "RUN_STATUS": "complete",
    "REGION": REGION,
}  # fmt: skip
RUN_FOLDER_LAUNCH = """\
dyec workflow launch \\
  --profile "$AWS_PROFILE" \\
  --region "$REGION" \\
  --cluster "$CLUSTER_NAME" \\
  --run-context-file ./runs.tsv \\
  --analysis-id "run-qc" \\
  --executing-entity "$EXECUTING_ENTITY" \\
  --git-tag 2.0.26 \\
  --dy-command "bin/day_run produce_illumina_run_qc --config run_context_file=config/runs.tsv -p -j 5 -k"
"""


class Desk:
    """An operator with a configured cluster; the node fetches the workflow's GitHub address from the local cloud."""

    def __init__(self, run: Demonstration) -> None:
        self.run = run

    @property
    def env(self) -> dict[str, str]:
        env = {**self.run.stage.env, "REGION": REGION, "CLUSTER_NAME": CLUSTER, "EXECUTING_ENTITY": "demo"}
        return env | {"PATH": f"{self.run.stage.programs['dyec'].parent}:{env['PATH']}"}

    @property
    def root(self) -> Path:
        """Where the local cloud's files lie."""
        return Path(self.run._layout().root)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["bash", "-c", script], env=self.env, cwd=self.run.workdir, capture_output=True,
                              text=True, timeout=400, stdin=subprocess.DEVNULL, check=False)  # fmt: skip

    def dyec(self, *words: str) -> subprocess.CompletedProcess[str]:
        at = words.index("--") if "--" in words else len(words)
        return self.shell(shlex.join(["dyec", *words[:at], "--region", REGION, "--cluster", CLUSTER, *words[at:]]))

    def node(self, script: str) -> str:
        done = self.dyec("headnode", "run", "--", "bash", "-lc", script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def associations(self) -> list[str]:
        mounts = json.loads(self.dyec("--json", "mounts", "list").stdout)["mounts"]
        return [mount["association_id"] for mount in mounts]

    @contextmanager
    def dry_runs(self) -> Iterator[Callable[[Words], Any]]:
        """Makes dry runs of launches, all by one process."""
        fixed = ["--json", "workflow", "launch", "--region", REGION, "--cluster", CLUSTER, "--dry-run",
                 "--executing-entity", "demo"]  # fmt: skip
        with subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.dry_runs"],
            env={**self.env, "PYTHONPATH": str(ROOT)},
            cwd=self.run.workdir,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            stdin, stdout = child.stdin, child.stdout

            def dry_run(words: Words) -> Any:
                stdin.write(json.dumps([*fixed, *words]) + "\n")
                stdin.flush()
                return json.loads(stdout.readline())

            yield dry_run
            stdin.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    # A short path: the sockets in a box have a limit of 108 characters.
    run = Demonstration(tmp_path_factory.mktemp("l"))
    try:
        run.prepare()
        run.create()
        made = Desk(run)
        url = re.search(r'https_url: "(.*)"', (run.workdir / "catalog.yaml").read_text())
        assert url is not None
        made.node(f"git config --global url.{url[1]}.insteadOf {GITHUB}")
        cells = [ROW.get(name, "") for name in REQUIRED]
        (run.workdir / "runs.tsv").write_text("\t".join(REQUIRED) + "\n" + "\t".join(cells) + "\n")
        yield made
    finally:
        run.take_down()


AT_ONCE = 6
"""Dry runs between two looks at the node: most of their time they wait for its answers."""
WAIT_S = 30.0
UNFIT = {"usage", "missing_input", "unknown_command", "unsuitable_inputs"}
"""Why options do not go together; anything else would be a dry run that did not look."""


def resting(look: Callable[[], Picture]) -> Picture:
    """The picture once it has stayed the same for a second."""
    deadline, last = time.monotonic() + WAIT_S, look()
    while True:
        time.sleep(1)
        if (now := look()) == last:
            return now
        assert time.monotonic() < deadline, now.unlike(last)
        last = now


def some(every: Sequence[T], few: int) -> Sequence[T]:
    """A few of them; with DYEC_EVERY_COMBINATION all."""
    return every if EVERY else random.Random(7).sample(every, few)


def batched(every: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (every[start : start + size] for start in range(0, len(every), size))


def again(before: Picture, look: Callable[[], Picture]) -> Picture:
    """The picture once it is as before, or what it still is after a while: a script's last process may be leaving."""
    deadline = time.monotonic() + WAIT_S
    while (now := look()) != before and time.monotonic() < deadline:
        time.sleep(0.02)
    return now


@contextmanager
def live_session(desk: Desk, name: str, *inputs: str) -> Iterator[BoxRecord]:
    """A session that runs meanwhile, and the node on which it does."""
    launched = desk.dyec("workflow", "launch", "--analysis-id", name, "--executing-entity", "demo", *inputs,
                         "--dy-command", "sleep 36000", "--genome", "ecoli10k")  # fmt: skip
    assert launched.returncode == 0, launched.stderr
    (box,) = records(desk.root)
    yield box
    assert desk.dyec("workflow", "stop", "--session", name).returncode == 0


@pytest.mark.weakness("H1")
@pytest.mark.weakness("H2")
def test_dry_runs_change_nothing_on_the_node(desk: Desk) -> None:
    """Some combinations of the options; with DYEC_EVERY_COMBINATION and --timeout 0 all of them."""
    desk.node("mkdir -p /fsx/analysis_results/demo/there && echo precious > /fsx/analysis_results/demo/there/file")
    (desk.run.workdir / "t.tsv").write_text("SAMPLEID\nS1\n")
    stage_dir = desk.run.stage_reads()
    chosen = some([*combinations(stage_dir)], 24)
    ended: Counter[str] = Counter()
    with live_session(desk, "live", "--stage-dir", stage_dir) as box, ExitStack() as stack:
        attached = desk.associations()
        before = resting(lambda: picture(desk.root, box))
        assert any("sleep 36000" in line for _, line in before.processes)
        at_once = [stack.enter_context(desk.dry_runs()) for _ in range(AT_ONCE)]
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        for few in batched(chosen, AT_ONCE):
            answers = pool.map(lambda dry_run, argv: dry_run(argv), at_once, few)
            ended.update(answer["document"].get("error", {}).get("code", "checked") for answer in answers)
            now = again(before, lambda: picture(desk.root, box))
            assert now == before, (few, now.unlike(before))
        assert desk.associations() == attached
    print(f"dry runs on a node: {ended.total()} combinations: {dict(ended)}")
    assert ended.keys() <= {"checked", *UNFIT}
    assert ended["checked"] > len(chosen) / 2
    assert desk.node("ls /fsx").find("RAN") == -1


IN_A_ROW = 100
CALLS = "opt/calls"
ONE_BY_ONE = f"""\
for script in /{CALLS}/*; do
    said=$(bash "$script" < /dev/null 2> /dev/null)
    echo "$? $(sed -n s/^__DAYLILY_ERROR__=//p <<< "$said")"
done
"""


@pytest.mark.weakness("H2")
def test_no_call_of_a_dry_run_changes_anything_on_the_node(
    desk: Desk, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the 225,792 dry runs of tests/unit/launch send, run by the node: some of it, or as above all of it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "cfg"))
    found = calls(tmp_path, staged(World(clock)))
    chosen = some(sorted(found, key=lambda call: (call[0].name, call[1])), 100)
    ended: Counter[str] = Counter()
    with live_session(desk, "busy", "--no-input-staging") as box:
        place = box_directory(desk.root, box.instance_id) / "rootfs" / CALLS
        place.mkdir()
        # Where nothing is yet, and where results of this name are.
        for prepare in ("true", "mkdir -p /fsx/analysis_results/ubuntu/a1; echo x > /fsx/analysis_results/ubuntu/a1/f"):
            desk.node(prepare)
            before = resting(lambda: picture(desk.root, box))
            for few in batched(chosen, IN_A_ROW):
                shutil.rmtree(place)
                place.mkdir()
                for number, (script, parameters) in enumerate(few):
                    (place / f"{number:02}").write_text(script.with_parameters(dict(parameters)))
                ended.update(line.strip() for line in desk.node(ONE_BY_ONE).splitlines())
                now = again(before, lambda: picture(desk.root, box))
                assert now == before, (few[0][1], now.unlike(before))
    print(f"calls of dry runs on a node: {len(chosen)} of {len(found)}, twice: {dict(ended)}")
    assert ended.total() == 2 * len(chosen)
    assert ended.keys() == {"0", "8 analysis_dir_exists"}
    assert ended["0"] > len(chosen)


@pytest.mark.weakness("M2")
def test_the_readmes_run_folder_launch_runs_as_written(desk: Desk) -> None:
    launched = desk.shell(RUN_FOLDER_LAUNCH)
    assert launched.returncode == 0, launched.stderr
    assert f"{RUN_FOLDER} at {MOUNT} (CREATED)" in launched.stdout
    ended = desk.dyec("workflow", "status", "--session", "run-qc", "--wait", "--timeout", "300")
    assert ended.returncode == 0, ended.stderr + desk.dyec("workflow", "logs", "--session", "run-qc").stdout
    clone = "/fsx/analysis_results/demo/run-qc/daylily-omics-analysis"
    found: dict[str, Any] = json.loads(desk.node(f"cat {clone}/results/runs/RUN123/run_qc/illumina/run_qc.json"))
    assert [row["clusters"] for row in found["lanes"]] == [CLUSTERS, CLUSTERS]
    assert set(found["samples"]) == {"S1", "S2"}
    assert desk.node(f"readlink {clone}/config/run_dir_links/RUN123").strip() == MOUNT
    assert f"\t{clone}/config/run_dir_links/RUN123\t" in desk.node(f"cat {clone}/config/runs.tsv")


def why_failed(desk: Desk, session: str, exit_code: int) -> str:
    ended = desk.dyec("--json", "workflow", "status", "--session", session, "--wait", "--timeout", "120")
    found = json.loads(ended.stdout)
    found = found.get("error", {}).get("details", found)
    assert (found["state"], found["exit_code"]) == ("FAILED", exit_code), found
    return str(found["reason"])


def test_a_conversion_starts_only_where_it_can_run(desk: Desk) -> None:
    launched = desk.dyec("workflow", "launch", "--command-id", "illumina_bclconvert", "--run-context-file", "runs.tsv",
                         "--analysis-id", "bcl", "--executing-entity", "demo")  # fmt: skip
    assert launched.returncode == 0, launched.stderr
    reason = why_failed(desk, "bcl", 13)
    assert "workflow/rules/bclconvert.smk is missing" in reason
    assert "The catalog pins 2.0.26" in reason
    clone = "/fsx/analysis_results/demo/bcl/daylily-omics-analysis"
    files = {
        RULES: "\n".join(MARKERS),
        **dict.fromkeys(SCRIPTS, ""),
        "rule_config.yaml": "bclconvert:\n  partition: i9\n",
    }
    for name, text in files.items():
        desk.node(f"mkdir -p $(dirname {clone}/{name}) && printf %s {shlex.quote(text)} > {clone}/{name}")
    desk.node(f"echo export DAY_PROFILE_DIR={clone} >> {clone}/bin/day_activate")
    assert desk.dyec("workflow", "resume", "--session", "bcl").returncode == 0
    reason = why_failed(desk, "bcl", 15)
    partitions = desk.node("sinfo --noheader --format %R").split()
    assert f"Slurm has no i9; it has {', '.join(partitions)}." in reason
    assert "force" not in desk.node(f"cat {clone}/rule_config.yaml")
    desk.node(f"sed -i s/i9/{partitions[0]}/ {clone}/rule_config.yaml")
    assert desk.dyec("workflow", "resume", "--session", "bcl").returncode == 0
    desk.dyec("workflow", "status", "--session", "bcl", "--wait", "--timeout", "120")
    log = desk.node("cat ~/daylily-runs/bcl/tmux.log")
    assert f"kept partition={partitions[0]}" in log
    assert "] running\n" in log
    assert 'force: "true"' in desk.node(f"cat {clone}/rule_config.yaml")


@pytest.mark.weakness("H1")
def test_the_same_typed_on_the_head_node_replaces_when_told(desk: Desk) -> None:
    words = [
        "dyec", "--json", "workflow", "launch", "--region", REGION, "--cluster", CLUSTER, "--analysis-id", "run-qc",
        "--executing-entity", "demo", "--no-input-staging", "--dy-command", "echo again", "--genome", "ecoli10k",
    ]  # fmt: skip
    refused = json.loads(desk.node(f"unset AWS_PROFILE; {shlex.join(words)} || true"))
    assert refused["error"]["code"] == "analysis_dir_exists"
    desk.node(f"unset AWS_PROFILE; {shlex.join([*words, '--replace-existing-analysis-dir'])}")
    ended = desk.dyec("--json", "workflow", "status", "--session", "run-qc", "--wait", "--timeout", "120")
    assert json.loads(ended.stdout)["state"] == "SUCCEEDED"
    assert desk.node("ls -A /fsx/analysis_results/demo").split() == ["bcl", "busy", "live", "run-qc", "there"]
    assert "results" not in desk.node("ls /fsx/analysis_results/demo/run-qc/daylily-omics-analysis")
