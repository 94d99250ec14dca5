"""Contract, sections 17 and 20: how `pcluster` is called, what files a run leaves, and what its record says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from daylily_ec.artifacts.writer import ArtifactWriter
from daylily_ec.config.settings import config_dir, stop_after_dry_run
from daylily_ec.pcluster.runner import DRY_RUN_PASSED, Pcluster
from daylily_ec.state.models import RunRecord
from daylily_ec.state.store import StateStore
from daylily_ec.util.clock import file_stamp
from tests.conftest import FakeClock
from tests.unit.pcluster.fakes import NAME, Program

STAMP = "20260211143722"
FILES = {
    "template_copy": "lab_cluster_20260211143722.yaml.init",
    "init_template": "lab_init_template_20260211143722.yaml",
    "cluster_yaml": "lab_cluster_20260211143722.yaml",
    "next_run": "lab_next_run_20260211143722.yaml",
    "resolved_cli": "lab_resolved_cli_20260211143722.yaml",
    "final_config": "lab_final_config_20260211143722.yaml",
}
"""Beside them: `preflight_<cluster>_<stamp>.json` and `state_<cluster>_<stamp>.json`."""
RECORD_KEYS = {
    "run_id", "cluster_name", "region", "region_az", "aws_profile", "account_id", "bucket", "reference_s3_uri",
    "control_data_s3_uri", "stage_s3_uri", "export_destination_s3_uri", "keypair", "public_subnet_id",
    "private_subnet_id", "policy_arn", "global_budget_name", "cluster_budget_name", "heartbeat_topic_arn",
    "heartbeat_schedule_name", "heartbeat_role_arn", "heartbeat_email", "heartbeat_schedule_expression",
    "init_template_path", "cluster_yaml_path", "resolved_cli_config_path", "preflight_report_path", "cfn_stack_name",
}  # fmt: skip
RECORD_KEYS_BEYOND = {
    "post_create_warnings", "warnings", "status", "head_node_instance_id", "head_node_ip", "fsx_ids",
    "association_ids", "dyec_version", "pcluster_version", "schema_version", "next_command", "started_at",
    "updated_at", "next_run_path",
}  # fmt: skip
CALLS: dict[str, tuple[list[str], dict[str, object], int]] = {
    "dry_run": (["create-cluster", "-n", "majors", "-c", "/tmp/c.yaml", "--dryrun", "true"],
                {"message": DRY_RUN_PASSED}, 1),
    "create": (["create-cluster", "-n", "majors", "-c", "/tmp/c.yaml", "--rollback-on-failure", "true"],
               {"cluster": {"cloudformationStackArn": "arn"}}, 0),
    "failures": (["describe-cluster", "-n", "majors"], {"failures": []}, 0),
    "delete": (["delete-cluster", "-n", "majors"], {"cluster": {"clusterStatus": "DELETE_IN_PROGRESS"}}, 0),
}  # fmt: skip


@pytest.mark.weakness("W-09")
@pytest.mark.parametrize("kind", FILES)
def test_file_names(tmp_path: Path, kind: str) -> None:
    path: Path = getattr(ArtifactWriter(tmp_path, "lab", STAMP), kind)("text\n")
    assert (path.name, path.read_text(), path.stat().st_mode & 0o777) == (FILES[kind], "text\n", 0o600)


@pytest.mark.weakness("W-49")
def test_a_second_run_within_a_second_overwrites_nothing(tmp_path: Path) -> None:
    first, second = (ArtifactWriter(tmp_path, "lab", STAMP).cluster_yaml(text) for text in ("one", "two"))
    assert (first.read_text(), second.read_text()) == ("one", "two")


def test_stamps_are_14_digits_of_local_time(clock: FakeClock) -> None:
    assert file_stamp(clock.local()) == STAMP


@pytest.mark.weakness("W-22")
def test_one_variable_moves_everything(tmp_path: Path) -> None:
    assert config_dir({"HOME": "/home/me"}) == Path("/home/me/.config/daylily")
    assert config_dir({"HOME": "/home/me", "XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "daylily"


@pytest.mark.weakness("W-49")
@pytest.mark.parametrize("key", sorted(RECORD_KEYS | RECORD_KEYS_BEYOND))
def test_keys_of_the_record(key: str) -> None:
    assert key in {field.name for field in dataclasses.fields(RunRecord)}


def test_name_and_mode_of_the_record(tmp_path: Path) -> None:
    record = RunRecord(
        run_id="r", cluster_name="lab", region="us-west-2", region_az="us-west-2d", aws_profile="p", account_id="1",
        owner="o", config_hash="h", stamp=STAMP, started_at="t", updated_at="t",
    )  # fmt: skip
    path = StateStore(tmp_path).create(record)
    assert (path.name, path.stat().st_mode & 0o777) == (f"state_lab_{STAMP}.json", 0o600)
    assert StateStore(tmp_path).load(path) == record


@pytest.mark.parametrize("call", CALLS)
def test_how_pcluster_is_called(call: str) -> None:
    argv, answer, code = CALLS[call]
    program = Program(answer, returncode=code)
    api = Pcluster("lab", "us-west-2", run=program, env={"DYEC_PCLUSTER": "pcluster"})
    arguments = {"dry_run": (NAME, Path("/tmp/c.yaml")), "create": (NAME, Path("/tmp/c.yaml"))}.get(call, (NAME,))
    getattr(api, call)(*arguments, **({"rollback": True} if call == "create" else {}))
    called, environment = program.calls[0]
    assert called == ["pcluster", *argv, "--region", "us-west-2"]
    assert (environment["AWS_PROFILE"], environment["AWS_REGION"]) == ("lab", "us-west-2")


@pytest.mark.parametrize(("value", "stops"), [("1", True), ("0", False), ("", False), ("yes", False)])
def test_day_break(value: str, stops: bool) -> None:
    assert stop_after_dry_run({"DAY_BREAK": value}) is stops
