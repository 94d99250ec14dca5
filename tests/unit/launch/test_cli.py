"""What the command line refuses without asking anybody, and what it prints of a catalog."""

from __future__ import annotations

import json

import pytest

from daylily_ec.cli.main import main

LAUNCH = ["workflow", "launch", "--region", "us-west-2", "--cluster", "day-demo", "--analysis-id", "a1",
          "--executing-entity", "ubuntu"]  # fmt: skip


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


def failure(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, str]]:
    code = main(["--json", *argv])
    error: dict[str, str] = json.loads(capsys.readouterr().out)["error"]
    return code, error


@pytest.mark.parametrize(
    ("more", "code", "name"),
    [
        (["--run-context-file", "/no/runs.tsv"], 1, "not_found"),
        (["--stage-base", "/fsx", "--no-input-staging"], 64, "usage"),
        (["--delete-on-export-success"], 64, "usage"), (["--export-trigger", "sometimes"], 64, "usage"),
        (["--artifact-registration-command-id", "x"], 64, "usage"),
        (["--no-input-staging", "--export-trigger", "on-success"], 64, "usage"),
        (["--no-input-staging", "--export-trigger", "on-success", "--export-destination-s3-uri", "s3://bbb/ubuntu/a2/"],
         1, "invalid_value"),
        (["--jobs", "0"], 64, "usage"), (["--no-such-option"], 64, "usage"),
        (["--no-input-staging", "--catalog-config", "/no/such/file"], 1, "not_found"),
        (["--no-input-staging", "--repository", "nobody"], 1, "unknown_repository"),
        (["--samples-file", "x"], 64, "usage"),
    ],
)  # fmt: skip
def test_a_launch_that_breaks_a_rule(capsys: pytest.CaptureFixture[str], more: list[str], code: int, name: str) -> None:
    found, error = failure(capsys, *LAUNCH, *more)
    assert (found, error["code"]) == (code, name)


@pytest.mark.parametrize("verb", ["status", "logs"])
@pytest.mark.parametrize("more", [[], ["--session", "a", "--run-dir", "/home/ubuntu/daylily-runs/a"]])
def test_exactly_one_way_to_name_a_session(capsys: pytest.CaptureFixture[str], verb: str, more: list[str]) -> None:
    code, error = failure(capsys, "workflow", verb, "--region", "us-west-2", "--cluster", "day-demo", *more)
    assert (code, error["code"]) == (64, "usage")


def test_following_and_one_document_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = failure(
        capsys, "workflow", "logs", "--region", "us-west-2", "--cluster", "day-demo", "--session", "a", "-f"
    )
    assert code == 64


def test_the_repositories_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repositories", "list"]) == 0
    assert "daylily-omics-analysis *  2.0.26" in capsys.readouterr().out
    assert main(["repositories", "commands", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (len(document["commands"]), document["default_repository"]) == (20, "daylily-omics-analysis")
    code, error = failure(capsys, "repositories", "commands", "--command-id", "nothing")
    assert (code, error["code"]) == (1, "unknown_command")
