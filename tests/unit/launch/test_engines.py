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
