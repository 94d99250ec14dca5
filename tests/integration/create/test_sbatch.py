"""The job wrapper, run by a real bash: whose job it is, what the user's own words become, when a budget stops a job."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

import pytest

from daylily_ec.config.resources import resource

pytestmark = pytest.mark.e2e
PROJECT = "da-us-west-2d-majors"
TSV = "fsx/references/runtime_assets/budget_tags/pcluster-project-budget-tags.tsv"
FAKE_SLURM = '#!/bin/bash\nprintf "%s\\n" "${0##*/}" "$@" > "$DAYLILY_NODE_ROOT/ran"\n'
FAKE_AWS = """#!/bin/bash
echo "$*" >> "$DAYLILY_NODE_ROOT/asked"
cat "$DAYLILY_NODE_ROOT/answer" 2>/dev/null || exit 254
"""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Node:
    """A head node's directories below `root`, with a Slurm and an AWS that only write down how they are called."""

    root: Path

    def answer(self, spent: str, limit: str = "200.0") -> None:
        (self.root / "answer").write_text(f"{spent}\t{limit}\n")

    def facts(self, enforce: str) -> None:
        (self.root / "opt/slurm/etc/daylily-budget.env").write_text(
            f"region=us-west-2\naccount=123456789012\nproject={PROJECT}\nenforce={enforce}\n"
        )

    def run(self, *arguments: str, name: str = "sbatch", **variables: str) -> Ended:
        for file in ("ran",):
            (self.root / file).unlink(missing_ok=True)
        base = {"PATH": f"{self.root}/aws-bin:{os.environ['PATH']}", "HOME": str(self.root / "home")}
        done = subprocess.run(
            [str(self.root / "opt/slurm/bin" / name), *arguments], capture_output=True, text=True, check=False,
            cwd=self.root, env={**base, "DAYLILY_NODE_ROOT": str(self.root), **variables}, timeout=60,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    @property
    def ran(self) -> list[str] | None:
        """The program that Slurm's own place saw, and its arguments."""
        path = self.root / "ran"
        return path.read_text().splitlines() if path.exists() else None

    @property
    def asked(self) -> list[str]:
        path = self.root / "asked"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def log(self) -> str:
        return (self.root / f"fsx/logs/jobs/{getuser()}.log").read_text()

    def cache(self, age: int, words: str) -> None:
        path = self.root / "home/.cache/daylily/budget" / PROJECT
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{int(time.time()) - age} {words}\n")


@pytest.fixture
def node(tmp_path: Path) -> Node:
    for name in ("opt/slurm/bin", "opt/slurm/sbin", "opt/slurm/etc", "aws-bin", "home", "fsx/logs/jobs"):
        (tmp_path / name).mkdir(parents=True)
    wrapper = tmp_path / "opt/slurm/bin/sbatch"
    wrapper.write_bytes(resource("config/day_cluster/sbatch").read_bytes())
    (tmp_path / "opt/slurm/bin/srun").symlink_to("sbatch")
    programs = (("opt/slurm/sbin/sbatch", FAKE_SLURM), ("opt/slurm/sbin/srun", FAKE_SLURM), ("aws-bin/aws", FAKE_AWS))
    for name, text in programs:
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    wrapper.chmod(0o755)
    (tmp_path / TSV).parent.mkdir(parents=True)
    (tmp_path / TSV).write_text(f"{PROJECT}\tubuntu,{getuser()}\nclosed\tubuntu\n")
    found = Node(tmp_path)
    found.facts("enforce")
    found.answer("12.5")
    return found


@pytest.mark.parametrize(
    ("variables", "tag"),
    [
        ({}, "unknown-project"),
        ({"project": PROJECT}, PROJECT),
        ({"DAY_PROJECT": PROJECT}, PROJECT),
        ({"project": "nobody-knows"}, "nobody-knows-invalid-project"),
        ({"project": "closed"}, "closed-invalid-user"),
        ({"project": "closed", "DAY_PROJECT": PROJECT}, "closed-invalid-user"),
        ({"project": "$(touch x); --uid=0"}, "unknown-project-invalid-project"),
    ],
)
def test_a_job_without_a_comment_gets_its_project(node: Node, variables: dict[str, str], tag: str) -> None:
    assert node.run("-p", "i8", "job.sh", "--flag", **variables).code == 0
    assert node.ran == ["sbatch", f"--comment={tag}", "-p", "i8", "job.sh", "--flag"]
    assert not (node.root / "x").exists()


def test_without_the_list_of_projects_the_tag_says_so(node: Node) -> None:
    (node.root / TSV).unlink()
    node.run("job.sh", project=PROJECT)
    assert node.ran == ["sbatch", f"--comment={PROJECT}-no-file", "job.sh"]


@pytest.mark.weakness("W-42")
@pytest.mark.parametrize(
    "words",
    [
        "--comment=closed job.sh",
        "--comment closed job.sh a b",
        "-p i8 --cpus-per-task 4 --comment 'my own words' --wrap 'echo hi'",
        "--parsable --comment=x -- job.sh --comment=y",
    ],
)
def test_the_user_s_own_arguments_stay_as_they_are_with_their_comment(node: Node, words: str) -> None:
    arguments = shlex.split(words)
    assert node.run(*arguments).code == 0
    assert node.ran == ["sbatch", *arguments]


def test_a_comment_among_the_script_s_arguments_is_not_sbatch_s(node: Node) -> None:
    node.run("-J", "name", "-n1", "--exclusive", "job.sh", "--comment", "closed")
    assert node.ran is not None
    assert node.ran[1] == "--comment=unknown-project"


def test_a_comment_in_the_script_or_the_environment_is_the_user_s_too(node: Node) -> None:
    script = node.root / "job.sh"
    script.write_text(f'#!/bin/bash\n#SBATCH --comment="{PROJECT}"\n')
    node.run(str(script))
    assert node.ran == ["sbatch", str(script)]
    assert f"budget {PROJECT}: 12.5 of 200.0" in node.log
    node.run("plain.sh", SBATCH_COMMENT=PROJECT)
    assert node.ran == ["sbatch", "plain.sh"]


def test_hostile_arguments_reach_slurm_unread(node: Node) -> None:
    arguments = ["--job-name=$(touch x)", "a b\nc", "`touch x`", "*", "job.sh"]
    node.run(*arguments)
    assert (node.root / "ran").read_text() == "\n".join(["sbatch", "--comment=unknown-project", *arguments]) + "\n"
    assert not (node.root / "x").exists()


def test_srun_is_judged_too_but_not_within_a_job(node: Node) -> None:
    node.run("hostname", name="srun", project=PROJECT)
    assert node.ran == ["srun", f"--comment={PROJECT}", "hostname"]
    node.answer("500")
    node.cache(10, "500 200")
    assert node.run("hostname", name="srun", project=PROJECT, SLURM_JOB_ID="7").code == 0
    assert node.ran == ["srun", "hostname"]


@pytest.mark.weakness("W-42")
def test_over_budget_is_refused_under_enforce_and_says_how_old_the_value_is(node: Node) -> None:
    node.cache(840, "210.5 200.0")
    ended = node.run("job.sh", project=PROJECT)
    assert (ended.code, node.ran) == (77, None)
    assert f"budget {PROJECT}: 210.5 of 200.0 USD spent, known for 14 min" in ended.err
    assert "DAYLILY_BUDGET_OVERRIDE" in ended.err
    assert "REFUSED" in node.log
    assert node.asked == []


@pytest.mark.parametrize("enforce", ["skip", "", "Enforce"])
def test_without_enforcement_nothing_is_blocked(node: Node, enforce: str) -> None:
    node.facts(enforce)
    node.answer("210.5")
    assert node.run("job.sh", project=PROJECT).code == 0
    assert node.ran == ["sbatch", f"--comment={PROJECT}", "job.sh"]
    assert "does not enforce" in node.log


def test_an_override_submits_and_is_logged(node: Node) -> None:
    node.answer("210.5")
    ended = node.run("job.sh", project=PROJECT, DAYLILY_BUDGET_OVERRIDE="rerun for the\npaper")
    assert ended.code == 0
    assert node.ran == ["sbatch", f"--comment={PROJECT}", "job.sh"]
    assert "OVERRIDDEN: rerun for the paper" in node.log


def test_aws_is_asked_once_an_hour_with_the_budget_of_the_project(node: Node) -> None:
    for _ in range(3):
        node.run("job.sh", project=PROJECT)
    (asked,) = node.asked
    assert asked.startswith(f"budgets describe-budget --account-id 123456789012 --budget-name {PROJECT} ")
    node.cache(3570, "1 200")
    node.run("job.sh", project=PROJECT)
    assert "known for 59 min" in node.log
    assert len(node.asked) == 1
    node.cache(3700, "999 200")
    node.run("job.sh", project=PROJECT)
    assert len(node.asked) == 2
    assert node.ran is not None


@pytest.mark.parametrize("answer", [None, "", "None\tNone", "garbage"])
def test_a_budget_that_is_not_known_holds_nothing_back_and_is_asked_again_only_later(
    node: Node, answer: str | None
) -> None:
    (node.root / "answer").unlink()
    if answer is not None:
        (node.root / "answer").write_text(answer)
    for _ in range(3):
        assert node.run("job.sh", project=PROJECT).code == 0
        assert node.ran == ["sbatch", f"--comment={PROJECT}", "job.sh"]
    assert len(node.asked) == 1
    assert "not known" in node.log
    node.cache(700, "unknown 0")
    node.run("job.sh", project=PROJECT)
    assert len(node.asked) == 2


def test_programs_that_read_sbatch_s_output_see_nothing_of_ours(node: Node) -> None:
    ended = node.run("--parsable", "job.sh", project=PROJECT)
    assert (ended.out, ended.err) == ("", "")


def test_a_log_that_cannot_be_written_does_not_stop_a_job(node: Node) -> None:
    (node.root / "fsx/logs/jobs").rmdir()
    assert node.run("job.sh", project=PROJECT).code == 0
    assert node.ran is not None


def test_a_node_without_slurm_says_where_it_was_looked_for(node: Node) -> None:
    (node.root / "opt/slurm/sbin/sbatch").unlink()
    ended = node.run("job.sh")
    assert ended.code == 127
    assert "opt/slurm/sbin/sbatch" in ended.err


@pytest.mark.parametrize(("argument", "code"), [("0", 0), ("soon", 64), ("-1", 64)])
def test_the_sleep_test_sleeps_as_long_as_it_is_told(argument: str, code: int) -> None:
    script = str(resource("config/day_cluster/sleep_test.sh"))
    done = subprocess.run(["bash", script, argument], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == code
    assert ("awake" in done.stdout) == (code == 0)
