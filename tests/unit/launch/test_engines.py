"""How a launched command line is resumed: the engine's own words, or a refusal."""

from __future__ import annotations

import pytest

from daylily_ec.catalog.command_line import with_initialisation
from daylily_ec.catalog.loader import load_catalog
from daylily_ec.errors import Refused
from daylily_ec.workflow.engines import Engine, resume_commands

DEFAULT = "DAY_CONTAINERIZED=true bin/day_run a b -p -k -j 6 --config genome_build=hg38 'aligners=[\"bwa2a\"]'"


@pytest.mark.parametrize(
    "line",
    [DEFAULT, f"{DEFAULT} ; ", "snakemake -j 1 all", "/opt/t/bin/python -m snakemake --profile p", "dy-r x > log 2>&1",
     "source dyoainit --project p; dy-a slurm hg38; dy-r x -k", "source dyoainit\ndy-a slurm hg38\ndy-r x",
     "cd sub && export A=1 && snakemake", "A='x; y' B=2 snakemake 'a b;c'"],
)  # fmt: skip
def test_snakemake_unlocks_and_runs_what_is_incomplete_again(line: str) -> None:
    found = resume_commands(line)
    bare = line.rstrip("; ")
    assert found.engine is Engine.SNAKEMAKE
    assert (found.command, found.unlock_command) == (f"{bare} --rerun-incomplete", f"{bare} --unlock")
    assert resume_commands(found.command).command == found.command


@pytest.mark.parametrize(
    ("line", "resumed"),
    [("snakemake -j 1 -- all", "snakemake -j 1 --rerun-incomplete -- all"),
     ("snakemake -- -F", "snakemake --rerun-incomplete -- -F"),
     ("A='x -- y' snakemake -k -- a > 'b -- c'", "A='x -- y' snakemake -k --rerun-incomplete -- a > 'b -- c'"),
     ("cd a -- && dy-r x", "cd a -- && dy-r x --rerun-incomplete")],
)  # fmt: skip
def test_options_stand_before_what_ends_them(line: str, resumed: str) -> None:
    found = resume_commands(line)
    assert (found.command, found.unlock_command) == (resumed, resumed.replace("--rerun-incomplete", "--unlock"))
    assert resume_commands(resumed).command == resumed


@pytest.mark.parametrize(
    "option",
    ["-F", "--forceall", "-R align", "--forcerun align", "--forcerun=align", "-f", "--force", "-t", "--touch",
     "--delete-all-output", "-pF", "-kFp", "-Ralign", "--forcea", "--delete-all"],
)  # fmt: skip
@pytest.mark.parametrize("line", ["bin/day_run x -p {} -k -j 1", "snakemake all {}", "source dyoainit; dy-r {} -- x"])
def test_what_would_do_finished_jobs_again_is_not_repeated(line: str, option: str) -> None:
    with pytest.raises(Refused, match=f"{option.split()[0]} would do finished jobs again") as info:
        resume_commands(line.format(option))
    assert info.value.code == "engine_unknown"
    assert "--dy-command" in info.value.hint


@pytest.mark.parametrize(
    "words",
    ["--profile F", "-sFile", "-dR/t", "-j4 -c4", "--config F=-1", "--forks 3", "--rerun-triggers mtime", "-T 3"],
)
def test_other_options_are_left_as_they_are(words: str) -> None:
    assert resume_commands(f"snakemake {words}").command == f"snakemake {words} --rerun-incomplete"


def test_nextflow_has_an_option_of_its_own() -> None:
    found = resume_commands("nextflow run main.nf -profile slurm")
    assert (found.engine, found.unlock_command) == (Engine.NEXTFLOW, "")
    assert found.command == "nextflow run main.nf -profile slurm -resume"


@pytest.mark.parametrize(
    "line",
    ["echo hello", "", "make all", "snakemake | tee log", "snakemake || true", "snakemake &", "(snakemake)",
     "rm -rf results; snakemake", "snakemake; echo done", "snakemake # all of it", "snakemake `date`",
     "snakemake --config d=$(date)", "snakemake 'unfinished", "snakemake <<EOF\nx\nEOF", "prepare.sh\nsnakemake",
     "for i in 1 2; do snakemake; done", "python -m other", "sbatch run.sh && snakemake"],
)  # fmt: skip
def test_anything_else_is_refused_with_a_way_out(line: str) -> None:
    with pytest.raises(Refused) as info:
        resume_commands(line)
    assert info.value.code == "engine_unknown"
    assert "--dy-command" in info.value.hint


def test_every_command_of_the_catalog_can_be_resumed() -> None:
    commands = [
        command.dy_command for entry in load_catalog().repositories.values() for command in entry.analysis_commands
    ]
    assert len(commands) >= 20
    for line in commands:
        assert resume_commands(with_initialisation(line)).engine is Engine.SNAKEMAKE
