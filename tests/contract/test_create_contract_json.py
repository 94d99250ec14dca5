"""With `--json` every command prints one valid document on stdout, on failure too, and exits as documented."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.cli.main import main
from tests.contract.commands import Leaf, leaves

CODES = {0, 1, 2, 3, 4, 64, 130}
LEAVES = {leaf.name: leaf for leaf in leaves()}
VALUES = {
    "--cluster": "day-demo", "--region": "us-west-2", "--region-az": "us-west-2d", "--source-path": "/fsx/x",
    "--destination-s3-uri": "s3://bucket/x", "--output-dir": "out", "--reference-s3-uri": "s3://a/",
    "--control-data-s3-uri": "s3://b/", "--stage-s3-uri": "s3://c/x", "--analysis-id": "a1",
    "--executing-entity": "lab", "command": "true", "command_id": "simple-test", "source": "s3://runs/r1/",
    "sheet": "sheet.tsv", "path": "sheet.tsv", "file": "sheet.tsv", "--association-id": "dra-0123456789abcdef0",
    "receipt": "s3://bucket/x/ubuntu/a1/",
}  # fmt: skip
ONE_OF_SEVERAL = {
    "headnode connect": ["--dry-run"], "state show": ["--cluster", "day-demo"],
    **{f"workflow {verb}": ["--session", "s1"] for verb in ("logs", "resume", "status", "stop")},
    "workflow attach": ["--session", "s1", "--dry-run"],
    **{f"mounts {verb}": ["--cluster", "day-demo", "--mount-id", "RUN1"] for verb in ("delete", "describe", "verify")},
    **{name: ["--cluster", "day-demo"] for name in ("mounts create", "mounts ensure", "mount rundir", "mounts list")},
}  # fmt: skip
STARTS_SOMETHING = {
    "local up": "starts a daemon; its documents are read by the tests of the local cloud",
    "demo": "runs the whole life cycle; its document is read by tests/e2e/test_json_documents.py",
    "local doctor": "judges this machine, so its exit code is the machine's",
}
NEEDS_NOTHING = (
    "catalog list", "catalog show", "catalog validate", "config init", "info", "local down", "local status",
    "repositories commands", "repositories list", "resources-dir", "runtime identity", "state list", "version",
)  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """How one command line ended."""

    code: int
    document: Any
    stderr: str


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home without credentials, and no way out."""
    (tmp_path / "aws").write_text("[profile bare]\nregion = us-west-2\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "DAY_EX_CFG"):
        monkeypatch.delenv(name, raising=False)
    places = {"HOME": tmp_path, "XDG_CONFIG_HOME": tmp_path / "config", "AWS_CONFIG_FILE": tmp_path / "aws",
              "AWS_SHARED_CREDENTIALS_FILE": tmp_path / "aws"}  # fmt: skip
    for name, path in places.items():
        monkeypatch.setenv(name, str(path))
    monkeypatch.setenv("AWS_PROFILE", "bare")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    code = main(list(arguments))
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert shown.out.endswith("\n")
    return Ran(code, json.loads(shown.out), shown.err)


def needed(leaf: Leaf) -> list[str]:
    words = list(ONE_OF_SEVERAL.get(leaf.name, []))
    for param in leaf.params:
        if param.required:
            name = next((opt for opt in param.opts if opt in VALUES), param.opts[0])
            words += [name, VALUES[name]] if param.param_type_name == "option" else [VALUES[name]]
    return words


@pytest.mark.weakness("W-28")
@pytest.mark.weakness("W-29")
@pytest.mark.parametrize("name", sorted(set(LEAVES) - set(STARTS_SOMETHING)))
def test_without_credentials_every_command_prints_one_document(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    leaf = LEAVES[name]
    ran = run(capsys, "--json", *leaf.words, *needed(leaf))
    assert ran.code in CODES
    assert (ran.code == 0) is (name in NEEDS_NOTHING), ran
    if ran.code:
        error = ran.document["error"]
        assert sorted(error) == ["code", "details", "hint", "message"]
        assert error["code"] not in {"internal", "usage"}, error


@pytest.mark.weakness("W-27")
@pytest.mark.parametrize("name", sorted(LEAVES))
def test_a_usage_error_is_one_document_with_a_code_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(capsys, *LEAVES[name].words, "--json", "--no-such-option")
    assert ran.code == 64
    assert ran.document["error"]["code"] == "usage"


def test_the_documents_are_indented_and_sorted(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--json", "info"])
    out = capsys.readouterr().out
    assert out == json.dumps(json.loads(out), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_root_options_are_taken_behind_every_command(name: str) -> None:
    assert {"--json", "--no-color", "--debug"} <= LEAVES[name].options
