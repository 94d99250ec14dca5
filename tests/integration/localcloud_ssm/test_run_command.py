"""Run Command over HTTP with boto3: life of a command, outputs, errors."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud_ssm.conftest import Node, start_head_node


def code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_success(node: Node) -> None:
    seen = node.run("echo out", "echo err >&2", Comment="a test")
    assert (seen["Status"], seen["StatusDetails"], seen["ResponseCode"]) == ("Success", "Success", 0)
    assert (seen["StandardOutputContent"], seen["StandardErrorContent"]) == ("out\n", "err\n")
    assert (seen["PluginName"], seen["DocumentVersion"], seen["Comment"]) == (
        "aws:runShellScript", "$DEFAULT", "a test",
    )  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", seen["ExecutionStartDateTime"])
    assert re.fullmatch(r"PT\d+(\.\d{1,3})?S", seen["ExecutionElapsedTime"])
    assert seen["ExecutionEndDateTime"] >= seen["ExecutionStartDateTime"]


def test_exit_code(node: Node) -> None:
    seen = node.run("echo why >&2", "exit 7")
    assert (seen["Status"], seen["ResponseCode"]) == ("Failed", 7)
    assert seen["StandardErrorContent"] == "why\nfailed to run commands: exit status 7"


def test_new_command_is_unknown_to_reads_for_a_moment(node: Node) -> None:
    command_id = node.send("true")
    assert node.look(command_id) is None
    assert node.ssm.list_command_invocations(CommandId=command_id)["CommandInvocations"] == []
    assert node.wait(command_id)["Status"] == "Success"


def test_outputs_are_cut(node: Node) -> None:
    seen = node.run("head -c 23999 /dev/zero | tr '\\0' o", "head -c 9000 /dev/zero | tr '\\0' e >&2")
    assert seen["StandardOutputContent"] == "o" * 23_999
    assert len(seen["StandardErrorContent"]) == 8_000
    assert seen["StandardErrorContent"].endswith("e--output truncated--")
    assert node.run("head -c 24000 /dev/zero | tr '\\0' o")["StandardOutputContent"].endswith("o--output truncated--")


def test_complete_outputs_go_to_s3(node: Node) -> None:
    seen = node.run("head -c 30000 /dev/zero | tr '\\0' x", OutputS3BucketName="outputs", OutputS3KeyPrefix="runs/one")
    key = f"runs/one/{seen['CommandId']}/{node.instance_id}/awsrunShellScript/0.awsrunShellScript/stdout"
    assert node.s3.get_object(Bucket="outputs", Key=key)["Body"].read() == b"x" * 30_000
    assert seen["StandardOutputUrl"] == f"https://s3.us-west-2.amazonaws.com/outputs/{key}"
    stored = node.s3.list_objects_v2(Bucket="outputs", Prefix=f"runs/one/{seen['CommandId']}")
    assert stored["KeyCount"] == 1, "an empty stderr is not stored"


def test_execution_timeout(node: Node) -> None:
    seen = node.run("echo partial", "sleep 60", Parameters={"executionTimeout": ["5"]})
    assert (seen["Status"], seen["StatusDetails"], seen["ResponseCode"]) == ("TimedOut", "ExecutionTimedOut", 137)
    assert seen["StandardOutputContent"] == ""


def test_cancel(node: Node) -> None:
    command_id = node.send("sleep 60")
    node.wait(command_id, lambda seen: seen["Status"] == "InProgress")
    node.ssm.cancel_command(CommandId=command_id, InstanceIds=[node.instance_id])
    assert node.wait(command_id)["Status"] == "Cancelled"
    assert node.ssm.list_commands(CommandId=command_id)["Commands"][0]["Status"] == "Cancelled"
    assert code(node.ssm.cancel_command, CommandId=str(uuid.uuid4())) == "InvalidCommandId"


def test_working_directory(node: Node) -> None:
    seen = node.run("pwd", Parameters={"workingDirectory": ["/usr"]})
    assert seen["StandardOutputContent"] == "/usr\n"
    assert node.run("pwd", Parameters={"workingDirectory": ["/not there"]})["Status"] == "Failed"


def test_targets(node: Node) -> None:
    for target in ({"Key": "InstanceIds", "Values": [node.instance_id]}, {"Key": "tag:Name", "Values": ["HeadNode"]}):
        answer = node.ssm.send_command(
            DocumentName="AWS-RunShellScript", Targets=[target], Parameters={"commands": ["echo here"]}
        )["Command"]
        assert answer["InstanceIds"] == [node.instance_id]
        assert node.wait(answer["CommandId"])["StandardOutputContent"] == "here\n"


def test_agent_away(node: Node) -> None:
    node.run("true")
    (node.root / "offline").touch()
    listed = node.ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [node.instance_id]}])
    assert [item["PingStatus"] for item in listed["InstanceInformationList"]] == ["ConnectionLost"]
    command_id = node.send("echo late")
    assert node.wait(command_id, lambda seen: seen["Status"] == "Delayed")["ResponseCode"] == -1
    (node.root / "offline").unlink()
    assert node.wait(command_id)["StandardOutputContent"] == "late\n"


def test_without_sandbox_commands_say_why(node: Node) -> None:
    (node.root / "unavailable").write_text("bubblewrap is missing; run dyec local up --install")
    seen = node.run("true")
    assert (seen["Status"], seen["ResponseCode"]) == ("Failed", 1)
    assert "bubblewrap is missing; run dyec local up --install" in seen["StandardErrorContent"]


def test_lists(node: Node) -> None:
    ids = [node.run(f"echo {number}", "echo oops >&2")["CommandId"] for number in range(3)]
    page = node.ssm.list_command_invocations(InstanceId=node.instance_id, Details=True, MaxResults=2)
    assert [item["CommandId"] for item in page["CommandInvocations"]] == [ids[2], ids[1]]
    plugin = page["CommandInvocations"][0]["CommandPlugins"][0]
    assert (plugin["Name"], plugin["Output"]) == ("aws:runShellScript", "2\n\n----------ERROR-------\noops\n")
    assert page["CommandInvocations"][0]["InstanceName"] == "HeadNode"
    rest = node.ssm.list_command_invocations(InstanceId=node.instance_id, NextToken=page["NextToken"])
    assert rest["CommandInvocations"][0]["CommandId"] == ids[0]
    assert rest["CommandInvocations"][0]["CommandPlugins"] == []
    listed = node.ssm.list_commands(Filters=[{"key": "ExecutionStage", "value": "Complete"}], MaxResults=1)["Commands"]
    assert (listed[0]["CommandId"], listed[0]["CompletedCount"], listed[0]["ErrorCount"]) == (ids[2], 1, 0)
    assert node.ssm.list_commands(CommandId=str(uuid.uuid4()))["Commands"] == []


def send(node: Node, **change: Any) -> str:
    request = {
        "InstanceIds": [node.instance_id],
        "DocumentName": "AWS-RunShellScript",
        "Parameters": {"commands": ["true"]},
    }
    return code(node.ssm.send_command, **{**request, **change})


def test_refusals(node: Node) -> None:
    assert send(node, InstanceIds=["i-0123456789abcdef0"]) == "InvalidInstanceId"
    assert send(node, InstanceIds=[node.instance_id] * 2) == "DuplicateInstanceId"
    assert send(node, InstanceIds=[]) == "InvalidInstanceId"
    assert send(node, DocumentName="AWS-RunNothing") == "InvalidDocument"
    assert send(node, DocumentName="SSM-SessionManagerRunShell") == "InvalidDocument"
    assert send(node, DocumentVersion="7") == "InvalidDocumentVersion"
    assert send(node, Comment="c" * 101) == "ValidationException"
    assert send(node, TimeoutSeconds=2_592_001) == "ValidationException"
    assert send(node, Parameters={}) == "InvalidParameters"
    assert send(node, Parameters={"commands": ["true"], "colour": ["red"]}) == "InvalidParameters"
    assert send(node, Parameters={"commands": ["true"], "executionTimeout": ["172801"]}) == "InvalidParameters"
    assert send(node, Parameters={"commands": ["x" * 99_000]}) == "MaxDocumentSizeExceeded"
    assert send(node, OutputS3BucketName="no-such-bucket") == "InvalidOutputFolder"
    assert send(node, Targets=[{"Key": "colour", "Values": ["red"]}]) == "ValidationException"


def test_bad_reads(node: Node) -> None:
    command_id = node.run("true")["CommandId"]
    look = node.ssm.get_command_invocation
    assert code(look, CommandId=command_id, InstanceId="i-0123456789abcdef0") == "InvocationDoesNotExist"
    assert code(look, CommandId="x" * 36, InstanceId=node.instance_id) == "InvalidCommandId"
    assert code(look, CommandId=command_id, InstanceId=node.instance_id, PluginName="aws:no") == "InvalidPluginName"
    assert code(node.ssm.list_commands, Filters=[{"key": "Colour", "value": "red"}]) == "InvalidFilterKey"
    assert code(node.ssm.list_commands, NextToken="next") == "InvalidNextToken"
    assert (
        code(node.ssm.describe_instance_information, Filters=[{"Key": "Colour", "Values": ["x"]}]) == "InvalidFilterKey"
    )


def test_instance_information(node: Node) -> None:
    filters = [{"key": "InstanceIds", "valueSet": [node.instance_id]}]
    (seen,) = node.ssm.describe_instance_information(InstanceInformationFilterList=filters)["InstanceInformationList"]
    assert (seen["PingStatus"], seen["PlatformName"], seen["ResourceType"]) == ("Online", "Ubuntu", "EC2Instance")
    assert (seen["SourceId"], seen["SourceType"]) == (node.instance_id, "AWS::EC2::Instance")
    unknown = [{"Key": "InstanceIds", "Values": ["i-0123456789abcdef0"]}]
    assert node.ssm.describe_instance_information(Filters=unknown)["InstanceInformationList"] == []


def test_a_node_is_managed_from_its_first_ping_until_it_is_gone(node: Node) -> None:
    (node.root / "offline").touch()
    fresh = start_head_node(node.ec2)
    filters = [{"Key": "InstanceIds", "Values": [fresh]}]
    try:
        assert node.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"] == []
        assert send(node, InstanceIds=[fresh]) == "InvalidInstanceId"
        (node.root / "offline").unlink()
        (seen,) = node.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        assert seen["PingStatus"] == "Online"
    finally:
        node.ec2.terminate_instances(InstanceIds=[fresh])
    assert node.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"] == []
    assert send(node, InstanceIds=[fresh]) == "InvalidInstanceId"


def test_documents(node: Node) -> None:
    got = node.ssm.get_document(Name="SSM-SessionManagerRunShell")
    preferences = json.loads(got["Content"])
    assert got["DocumentType"] == "Session"
    assert (preferences["inputs"]["runAsEnabled"], preferences["inputs"]["runAsDefaultUser"]) == (True, "ubuntu")
    assert "bash -l" in preferences["inputs"]["shellProfile"]["linux"]
    described = node.ssm.describe_document(Name="AWS-RunShellScript")["Document"]
    assert (described["Owner"], described["DocumentType"], described["Status"]) == ("Amazon", "Command", "Active")
    assert {item["Name"] for item in described["Parameters"]} == {"commands", "workingDirectory", "executionTimeout"}
    assert code(node.ssm.get_document, Name="SSM-NoSuchDocument") == "InvalidDocument"
