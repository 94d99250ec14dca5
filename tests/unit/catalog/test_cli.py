"""What `dyec catalog` and `dyec repositories` print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.cli.main import main
from daylily_ec.config.resources import resource

FILE = "config/daylily_available_repositories.yaml"
ORDINARY = ("list", "show illumina_hg002_kitchensink_multiqc", "show illumina_run_qc", "show simple-test", "validate")


def shown(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    return json.loads(shown(capsys, "--json", *argv))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.yaml"
    text = resource(FILE).read_text()
    path.write_text(text.replace("jobs: 1\n", "jobs: many\n").replace("genome: hg38\n", "genom: hg38\n"))
    return path


def test_list_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "catalog", "list").splitlines()
    assert out[0] == "daylily-omics-analysis"
    assert out[1].split() == ["COMMAND", "INPUT", "TYPE", "PIN"]
    assert out[2].split() == ["simple-test", "utility", "test", "2.0.26"]
    assert out[-2].split() == ["ultima_run_qc", "run", "prod", "2.0.26"]
    assert len(out) == 23
    assert len(document(capsys, "catalog", "list")["commands"]) == 20


def test_list_narrows(capsys: pytest.CaptureFixture[str]) -> None:
    runs = document(capsys, "catalog", "list", "--class", "run_analysis")["commands"]
    assert {row["source_mount_mode"] for row in runs} == {"run_dra_required"}
    assert len(runs) == 5
    assert len(document(capsys, "catalog", "list", "--type", "dev")["commands"]) == 2
    assert shown(capsys, "catalog", "list", "--repository", "daylily-sarek") == "No commands.\n"
    assert main(["catalog", "list", "--repository", "nobody"]) == 1


def test_show_says_what_a_command_needs(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "catalog", "show", "illumina_run_qc")
    assert "sources     run_dra_required /fsx/run_dir_mounts/{MOUNT_ID}/" in out
    assert "--command-id illumina_run_qc" in out
    detail = document(capsys, "catalog", "show", "illumina_run_qc")
    assert (detail["command"]["jobs"], detail["profile"]["source_mount_mode"]) == (5, "run_dra_required")
    assert detail["repository"]["key"] == "daylily-omics-analysis"
    assert main(["catalog", "show", "nothing"]) == 1


@pytest.mark.parametrize("what", ORDINARY)
def test_pages_fit_a_terminal(capsys: pytest.CaptureFixture[str], what: str) -> None:
    """Except for a word that cannot be broken, because it is to be copied, and a path."""
    for line in shown(capsys, "catalog", *what.split()).splitlines():
        assert len(line) <= 80 or "multiqc_qc=" in line or line.startswith("/")


def test_repositories_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "repositories", "list")
    assert max(map(len, out.splitlines())) <= 80
    assert "    https://github.com/iamh2o/sarek.git\n" in out


def test_validate_accepts_ours(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "catalog", "validate")
    assert (found["repositories"], found["commands"], found["advice"]) == (3, 20, [])
    assert shown(capsys, "catalog", "validate", str(resource(FILE))).endswith("valid, 3 repositories, 20 commands.\n")


def test_validate_names_every_line(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    assert main(["catalog", "validate", str(broken)]) == 1
    said = capsys.readouterr().err
    lines = broken.read_text().splitlines()
    number = lines.index("        jobs: many") + 1
    assert f"{broken}:{number}: repositories.daylily-omics-analysis.analysis_commands.0.jobs: " in said
    assert said.count(": this key is not known here\n") == 2
    assert main(["--json", "catalog", "validate", str(broken)]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "invalid_catalog"
    for finding in error["details"]["findings"]:
        key = finding["key"].rpartition(".")[2]
        assert key in lines[finding["line"] - 1] or "Field required" in finding["message"]


def test_validate_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["catalog", "validate", str(tmp_path / "none.yaml")]) == 1
    assert "There is no catalog file" in capsys.readouterr().err


def test_commands_prints_the_same_document_with_and_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    plain = shown(capsys, "repositories", "commands")
    assert plain == shown(capsys, "--json", "repositories", "commands")
    found = json.loads(plain)
    assert list(found) == ["command_catalog_version", "commands", "default_repository", "input_contracts",
                           "repositories", "test_data_locations", "test_data_profiles"]  # fmt: skip
    assert len(found["commands"]) == 20
    assert found["commands"][0]["artifact_registration"] is None
    assert found["commands"][0]["input_requirements"] == {
        "accepted_source_column_sets": [], "required_run_context_values": {}, "required_source_columns": [],
    }  # fmt: skip


def test_commands_narrows_as_its_contract_says(capsys: pytest.CaptureFixture[str]) -> None:
    one = document(capsys, "repositories", "commands", "--repository", "daylily-sarek")
    assert (list(one["repositories"]), one["commands"]) == (["daylily-sarek"], [])
    one = document(capsys, "repositories", "commands", "--command-id", "ont_run_qc")
    assert [command["command_id"] for command in one["commands"]] == ["ont_run_qc"]
    assert len(one["repositories"]["daylily-omics-analysis"]["analysis_commands"]) == 20
    assert main(["repositories", "commands", "--command-id", "nope"]) == 1
    assert main(["repositories", "commands", "--repository", "nope"]) == 1
