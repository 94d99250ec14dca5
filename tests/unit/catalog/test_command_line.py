"""Editing the engine's command line: what it says before and after."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from daylily_ec.catalog.command_line import (
    as_list,
    setting,
    with_initialisation,
    with_settings,
    with_targets,
    without_containers,
)
from daylily_ec.errors import InvalidValue

RUN = "bin/day_run produce_x -p -j 5 -k"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (RUN, f"{RUN} --config a=1 b='x y'"),
        (f"{RUN} -n", f"{RUN} -n --config a=1 b='x y'"),
        ("bin/day_run x --config c=3 -p", "bin/day_run x --config c=3 a=1 b='x y' -p"),
        ("bin/day_run x --config -p", "bin/day_run x --config a=1 b='x y' -p"),
        ("bin/day_run x -C a=0 c=3", "bin/day_run x -C c=3 a=1 b='x y'"),
        ("bin/day_run x --config c=3 -p --config 'd={\"e\":[1]}' -k",
         "bin/day_run x --config c=3 'd={\"e\":[1]}' a=1 b='x y' -p -k"),
        ("source dyoainit; dy-r x -p; echo done", "source dyoainit; dy-r x -p --config a=1 b='x y'; echo done"),
        ("echo 'bin/day_run;' && bin/day_run x", "echo 'bin/day_run;' && bin/day_run x --config a=1 b='x y'"),
        ("snakemake x", "snakemake x --config a=1 b='x y'"),
    ],
)  # fmt: skip
def test_settings_are_merged_into_one_option(line: str, expected: str) -> None:
    assert with_settings(line, {"a": "1", "b": "x y"}).replace("'b=x y'", "b='x y'") == expected


def test_nothing_to_add_changes_nothing() -> None:
    assert with_settings(RUN, {}) == with_targets(RUN, ["produce_x"], ["produce_x"]) == RUN


def test_a_setting_can_be_read_back_whatever_it_holds() -> None:
    value = 'it\'s "odd"; rm -rf $HOME'
    line = with_settings(RUN, {"key": value})
    assert setting(line, "key") == value
    assert shlex.split(line)[-1] == f"key={value}"
    assert setting(line, "other") is None


def test_targets_go_behind_the_last_known_one() -> None:
    line = "bin/day_run produce_x produce_y -p -j 5"
    assert with_targets(line, ["produce_z", "produce_x"], ["produce_x", "produce_y"]) == (
        "bin/day_run produce_x produce_y produce_z -p -j 5"
    )
    assert with_targets("bin/day_run -p", ["z"], []) == "bin/day_run z -p"


def test_a_line_that_no_shell_could_read_is_refused() -> None:
    for line in ("bin/day_run 'x", "  ", ";"):
        with pytest.raises(InvalidValue):
            with_settings(line, {"a": "1"})


def test_small_helpers() -> None:
    assert as_list(["a", "b"]) == '["a","b"]'
    assert without_containers("dy-r x") == "export DAY_CONTAINERIZED=false; dy-r x"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("source dyoainit; dy-a local hg38; dy-r x", "source dyoainit\ndy-a local hg38; dy-r x"),
        ("export A=1; . ./dyoainit --project p; dy-r x", "export A=1; . ./dyoainit --project p\ndy-r x"),
        ("source dyoainit && dy-r x", "source dyoainit && dy-r x"),
        ("echo 'dyoainit; x'; source other; y", "echo 'dyoainit; x'; source other; y"),
        (RUN, RUN),
    ],
)
def test_aliases_are_known_on_the_line_after_their_file(line: str, expected: str) -> None:
    assert with_initialisation(line) == expected


def test_the_project_of_the_launch_reaches_what_is_sourced() -> None:
    options = ("--project", "my project", "--skip-project-check")
    assert with_initialisation("source dyoainit; dy-r x", options) == (
        "source dyoainit --project 'my project' --skip-project-check\ndy-r x"
    )
    own = ". dyoainit --project p && dy-r x"
    assert with_initialisation(own, options) == own
    assert with_initialisation("source dyoainit && dy-r x", ("-s",)) == "source dyoainit -s && dy-r x"


def test_a_shell_runs_what_the_smoke_test_says(tmp_path: Path) -> None:
    (tmp_path / "dyoainit").write_text("alias dy-a='echo activated'\nalias dy-r='echo ran'\n")
    line = "source dyoainit; dy-a local hg38; dy-r -p -k -j 1 help"
    for text, code in ((line, 127), (with_initialisation(line), 0)):
        script = 'shopt -s expand_aliases; (eval "$1")'
        done = subprocess.run(["bash", "-c", script, "-", text], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == code
    assert done.stdout == b"activated local hg38\nran -p -k -j 1 help\n"
