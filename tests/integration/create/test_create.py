"""`dyec create` with the real pcluster against the local cloud: plan, create, refuse, resume, fail."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import signal
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from tests.integration.create.desk import Operator

pytestmark = pytest.mark.e2e


def wait_for(condition: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_plan_shows_everything_and_changes_nothing(operator: Operator) -> None:
    operator.mutations()
    ended = operator.create("plan-only", "--dry-run")
    assert ended.code == 0, ended.err
    assert operator.mutations() == []
    plan = ended.document
    steps = {step["name"]: step for step in plan["steps"]}
    assert {name: step["action"] for name, step in steps.items() if step["action"] != "CREATE"} == {
        "spot-policy": "UNCHANGED"
    }
    assert list(steps) == [
        "network", "node-policy", "spot-policy", "boot-config", "budget-cluster", "budget-global", "budget-projects",
        "cluster", "scheduler-role", "heartbeat-topic", "heartbeat-subscription", "heartbeat-schedule",
    ]  # fmt: skip
    assert "<from network>" in steps["cluster"]["description"]
    assert steps["cluster"]["waits_for"] == ["network", "node-policy"]
    assert steps["heartbeat-schedule"]["waits_for"] == ["heartbeat-topic", "scheduler-role"]
    document = yaml.safe_load(plan["cluster_yaml"])
    assert document["HeadNode"]["Networking"]["SubnetId"] == "<from network>"
    assert "CALCULATE" not in plan["cluster_yaml"].split("SlurmQueues")[1]
    assert not list(operator.directory.glob("state_*"))


def test_day_break_stops_after_pcluster_s_dry_run(operator: Operator) -> None:
    ended = operator.create("stopped", DAY_BREAK="1")
    assert ended.code == 0, ended.err
    assert ended.document["status"] == "STOPPED"
    assert operator.stacks() == ["pcluster-vpc-stack-2d"]
    assert operator.record("stopped")["status"] == "STOPPED"


def test_the_next_run_file_gives_the_same_cluster_configuration(operator: Operator) -> None:
    first = operator.create("again", DAY_BREAK="1")
    assert first.code == 0, first.err
    next_run = operator.record("again")["next_run_path"]
    again = operator.dyec("create", "--region-az", "us-west-2d", "--config", next_run, "--non-interactive",
                          "--pass-on-warn", "--json", DAY_BREAK="1")  # fmt: skip
    assert again.code == 0, again.err
    one, two = (re.sub(r'(Key: "dyec:.*\n.*Value: ).*', r"\1", Path(ended.document["cluster_yaml_path"]).read_text())
                for ended in (first, again))  # fmt: skip
    assert one == two


@pytest.mark.weakness("W-61")
def test_a_cluster_is_created_recorded_and_usable_by_pcluster_s_own_commands(operator: Operator) -> None:
    ended = operator.create("majors")
    assert ended.code == 0, ended.err
    result, record = ended.document, operator.record("majors")
    assert (result["status"], result["outcome"], record["status"]) == ("CREATE_COMPLETE", "CREATED", "COMPLETE")
    assert result["next_command"] == "dyec headnode connect --profile daylily-local --region us-west-2 --cluster majors"
    assert record["head_node_instance_id"].startswith("i-")
    assert len(record["fsx_ids"]) == 1
    assert len(record["association_ids"]) == 2
    (stack,) = operator.client("cloudformation").describe_stacks(StackName="majors")["Stacks"]
    tags = {tag["Key"]: tag["Value"] for tag in stack["Tags"]}
    assert tags["dyec:run-id"] == record["run_id"]
    assert tags["dyec:owner"] == record["owner"]
    assert tags["aws-parallelcluster-username"] == "ann-daylily-local"
    project = "da-us-west-2d-majors"
    assert {tags["aws-parallelcluster-project"], record["cluster_budget_name"]} == {project}
    assert record["global_budget_name"] == "daylily-global"
    assert record["heartbeat_schedule_name"] == "daylily-majors-heartbeat"
    assert record["heartbeat_topic_arn"].endswith(":daylily-majors-heartbeat")
    assert record["heartbeat_role_arn"].endswith(":role/eventbridge-scheduler-to-sns")
    (later,) = record["post_create_warnings"]
    assert later.startswith("The head node was not configured: ")  # it is only pretended here
    assert "dyec headnode configure --region us-west-2 --cluster majors" in later
    stamp = record["stamp"]
    names = (
        "cluster_{}.yaml.init",
        "init_template_{}.yaml",
        "cluster_{}.yaml",
        "next_run_{}.yaml",
        "resolved_cli_{}.yaml",
    )
    for name in [f"majors_{name.format(stamp)}" for name in names] + [f"journal_majors_{stamp}.jsonl"]:
        assert (operator.directory / name).stat().st_mode & 0o777 == 0o600
    by_hand = operator.pcluster("create-cluster", "-n", "byhand", "-c", record["cluster_yaml_path"])
    assert by_hand["cluster"]["clusterStatus"] == "CREATE_IN_PROGRESS"
    waited = operator.dyec("cluster", "wait", "--cluster", "byhand", "--region", "us-west-2", "--json",
                           "--poll-interval", "1")  # fmt: skip
    assert waited.document["status"] == "CREATE_COMPLETE"


def test_list_and_describe_show_it_without_a_pcluster_process(operator: Operator) -> None:
    broken = {"DYEC_PCLUSTER": str(operator.directory / "absent")}
    rows = operator.dyec(
        "cluster", "list", "--region", "us-west-2", "--region", "us-east-1", "--json", **broken
    ).document
    row = next(row for row in rows["clusters"] if row["name"] == "majors")
    assert (row["status"], row["region"]) == ("CREATE_COMPLETE", "us-west-2")
    assert row["owner"] == operator.record("majors")["owner"]
    view = operator.dyec(
        "cluster", "describe", "--cluster", "majors", "--region", "us-west-2", "--json", **broken
    ).document
    assert view["head_node"]["state"] == "running"
    assert view["file_system_ids"] == operator.record("majors")["fsx_ids"]


@pytest.mark.weakness("W-01")
def test_what_is_missing_around_a_complete_cluster_is_made_by_the_same_command(operator: Operator) -> None:
    before, stacks = operator.record("majors"), operator.stacks()
    operator.mutations()
    unchanged = operator.create("majors")
    assert (unchanged.code, unchanged.document["outcome"]) == (0, "UNCHANGED"), unchanged.err
    # These head nodes answer nothing, so they were never configured: each run asks them again.
    assert set(operator.mutations()) <= {"ssm:SendCommand"}
    operator.client("scheduler").delete_schedule(Name=before["heartbeat_schedule_name"])
    operator.mutations()
    ended = operator.create("majors")
    assert (ended.code, ended.document["outcome"]) == (0, "UNCHANGED"), ended.err
    assert "heartbeat-schedule: CREATED" in ended.err
    assert set(operator.mutations()) == {"scheduler:CreateSchedule", "ssm:SendCommand"}
    after = operator.record("majors")
    changed = {key for key in before if before[key] != after[key]}
    assert (changed - {"updated_at"}, operator.stacks()) == (set(), stacks)


def test_the_name_of_an_existing_cluster_is_one_clear_error(operator: Operator) -> None:
    operator.mutations()
    ended = operator.dyec(*operator.command("majors", max_count_8I="2"))
    assert ended.code == 1
    error = ended.document["error"]
    assert error["code"] == "cluster_exists"
    record = operator.record("majors")
    for fact in (record["owner"], record["cluster_stack_id"], "CREATE_COMPLETE"):
        assert fact in error["message"]
    assert operator.mutations() == []


def test_killed_during_the_wait_and_run_again_it_goes_on_with_the_same_cluster(operator: Operator) -> None:
    operator.control("POST", "boot", {"cluster": "killed", "delay": 20})
    child = operator.start(*operator.command("killed"))
    wait_for(
        lambda: any(operator.directory.glob("state_killed_*")) and operator.record("killed")["status"] != "STARTED"
    )
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    before = operator.record("killed")
    assert before["status"] == "SUBMITTED"
    (stack,) = operator.client("cloudformation").describe_stacks(StackName="killed")["Stacks"]
    ended = operator.create("killed")
    assert ended.code == 0, ended.err
    after = operator.record("killed")
    assert (ended.document["outcome"], after["status"]) == ("ADOPTED", "COMPLETE")
    assert (after["run_id"], after["cluster_stack_id"]) == (before["run_id"], stack["StackId"])
    assert operator.stacks().count("killed") == 1


def test_a_boot_script_that_exits_7_is_named_in_the_first_lines(operator: Operator) -> None:
    operator.control(
        "POST", "boot", {"cluster": "broken", "fail": {"exit_code": 7, "tail": ["mounting", "no such disk"]}}
    )
    child = operator.dyec(*[word for word in operator.command("broken") if word != "--json"])
    assert child.code == 2
    lines = child.err.split("Error: ")[1].splitlines()
    assert "post_install_ubuntu_combined.sh failed with exit code 7" in lines[0]
    assert lines[2:4] == ["  | mounting", "  | no such disk"]
    # pcluster reads the first page of stack events only; once a rollback has filled it, its code is the general one.
    assert re.search(
        r"^ParallelCluster: (OnNodeConfiguredExecutionFailure|ClusterCreationFailure)", child.err, re.MULTILINE
    )
    assert "Failed to execute OnNodeConfigured script" in child.err
    assert operator.record("broken")["status"] == "FAILED"


def test_a_missing_policy_yields_pcluster_s_own_message(operator: Operator) -> None:
    policy = "arn:aws:iam::123456789012:policy/absent"
    ended = operator.dyec(*operator.command("no-policy", iam_policy_arn=policy))
    assert ended.code == 2
    error = ended.document["error"]
    assert error["code"] == "cluster_config_refused"
    assert "AdditionalIamPolicyValidator" in error["message"]
    assert policy in error["message"]
    assert "no-policy" not in operator.stacks()


def test_pcluster_s_installed_files_are_the_published_ones() -> None:
    distribution = metadata.distribution("aws-parallelcluster")
    record = distribution.read_text("RECORD")
    assert record is not None
    checked = 0
    for name, digest, _ in csv.reader(record.splitlines()):
        if digest.startswith("sha256=") and name.startswith("pcluster/"):
            content = Path(str(distribution.locate_file(name))).read_bytes()
            found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert digest == f"sha256={found}", name
            checked += 1
    assert checked > 100
