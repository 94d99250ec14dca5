"""The control path: request log, latency, git."""

from __future__ import annotations

import subprocess
import time
import urllib.error
from pathlib import Path

import pytest

from tests.integration.localcloud_aws.conftest import Cloud

KEY = "AKIALOCALDAYLILY2026"


def test_request_log_names_every_call_in_order(cloud: Cloud) -> None:
    s3, bucket = cloud.client("s3"), "logged-bucket"
    cloud.control("DELETE", "requests")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/a/b")
    s3.list_objects_v2(Bucket=bucket)
    s3.get_bucket_location(Bucket=bucket)
    cloud.client("ec2").describe_vpcs()
    cloud.client("dynamodb").list_tables()
    cloud.client("lambda").list_functions()
    cloud.client("cloudwatch").describe_alarms()
    with pytest.raises(s3.exceptions.ClientError):
        s3.head_object(Bucket=bucket, Key="missing")
    calls = cloud.calls()
    assert [(one["service"], one["action"], one["status"]) for one in calls] == [
        ("s3", "CreateBucket", 200),
        ("s3", "PutObject", 200),
        ("s3", "CopyObject", 200),
        ("s3", "ListObjectsV2", 200),
        ("s3", "GetBucketLocation", 200),
        ("ec2", "DescribeVpcs", 200),
        ("dynamodb", "ListTables", 200),
        ("lambda", "ListFunctions", 200),
        ("cloudwatch", "DescribeAlarms", 200),
        ("s3", "HeadObject", 404),
    ]
    assert {one["caller"] for one in calls} == {KEY}
    assert [one["number"] for one in calls] == sorted(one["number"] for one in calls)
    assert cloud.layout.requests.read_text() == cloud.control("GET", "requests")


def test_latency_slows_every_call(cloud: Cloud) -> None:
    sts = cloud.client("sts")
    cloud.control("POST", "latency", {"ms": 300})
    began = time.monotonic()
    sts.get_caller_identity()
    slow = time.monotonic() - began
    cloud.control("POST", "latency", {"ms": 0})
    assert slow >= 0.3


def test_git_clones_over_the_control_path(cloud: Cloud, tmp_path: Path) -> None:
    work, bare = tmp_path / "work", cloud.layout.git / "tool.git"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(work)]
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    (work / "Snakefile").write_text("rule all:\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    subprocess.run([*git, "tag", "1.0"], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True)
    clone = tmp_path / "clone"
    url = f"{cloud.endpoint}/_dyec/git/tool.git"
    subprocess.run(["git", "clone", "-q", "--branch", "1.0", url, str(clone)], check=True, capture_output=True)
    assert (clone / "Snakefile").read_text() == "rule all:\n"


@pytest.mark.parametrize("name", ["git/../server.json", "git/tool.git/../../aws/credentials", "git/", "nothing"])
def test_control_path_serves_nothing_else(cloud: Cloud, name: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        cloud.control("GET", name)
    assert caught.value.code == 404


def test_bad_control_request_is_refused(cloud: Cloud) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        cloud.control("POST", "quota", {"service": "ec2"})
    assert caught.value.code == 400


def test_run_command_can_be_given_its_answer(cloud: Cloud) -> None:
    cloud.control("POST", "ssm", {"answer": {"stdout": "ready\n"}})
    cloud.control("POST", "ssm", {"answer": None})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        cloud.control("POST", "ssm", {})
