"""Reading a configuration as commands do: asking, listing what is missing, and the `config` commands."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from daylily_ec.cli.main import main
from daylily_ec.cli.questions import accept, ask_all, asker, confirmer
from daylily_ec.config.resolve import Question
from daylily_ec.errors import MissingInput, Refused, ValidationError
from daylily_ec.util.progress import Silent
from daylily_ec.workflow.configuration import (
    ConfigurationRequest,
    init_configuration,
    read_configuration,
    show_configuration,
)

COMPLETE = {
    "cluster_name": "day-demo",
    "reference_s3_uri": "s3://refs/",
    "control_data_s3_uri": "s3://control/",
    "stage_s3_uri": "s3://lab/staged",
    "export_destination_s3_uri": "s3://lab/derived",
    "budget_email": "ops@example.org",
}


class Warned(Silent):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def written(tmp_path: Path, **values: str) -> Path:
    path = tmp_path / "c.yaml"
    lines = [f'    {key}: [USESETVALUE, "", "{value}"]' for key, value in values.items()]
    path.write_text("ephemeral_cluster:\n  config:\n    other: [X]\n" + "\n".join(lines) + "\n")
    return path


def test_nobody_to_ask_means_a_list_of_every_missing_key(tmp_path: Path) -> None:
    path = written(tmp_path, cluster_name="day-demo")
    with pytest.raises(MissingInput) as caught:
        read_configuration(ConfigurationRequest(path, {}), env={})
    assert caught.value.details["missing"] == list(COMPLETE)[1:]
    assert caught.value.exit_code == 1


@pytest.mark.weakness("W-07")
def test_questions_are_asked_in_one_sitting(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def ask(questions: tuple[Question, ...]) -> Mapping[str, str]:
        asked.append([question.key for question in questions])
        return {question.key: COMPLETE.get(question.key, question.default) for question in questions}

    path = written(tmp_path, **{key: value for key, value in COMPLETE.items() if key != "budget_email"})
    config = read_configuration(ConfigurationRequest(path, {}, ask), env={})
    assert config.budget_email == "ops@example.org"
    assert len(asked) == 1
    assert "budget_email" in asked[0]
    assert not {"cluster_name", "public_subnet_id", "iam_policy_arn"} & set(asked[0])


def test_every_problem_is_in_the_error(tmp_path: Path) -> None:
    path = written(tmp_path, **{**COMPLETE, "fsx_fs_size": "7", "cluster_name": "x"})
    with pytest.raises(ValidationError, match=r"cluster_name 'x'.*; fsx_fs_size '7'") as caught:
        read_configuration(ConfigurationRequest(path, {}), env={})
    assert caught.value.code == "invalid_config"


@pytest.mark.weakness("W-09")
def test_reading_completes_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, **COMPLETE)
    read_configuration(ConfigurationRequest(path, {}), env={})
    assert '    max_count_192I: [PROMPTUSER, "", ""]' in path.read_text().splitlines()
    assert "    other: [X]" in path.read_text().splitlines()


def test_what_changes_nothing_leaves_the_file_alone(tmp_path: Path) -> None:
    path = written(tmp_path, **COMPLETE)
    before = path.read_bytes()
    config = read_configuration(ConfigurationRequest(path, {}, completes=False), env={})
    assert (config.max_count_192I, path.read_bytes()) == (1, before)


def test_keys_that_mean_nothing_are_kept_and_named(tmp_path: Path) -> None:
    path, reporter = written(tmp_path, **COMPLETE, max_count_8i="3"), Warned()
    config = read_configuration(ConfigurationRequest(path, {}), env={}, reporter=reporter)
    assert reporter.warnings == [f"{path} has keys that mean nothing here: other, max_count_8i."]
    assert (config.max_count_8I, "max_count_8i" in path.read_text()) == (1, True)
    assert show_configuration(path).unknown == ("other", "max_count_8i")


def test_init_never_replaces_a_file_unasked(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "c.yaml"
    init_configuration(path)
    path.write_text("mine")
    with pytest.raises(Refused):
        init_configuration(path)
    assert path.read_text() == "mine"
    init_configuration(path, force=True)
    assert "ephemeral_cluster" in path.read_text()


def test_the_config_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, **COMPLETE)
    before = path.read_bytes()
    assert main(["config", "validate", "--config", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "cluster_name": "day-demo", "path": str(path), "status": "valid", "unknown": ["other"],
    }  # fmt: skip
    assert main(["config", "show", "--config", str(path), "--json"]) == 0
    settings = {row["key"]: row for row in json.loads(capsys.readouterr().out)["settings"]}
    assert settings["budget_email"] == {"key": "budget_email", "origin": "file", "value": "ops@example.org"}
    assert settings["fsx_fs_size"]["origin"] == "default"
    assert path.read_bytes() == before


def test_answers_are_checked_one_by_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    questions = (
        Question("budget_email", "address", required=True),
        Question("fsx_fs_size", "size", "4800"),
        Question("heartbeat_email", "address"),
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("\nnobody\nops@example.org\n\n\n"))
    assert ask_all(questions) == {"budget_email": "ops@example.org", "fsx_fs_size": "4800", "heartbeat_email": ""}
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "a value is needed" in shown.err
    assert "must be an e-mail address" in shown.err


def test_the_end_of_the_input_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(MissingInput):
        ask_all((Question("fsx_fs_size", "size", "4800"),))


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert asker(non_interactive=False) is None
    assert asker(non_interactive=True) is None
    assert confirmer(non_interactive=False) is None


@pytest.mark.parametrize(
    ("answer", "accepted"), [("y\n", True), ("YES\n", True), ("\n", False), ("x\n", False), ("", False)]
)
def test_warnings_are_accepted_only_by_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, accepted: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert accept(("quota.vpcs: few", "quota.spot_vcpu: short")) is accepted
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line[4:] for line in shown.err.splitlines()[:2]] == ["quota.vpcs: few", "quota.spot_vcpu: short"]
