"""FSx over HTTP: every answer has botocore's shape, bytes go through the account's real buckets."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud_aws.conftest import Cloud, eventually

REPORT = {"Format": "REPORT_CSV_20191124", "Scope": "FAILED_FILES_ONLY", "Enabled": True}
Document = dict[str, Any]


def code_of(call: Callable[..., object], **arguments: Any) -> str:
    """The error code of a call that has to fail."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


class Account:
    """A bucket and a subnet in the cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.fsx, self.s3, self.ec2 = (cloud.client(name) for name in ("fsx", "s3", "ec2"))
        self.bucket = f"bucket-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]

    def put(self, key: str, body: bytes, **facts: Any) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **facts)

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found]

    def make_file_system(self) -> Document:
        made = self.fsx.create_file_system(
            FileSystemType="LUSTRE",
            StorageCapacity=1200,
            SubnetIds=[self.subnet],
            LustreConfiguration={"DeploymentType": "SCRATCH_2"},
            Tags=[{"Key": "Name", "Value": "test"}],
        )["FileSystem"]
        assert made["Lifecycle"] == "CREATING"
        found: Document = eventually(lambda: self.file_system(made["FileSystemId"]), is_available)
        return found

    def file_system(self, identity: str) -> Document:
        found: Document = self.fsx.describe_file_systems(FileSystemIds=[identity])["FileSystems"][0]
        return found

    def root(self, identity: str) -> Path:
        return self.cloud.layout.root / "fsx" / identity

    def link(self, identity: str, path: str, prefix: str, until: str = "AVAILABLE", **more: Any) -> str:
        made = self.fsx.create_data_repository_association(
            FileSystemId=identity, FileSystemPath=path, DataRepositoryPath=f"s3://{self.bucket}/{prefix}", **more
        )["Association"]
        eventually(lambda: self.association(made["AssociationId"]), lambda found: found["Lifecycle"] == until)
        return str(made["AssociationId"])

    def association(self, identity: str) -> Document:
        answer = self.fsx.describe_data_repository_associations(AssociationIds=[identity])
        found: Document = answer["Associations"][0]
        return found

    def run_task(self, identity: str, kind: str, path: str, report: str) -> Document:
        made = self.fsx.create_data_repository_task(
            FileSystemId=identity,
            Type=kind,
            Paths=[path],
            Report={**REPORT, "Path": f"s3://{self.bucket}/{report}"},
            Tags=[{"Key": "a", "Value": "b"}],
        )["DataRepositoryTask"]
        assert made["Lifecycle"] == "PENDING"
        return self.finished(made["TaskId"])

    def finished(self, task: str) -> Document:
        def read() -> Document:
            found: Document = self.fsx.describe_data_repository_tasks(TaskIds=[task])["DataRepositoryTasks"][0]
            return found

        done: Document = eventually(read, lambda found: found["Lifecycle"] in ("SUCCEEDED", "FAILED", "CANCELED"))
        return done


def is_available(found: Document) -> bool:
    return bool(found["Lifecycle"] == "AVAILABLE")


@pytest.fixture(scope="module")
def account(cloud: Cloud) -> Account:
    return Account(cloud)


@pytest.fixture
def fs(account: Account) -> Iterator[str]:
    identity = account.make_file_system()["FileSystemId"]
    yield identity
    account.fsx.delete_file_system(FileSystemId=identity)


def test_a_file_system_has_a_place_in_the_network(account: Account) -> None:
    made = account.make_file_system()
    assert made["VpcId"] == account.vpc
    assert re.fullmatch(r"fs-[0-9a-f]{17}", made["FileSystemId"])
    interfaces = account.ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])
    assert interfaces["NetworkInterfaces"][0]["SubnetId"] == account.subnet
    account.fsx.delete_file_system(FileSystemId=made["FileSystemId"])

    def gone() -> str:
        try:
            return str(account.file_system(made["FileSystemId"])["Lifecycle"])
        except ClientError as error:
            return str(error.response["Error"]["Code"])

    eventually(gone, lambda seen: seen == "FileSystemNotFound")
    assert not account.root(made["FileSystemId"]).exists()
    asked = {"NetworkInterfaceIds": made["NetworkInterfaceIds"]}
    assert code_of(account.ec2.describe_network_interfaces, **asked) == "InvalidNetworkInterfaceID.NotFound"


def test_bytes_come_and_go(account: Account, fs: str) -> None:
    account.put("in/a/reads.fastq.gz", b"ACGT", Metadata={"file-permissions": "0100640", "file-mtime": "5000000000ns"})
    account.put("in/../../evil", b"1")
    first = account.link(
        fs, "/in/", "in/", BatchImportMetaDataOnCreate=True, S3={"AutoImportPolicy": {"Events": ["NEW", "DELETED"]}}
    )
    assert re.fullmatch(r"dra-[0-9a-f]{17}", first)
    reads = account.root(fs) / "in/a/reads.fastq.gz"
    assert (reads.read_bytes(), reads.stat().st_mtime) == (b"ACGT", 5)
    account.put("in/late", b"later")
    eventually((account.root(fs) / "in/late").exists, bool, 20)
    account.s3.delete_object(Bucket=account.bucket, Key="in/late")
    eventually((account.root(fs) / "in/late").exists, lambda there: not there, 20)

    second = account.link(fs, "/out/", "out/")
    out = account.root(fs) / "out"
    (out / "sub").mkdir()
    (out / "sub" / "result").write_bytes(b"x" * 3_000_000)
    (out / "last").symlink_to("sub/result")
    task = account.run_task(fs, "EXPORT_TO_REPOSITORY", "/out/", "out/report")
    assert re.fullmatch(r"task-[0-9a-f]{17}", task["TaskId"])
    assert (task["Lifecycle"], task["Status"]["SucceededCount"]) == ("SUCCEEDED", 3)
    assert account.keys("out/") == ["out/last", "out/sub/", "out/sub/result"]
    stored = account.s3.head_object(Bucket=account.bucket, Key="out/sub/result")
    assert stored["ContentLength"] == 3_000_000
    assert stored["Metadata"]["file-permissions"] == "0100644"
    account.fsx.delete_data_repository_association(AssociationId=second, DeleteDataInFileSystem=True)
    asked = {"AssociationIds": [second]}
    eventually(
        lambda: account.fsx.describe_data_repository_associations()["Associations"],
        lambda found: [one["AssociationId"] for one in found] == [first],
    )
    assert code_of(account.fsx.describe_data_repository_associations, **asked) == "DataRepositoryAssociationNotFound"
    assert not out.exists()


def test_failures_are_reported_in_the_bucket(account: Account, fs: str) -> None:
    account.link(fs, "/fail/", "fail/")
    deep = account.root(fs).joinpath("fail", *["n" * 250] * 4)
    deep.mkdir(parents=True)
    (deep / ("x" * 30)).touch()
    task = account.run_task(fs, "EXPORT_TO_REPOSITORY", "/fail/", "fail/report")
    assert task["Lifecycle"] == "FAILED"
    assert task["FailureDetails"]["Message"]
    key = f"fail/report/{task['TaskId']}/failures.csv"
    report = account.s3.get_object(Bucket=account.bucket, Key=key)["Body"].read()
    assert report.endswith(b",failed,PathSizeTooLong\n")


def test_a_bucket_policy_can_deny_the_export(account: Account, fs: str) -> None:
    account.link(fs, "/deny/", "deny/")
    (account.root(fs) / "deny" / "file").touch()
    where = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    statement = {**where, "Resource": f"arn:aws:s3:::{account.bucket}/deny/file"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account.s3.put_bucket_policy(Bucket=account.bucket, Policy=policy)
    try:
        task = account.run_task(fs, "EXPORT_TO_REPOSITORY", "/deny/", "deny/report")
    finally:
        account.s3.delete_bucket_policy(Bucket=account.bucket)
    key = f"deny/report/{task['TaskId']}/failures.csv"
    report = account.s3.get_object(Bucket=account.bucket, Key=key)["Body"].read()
    assert report == b"deny/file,failed,S3AccessDenied\n"


@pytest.mark.parametrize(
    ("role", "lifecycle"),
    [("s3.data-source.lustre.fsx.amazonaws.com/AWSServiceRoleForFSxS3Access_*", "MISCONFIGURED"),
     ("ecs.amazonaws.com/AWSServiceRoleForECS", "AVAILABLE")],
)  # fmt: skip
def test_a_bucket_policy_can_shut_out_fsx_and_nobody_else(account: Account, fs: str, role: str, lifecycle: str) -> None:
    principal = {"AWS": [f"arn:aws:iam::*:role/aws-service-role/{role}"]}
    statement = {"Effect": "Deny", "Principal": principal, "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    account.s3.put_bucket_policy(Bucket=account.bucket, Policy=policy)
    try:
        account.link(fs, f"/{lifecycle}/", f"{lifecycle}/", until=lifecycle)
        account.put("of-a-user", b"1")
    finally:
        account.s3.delete_bucket_policy(Bucket=account.bucket)


def test_what_fsx_does_itself_is_not_in_the_request_log(account: Account, fs: str) -> None:
    account.put("quiet/file", b"1")
    account.link(fs, "/quiet/", "quiet/", BatchImportMetaDataOnCreate=True)
    (account.root(fs) / "quiet" / "new").touch()
    before = len(account.cloud.calls())
    account.run_task(fs, "EXPORT_TO_REPOSITORY", "/quiet/", "quiet/report")
    actions = {(call["service"], call["action"]) for call in account.cloud.calls()[before:]}
    assert actions == {("fsx", "CreateDataRepositoryTask"), ("fsx", "DescribeDataRepositoryTasks")}
    assert "quiet/new" in account.keys("quiet/")


def test_errors_have_their_own_codes(account: Account, fs: str) -> None:
    fsx, report = account.fsx, {"Enabled": False}
    export = {"Type": "EXPORT_TO_REPOSITORY", "Report": report}
    link = {"FileSystemId": fs, "FileSystemPath": "/e/", "DataRepositoryPath": f"s3://{account.bucket}/e/"}
    lost = "fs-0123456789abcdef0"
    assert code_of(fsx.describe_file_systems, FileSystemIds=[lost]) == "FileSystemNotFound"
    assert code_of(fsx.create_data_repository_association, **{**link, "FileSystemId": lost}) == "FileSystemNotFound"
    assert code_of(fsx.create_data_repository_task, FileSystemId=lost, **export) == "FileSystemNotFound"
    assert code_of(fsx.create_data_repository_task, FileSystemId=fs, **export) == "BadRequest"
    task = {"TaskIds": ["task-0123456789abcdef0"]}
    assert code_of(fsx.describe_data_repository_tasks, **task) == "DataRepositoryTaskNotFound"
    association = {"AssociationId": "dra-0123456789abcdef0"}
    assert code_of(fsx.delete_data_repository_association, **association) == "DataRepositoryAssociationNotFound"
    made = account.link(fs, "/e/", "e/", ClientRequestToken="same")
    again = fsx.create_data_repository_association(**link, ClientRequestToken="same")
    assert again["Association"]["AssociationId"] == made
    changed = {**link, "FileSystemPath": "/f/", "ClientRequestToken": "same"}
    assert code_of(fsx.create_data_repository_association, **changed) == "IncompatibleParameterError"
    assert code_of(fsx.create_data_repository_association, **link) == "BadRequest"
    subnet = {"FileSystemType": "LUSTRE", "StorageCapacity": 1200, "SubnetIds": ["subnet-0123456789abcdef0"]}
    assert code_of(fsx.create_file_system, **subnet, LustreConfiguration={}) == "InvalidNetworkSettings"
    assert code_of(fsx.create_file_system, **{**subnet, "StorageCapacity": 1300}) == "BadRequest"
    assert code_of(fsx.create_file_system, **{**subnet, "FileSystemType": "WINDOWS"}) == "UnsupportedOperation"


def test_tags_and_updates_have_the_right_shapes(account: Account, fs: str) -> None:
    fsx, arn = account.fsx, account.file_system(fs)["ResourceARN"]
    fsx.tag_resource(ResourceARN=arn, Tags=[{"Key": "k", "Value": ""}])
    fsx.untag_resource(ResourceARN=arn, TagKeys=["Name"])
    assert fsx.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": ""}]
    fsx.update_file_system(FileSystemId=fs, LustreConfiguration={"DataCompressionType": "LZ4"})
    made = account.link(fs, "/u/", "u/")
    policy = {"AutoExportPolicy": {"Events": ["NEW"]}}
    fsx.update_data_repository_association(AssociationId=made, S3=policy)
    eventually(lambda: account.association(made), is_available)
    (account.root(fs) / "u" / "by-itself").touch()
    eventually(lambda: account.keys("u/"), lambda keys: keys == ["u/by-itself"])


def test_a_task_can_be_cancelled(account: Account, fs: str) -> None:
    account.link(fs, "/c/", "c/")
    made = account.fsx.create_data_repository_task(
        FileSystemId=fs, Type="EXPORT_TO_REPOSITORY", Paths=["/c/"], Report={"Enabled": False}
    )["DataRepositoryTask"]["TaskId"]
    assert account.fsx.cancel_data_repository_task(TaskId=made)["Lifecycle"] == "CANCELING"
    assert account.finished(made)["Lifecycle"] == "CANCELED"
    assert code_of(account.fsx.cancel_data_repository_task, TaskId=made) == "DataRepositoryTaskEnded"


def test_the_paginator_finds_everything(account: Account, fs: str) -> None:
    pages = list(account.fsx.get_paginator("describe_file_systems").paginate(PaginationConfig={"PageSize": 1}))
    assert fs in [found["FileSystemId"] for page in pages for found in page["FileSystems"]]
    assert all(len(page["FileSystems"]) <= 1 for page in pages)


def test_a_stack_makes_the_same_things(account: Account) -> None:
    account.put("stack/reference.fa", b">chr1")
    link = {
        "FileSystemId": {"Ref": "Fs"},
        "FileSystemPath": "/references/",
        "DataRepositoryPath": f"s3://{account.bucket}/stack/",
        "BatchImportMetaDataOnCreate": True,
        "S3": {"AutoImportPolicy": {"Events": ["NEW", "CHANGED", "DELETED"]}},
    }
    disk = {
        "FileSystemType": "LUSTRE",
        "StorageCapacity": 1200,
        "SubnetIds": [account.subnet],
        "LustreConfiguration": {"DeploymentType": "SCRATCH_2"},
    }
    resources = {
        "Fs": {"Type": "AWS::FSx::FileSystem", "Properties": disk},
        "Link": {"Type": "AWS::FSx::DataRepositoryAssociation", "Properties": link},
    }
    name = f"stack-{uuid.uuid4().hex[:8]}"
    stacks = account.cloud.client("cloudformation")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    eventually(
        lambda: stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"],
        lambda status: status != "CREATE_IN_PROGRESS",
    )
    physical = {
        row["LogicalResourceId"]: row["PhysicalResourceId"]
        for row in stacks.describe_stack_resources(StackName=name)["StackResources"]
    }
    assert account.association(physical["Link"])["FileSystemId"] == physical["Fs"]
    assert (account.root(physical["Fs"]) / "references/reference.fa").read_bytes() == b">chr1"
    stacks.delete_stack(StackName=name)
    eventually((account.root(physical["Fs"])).exists, lambda there: not there)


def test_a_reset_removes_file_systems_and_their_bytes(cloud: Cloud) -> None:
    account = Account(cloud)
    root = account.root(account.make_file_system()["FileSystemId"])
    assert root.exists()
    cloud.control("POST", "reset")
    assert cloud.client("fsx").describe_file_systems()["FileSystems"] == []
    assert not root.exists()
    again = Account(cloud).make_file_system()
    assert cloud.client("fsx").describe_file_systems()["FileSystems"][0]["FileSystemId"] == again["FileSystemId"]
