"""The command line of create and state, as far as it goes without AWS; and the Python API."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import daylily_ec
import daylily_ec.cli.create
from daylily_ec.cli.main import main
from daylily_ec.cli.render import text
from daylily_ec.state.store import StateStore
from daylily_ec.workflow.create_request import ClusterCreated
from tests.unit.state.test_store import RECORD


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "DAY_EX_CFG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "daylily"


def test_state_list_loads_neither_boto3_nor_pydantic(home: Path) -> None:
    StateStore(home).create(RECORD)
    code = (
        "import sys\nfrom daylily_ec.cli.main import main\n"
        "assert main(['state', 'list', '--json']) == 0\n"
        "heavy = {'boto3', 'botocore', 'pydantic', 'moto', 'ruamel.yaml', 'filelock'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"][0]["record"]["run_id"] == RECORD.run_id


def test_a_damaged_record_is_listed_with_its_problem_and_refused_by_show(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = StateStore(home).create(RECORD)
    path.write_text(path.read_text()[:100])
    assert main(["state", "list"]) == 0
    assert "DAMAGED" in capsys.readouterr().out
    assert main(["state", "show", "--cluster", "majors", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "corrupt_file"
    assert str(path) in error["message"]


def test_show_wants_exactly_one_way_to_name_a_record(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    StateStore(home).create(RECORD)
    assert main(["state", "show"]) == 64
    assert main(["state", "show", "--cluster", "majors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["owner"] == RECORD.owner
    assert main(["state", "show", "--cluster", "minors"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["--region-az", "us-west-2"], 1, "invalid_value"),
        (["--region-az", "us-west-2d", "--config", "/nonexistent.yaml"], 1, "config_not_found"),
        (["--region-az", "us-west-2d", "--config", "/nonexistent.yaml", "--no-such-flag"], 64, "usage"),
        ([], 64, "usage"),
    ],
)
def test_bad_command_lines_end_with_one_document(
    arguments: list[str], code: int, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["create", "--json", *arguments]) == code
    assert json.loads(capsys.readouterr().out)["error"]["code"] == kind


@pytest.mark.parametrize("warnings", [(), ("heartbeat-topic was not made: denied",)])
def test_people_are_told_what_is_missing_around_the_cluster_and_how_it_is_made_up(warnings: tuple[str, ...]) -> None:
    created = ClusterCreated("majors", "us-west-2", "us-west-2d", "CREATE_COMPLETE", None, 9.0, "i-1", "44.0.0.1", (),
                             (), "state.json", "majors.yaml", "dyec headnode connect", warnings)  # fmt: skip
    shown = text(created)
    assert ("! heartbeat-topic was not made: denied\n" in shown) is bool(warnings)
    assert ("the same command makes it up" in shown) is bool(warnings)
    assert shown.endswith("Next: dyec headnode connect\n")


def test_the_python_api_returns_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert daylily_ec.create_cluster("nowhere") == 1
    missing = tmp_path / "missing.yaml"
    assert daylily_ec.create_cluster("us-west-2d", profile="p", config_path=str(missing), pass_on_warn=True) == 1
    assert str(missing) in capsys.readouterr().err


def test_info_and_resources_dir_say_where_things_are(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resources-dir"]) == 0
    root = Path(capsys.readouterr().out.strip())
    assert (root / "config/day_cluster/prod_cluster.yaml").exists()
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config_dir"] == str(home)
