"""The launch commands of the README, as they are written there, on the demonstration's workflow and a real Slurm.

Only values are replaced, by the environment and in what stands in angle brackets.  The pinned repository answers on
this machine, and its genome hg38 is the demonstration's small one under that name.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from daylily_ec.cli.demo import BUCKETS, CLUSTER, ENTITY, REGION, RUN_FOLDER, Demonstration
from daylily_ec.config.resources import resource
from daylily_ec.demo.objects import PREFIXES
from daylily_ec.demo.repository import make_repository
from tests.e2e.canaries import CANARIES, hits

pytestmark = pytest.mark.e2e
SAMPLES = """\
dyec workflow launch \\
  --profile "$AWS_PROFILE" \\
  --region "$REGION" \\
  --cluster "$CLUSTER_NAME" \\
  --stage-dir "/fsx/staging/staged_external_sequencing_data/remote_stage_<timestamp>" \\
  --analysis-id "$ANALYSIS_ID" \\
  --executing-entity "$EXECUTING_ENTITY" \\
  --git-tag 2.0.26 \\
  --export-destination-s3-uri "$EXPORT_S3_URI" \\
  --export-trigger on-success
"""
MOUNT = """\
dyec --json mounts create "s3://sequencer-run-bucket/runs/RUN123/" \\
  --profile "$AWS_PROFILE" \\
  --region "$REGION" \\
  --cluster "$CLUSTER_NAME" \\
  --platform ILMN \\
  --read-only \\
  --wait

dyec --json mounts verify \\
  --profile "$AWS_PROFILE" \\
  --region "$REGION" \\
  --cluster "$CLUSTER_NAME" \\
  --mount-id RUN123
"""
RUN_FOLDERS = """\
dyec workflow launch \\
  --profile "$AWS_PROFILE" \\
  --region "$REGION" \\
  --cluster "$CLUSTER_NAME" \\
  --run-context-file ./runs.tsv \\
  --analysis-id "<run-analysis-id>" \\
  --executing-entity "$EXECUTING_ENTITY" \\
  --git-tag 2.0.26 \\
  --dy-command "bin/day_run produce_illumina_run_qc --config run_context_file=config/runs.tsv -p -j 5 -k"
"""
RUNS_TSV = {
    "RUNID": "RUN123", "PLATFORM": "ILMN", "RUN_DIR": "/fsx/run_dir_mounts/RUN123", "SOURCE_S3_URI": str(RUN_FOLDER),
    "MOUNT_ID": "RUN123", "SAMPLE_SHEET": "/fsx/run_dir_mounts/RUN123/SampleSheet.csv", "BASECALLING_STATE": "raw_bcl",
    "RUN_STATUS": "complete", "OUTPUT_ROOT": "results/runs/RUN123", "REGION": REGION, "PROFILE": "lab",
}  # fmt: skip
FOLDER = "daylily-omics-analysis"
DESTINATION = f"s3://{BUCKETS['export_destination']}/{PREFIXES['export_destination']}".rstrip("/")


class Operator(Demonstration):
    """The demonstration's cloud and cluster, with the packaged catalog's own commands and this repository's pin."""

    def _serve_repository(self) -> str:
        workflow = self.workdir / "workflow"
        shutil.copytree(resource("config/demo/workflow"), workflow)
        shutil.copytree(workflow / "config/example", workflow / ".test_data/data")
        genomes = workflow / "config/genomes.yaml"
        entry = genomes.read_text().partition("ecoli10k:\n")[2]
        genomes.write_text("".join(f"{name}:\n{entry}\n" for name in ("ecoli10k", "hg38", "hg38_broad")))
        layout = self._layout()
        make_repository(workflow, layout.git / f"{FOLDER}.git")
        endpoint = json.loads(layout.server_file.read_text())["endpoint"]
        url = f"{endpoint}/_dyec/git/{FOLDER}.git"
        self.stage.env["DAYLILY_EC_RESOURCES_DIR"] = str(self._resources(url))
        return url

    def _resources(self, url: str) -> Path:
        resources = self.workdir / "resources"
        for name in ("config", "etc"):
            shutil.copytree(resource(name), resources / name)
        path = resources / "config/daylily_available_repositories.yaml"
        yaml = YAML()
        document = yaml.load(path.read_text())
        document["repositories"][FOLDER]["https_url"] = url
        with path.open("w") as file:
            yaml.dump(document, file)
        return resources

    def shell(self, name: str, text: str, **values: str) -> str:
        """Run the block of a page as an operator's shell would."""
        for placeholder, value in values.items():
            text = text.replace(f"<{placeholder.replace('_', '-')}>", value)
        assert "<" not in text
        return self.stage.command(name, ["bash", "-euc", text])

    def finished(self, session: str) -> Any:
        argv = ["dyec", "--json", "workflow", "status", *self.target, "--session", session, "--wait"]
        return self.stage.json("workflow status", argv)

    def on_node(self, *argv: str) -> str:
        return self.stage.command("on node", ["dyec", "headnode", "run", *self.target, "--", *argv])

    def object(self, uri: str) -> str:
        return self.stage.command("aws s3 cp", ["aws", "s3", "cp", "--quiet", uri, "-"])


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    run = Operator(tmp_path_factory.mktemp("readme"))
    try:
        run.prepare()
        run.stage.env |= {
            "PATH": f"{run.stage.programs['dyec'].parent}:{run.stage.env['PATH']}", "CLUSTER_NAME": CLUSTER,
            "REGION": REGION, "EXECUTING_ENTITY": ENTITY, "ANALYSIS_ID": "dayoa",
            "EXPORT_S3_URI": f"{DESTINATION}/analysis_results/{ENTITY}/dayoa/",
        }  # fmt: skip
        (run.workdir / "runs.tsv").write_text("\t".join(RUNS_TSV) + "\n" + "\t".join(RUNS_TSV.values()) + "\n")
        run.create()
        yield run
    finally:
        run.take_down()


def stage(operator: Operator, *options: str) -> str:
    """The reads staged; the name of the stage without `remote_stage_`."""
    return operator.stage_reads(*options).rpartition("/remote_stage_")[2]


@pytest.mark.weakness("M2")
def test_the_launch_of_samples(operator: Operator) -> None:
    said = operator.shell("launch samples", SAMPLES, timestamp=stage(operator))
    assert "2.0.26" in said
    status = operator.finished("dayoa")
    assert (status["state"], status["exit_code"]) == ("SUCCEEDED", 0)
    results = f"{operator.stage.env['EXPORT_S3_URI']}{FOLDER}/results/day/hg38"
    jobs = operator.object(f"{results}/reports/slurm_jobs.tsv").splitlines()
    assert len(jobs) > 2
    verdicts = [
        row["verdict"] for row in json.loads(operator.object(f"{results}/other_reports/concordance.json"))["samples"]
    ]
    assert "PASS" in verdicts


@pytest.mark.weakness("M5")
def test_the_run_folder_is_mounted_and_verified(operator: Operator) -> None:
    said = operator.shell("mount run folder", MOUNT.replace("s3://sequencer-run-bucket/runs/RUN123/", str(RUN_FOLDER)))
    decoder = json.JSONDecoder()
    made, end = decoder.raw_decode(said)
    verified, _ = decoder.raw_decode(said[end:].strip())
    assert (made["lifecycle"], made["headnode_path"]) == ("AVAILABLE", "/fsx/run_dir_mounts/RUN123/")
    assert (verified["verified"], verified["association_id"]) == (True, made["association_id"])
    facts = verified["verification"]
    assert (facts["platform"], facts["files"], facts["missing"]) == ("ILMN", facts["s3_objects"], [])


@pytest.mark.weakness("M2")
def test_the_launch_of_run_folders(operator: Operator) -> None:
    operator.shell("launch run folders", RUN_FOLDERS, run_analysis_id="run123-qc")
    check_run_qc(operator, "run123-qc")


def check_run_qc(operator: Operator, session: str) -> None:
    status = operator.finished(session)
    assert (status["state"], status["exit_code"]) == ("SUCCEEDED", 0)
    outputs = f"/fsx/analysis_results/{ENTITY}/{session}/{FOLDER}/results/runs/RUN123/run_qc/illumina"
    counted = json.loads(operator.on_node("cat", f"{outputs}/run_qc.json"))
    assert counted
    log = operator.on_node("head", "-n", "1", f"{outputs}/logs/lane_1.log")
    number = log.partition("slurm_job_id=")[2].split()[0]
    assert f"JobId={number} " in operator.on_node("scontrol", "--oneliner", "show", "jobs")


@pytest.mark.weakness("M2")
def test_both_typed_on_the_head_node(operator: Operator) -> None:
    """No profile and no state record there; the stage is attached already, the catalog is the node's own."""
    catalog = operator.workdir / "resources/config/daylily_available_repositories.yaml"
    options = ["--no-conda", "--catalog-config", str(catalog)]
    operator.stage.command("configure", ["dyec", "headnode", "configure", *operator.target, *options])
    upload = ["dyec", "headnode", "upload", "runs.tsv", "--to", "/home/ubuntu/runs.tsv"]
    operator.stage.command("upload", [*upload, *operator.target])
    values = {"CLUSTER_NAME": CLUSTER, "REGION": REGION, "EXECUTING_ENTITY": ENTITY, "ANALYSIS_ID": "typed",
              "EXPORT_S3_URI": f"{DESTINATION}/analysis_results/{ENTITY}/typed/"}  # fmt: skip
    given = "".join(f"export {name}={value}\n" for name, value in values.items())
    for text in (SAMPLES.replace("<timestamp>", stage(operator, *operator.target)),
                 RUN_FOLDERS.replace("<run-analysis-id>", "typed-qc")):  # fmt: skip
        typed = text.replace('  --profile "$AWS_PROFILE" \\\n', "")
        assert "profile" not in typed
        operator.on_node("bash", "-lec", f"unset AWS_PROFILE\ncd ~\n{given}{typed}")
    status = operator.finished("typed")
    assert (status["state"], status["export"]["status"]) == ("SUCCEEDED", "success")
    check_run_qc(operator, "typed-qc")
    target = f"--region {REGION} --cluster {CLUSTER}"

    def typed_there(words: str) -> Any:
        return json.loads(operator.on_node("bash", "-lec", f"unset AWS_PROFILE\ndyec --json workflow {words} {target}"))

    assert {"typed", "typed-qc"} <= {one["session_name"] for one in typed_there("list")["sessions"]}
    seen = typed_there("status --session typed --wait")
    assert (seen["state"], seen["exit_code"]) == ("SUCCEEDED", 0)
    assert "finished, exit code 0" in typed_there("logs --session typed --lines 5")["text"]
    operator.on_node("bash", "-lec", f"unset AWS_PROFILE\ndyec workflow logs --follow --session typed {target}")
    assert typed_there("stop --session typed")["outcome"] == "already-ended"
    typed_there("launch --no-input-staging --dy-command 'sleep 600' --analysis-id live --executing-entity " + ENTITY)
    assert typed_there("status --session live")["state"] in ("STARTING", "RUNNING")
    assert typed_there("stop --session live --cancel-jobs")["outcome"] == "stopped"
    assert typed_there("status --session live")["state"] == "STOPPED"


@pytest.mark.weakness("M2")
def test_the_same_run_by_the_catalogs_command(operator: Operator) -> None:
    """The settings of the catalog are one with the engine's, and the mount is found or made."""
    target = ["--executing-entity", ENTITY, "--analysis-id", "by-id", "--run-context-file", "runs.tsv"]
    shown = operator.stage.json("launch by id", [
        "dyec", "--json", "workflow", "launch", *operator.target, *target, "--command-id", "illumina_run_qc",
    ])  # fmt: skip
    (mount,) = shown["run_mounts"]
    assert (mount["path"], mount["outcome"] in ("ADOPTED", "CREATED")) == ("/fsx/run_dir_mounts/RUN123", True)
    assert shown["command"].count("--config") == 1
    check_run_qc(operator, "by-id")


def test_the_smoke_test_needs_no_inputs(operator: Operator) -> None:
    argv = ["dyec", "workflow", "launch", *operator.target, "--analysis-id", "smoke", "--executing-entity", ENTITY]
    operator.stage.command("smoke", [*argv, "--command-id", "simple-test"])
    assert operator.finished("smoke")["exit_code"] == 0
    log = ["dyec", "workflow", "logs", *operator.target, "--session", "smoke"]
    assert "produce_illumina_run_qc" in operator.stage.command("log", log)


def test_no_secret_is_shown_or_kept(operator: Operator, tmp_path: Path) -> None:
    """Secrets of the environment are in no output, log, receipt or state, and in no file of a node."""
    catalog = operator.workdir / "resources/config/daylily_available_repositories.yaml"
    there, proof = f"/fsx/analysis_results/{ENTITY}/canary", operator.workdir / "canary-export"
    live = ["--analysis-id", "live-canary", "--executing-entity", ENTITY]
    named = ["--analysis-id", "canary", "--executing-entity", ENTITY]
    commands = [
        ["headnode", "configure", "--no-conda", "--catalog-config", str(catalog)],
        ["workflow", "launch", "--no-input-staging", "--dy-command", "env > env.txt; env >&2; date", *named],
        ["workflow", "status", "--session", "canary", "--wait"], ["workflow", "logs", "--session", "canary"],
        ["workflow", "logs", "--session", "canary", "--follow"], ["workflow", "list"],
        ["workflow", "launch", "--no-input-staging", "--dy-command", "env >&2; sleep 600", *live],
        ["workflow", "stop", "--session", "live-canary", "--cancel-jobs"],
        ["workflow", "logs", "--session", "live-canary"], ["workflow", "status", "--session", "no-such-one"],
        ["export", "--source-path", there, "--destination-s3-uri", f"{DESTINATION}/analysis_results/{ENTITY}/canary/",
         "--output-dir", str(proof)],
        ["exports", "list"], ["exports", "status", "--source-path", there], ["delete", "--dry-run"],
        ["workflow", "list", "--no-such-option"],
    ]  # fmt: skip
    layout = operator._layout()
    env = {key: value for key, value in operator.stage.env.items() if key not in ("AWS_PROFILE", "AWS_CONFIG_FILE")}
    env |= {**CANARIES, "AWS_ACCESS_KEY_ID": "AKIACANARYCANARY0000",
            "AWS_ENDPOINT_URL": json.loads(layout.server_file.read_text())["endpoint"]}  # fmt: skip
    shown, codes = b"", []
    for number, words in enumerate(commands):
        more = [["--json"], [], ["--debug"]][number % 3] if "--follow" not in words else []
        done = subprocess.run(["dyec", *more, *words, *operator.target], env=env, cwd=operator.workdir, timeout=300,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)  # fmt: skip
        shown += done.stdout + done.stderr
        codes.append(done.returncode)
        print(words, done.returncode, done.stderr[-300:].decode(errors="replace") if done.returncode else "")
    assert [code == 0 for code in codes] == [True] * 9 + [False, True, True, True, codes[13] == 0, False]
    assert (proof / "fsx_export.yaml").is_file()
    kept = {path: path.read_bytes() for path in operator.workdir.rglob("*") if path.is_file() and not path.is_symlink()
            and path.suffix not in (".whl", ".pyc", ".so")}  # fmt: skip
    nodes = [path for path in kept if path.name == "env.txt"]
    receipts = [path for path in kept if path.name == "fsx_export.yaml"]
    found = hits({tmp_path / "shown": shown, **kept})
    print(f"P15: {len(CANARIES)} secrets, 4 encodings, {len(commands)} commands, {len(kept)} files, "
          f"{len(receipts)} receipts, {len(nodes)} environments of sessions: {len(found)} hits")  # fmt: skip
    everything = " ".join(CANARIES.values()).encode()
    assert {name for name, _, _ in hits({tmp_path: everything})} == set(CANARIES)
    assert nodes
    assert found == []
