"""The FSx module against botocore's own model: parameters and answers are checked by its stubber."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from daylily_ec.aws.context import AwsContext, Client
from daylily_ec.aws.fsx import AssociationLifecycle, AssociationSpec, Fsx, TaskLifecycle
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError

FS = "fs-0123456789abcdef0"
DRA: dict[str, Any] = {
    "AssociationId": "dra-0123456789abcdef0", "FileSystemId": FS, "Lifecycle": "AVAILABLE",
    "FileSystemPath": "/run_dir_mounts/R1", "DataRepositoryPath": "s3://runs/R1", "BatchImportMetaDataOnCreate": True,
    "S3": {"AutoImportPolicy": {"Events": ["NEW"]}}, "Tags": [{"Key": "Name", "Value": "R1"}],
    "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
}  # fmt: skip
TASK: dict[str, Any] = {
    "TaskId": "task-0123456789abcdef0", "Lifecycle": "EXECUTING", "Type": "EXPORT_TO_REPOSITORY", "FileSystemId": FS,
    "CreationTime": datetime(2026, 1, 1, tzinfo=UTC), "Paths": ["/a/"],
    "Status": {"TotalCount": 9, "SucceededCount": 5, "FailedCount": 1},
    "Report": {"Enabled": True, "Path": "s3://b1b/r/", "Format": "REPORT_CSV_20191124", "Scope": "FAILED_FILES_ONLY"},
}  # fmt: skip


class Stubbed(AwsContext):
    """A context whose FSx client answers from a script and never connects."""

    def __init__(self) -> None:
        super().__init__(None, "us-west-2")
        raw = cast("Any", boto3).client(
            "fsx", region_name="us-west-2", aws_access_key_id="x", aws_secret_access_key="y"
        )
        self.stub: Any = cast("Any", Stubber)(raw)
        self.stub.activate()
        self._fsx = Client("fsx", raw)

    def client(self, service: str, region: str | None = None) -> Client:
        return self._fsx


@pytest.fixture
def context() -> Stubbed:
    return Stubbed()


def test_all_pages_of_all_lifecycles_by_path(context: Stubbed) -> None:
    filters = [{"Name": "file-system-id", "Values": [FS]}]
    failed = {**DRA, "AssociationId": "dra-0fffffffffffffff0", "Lifecycle": "FAILED", "FileSystemPath": "/a",
              "FailureDetails": {"Message": "why"}}  # fmt: skip
    operation = "describe_data_repository_associations"
    context.stub.add_response(operation, {"Associations": [DRA], "NextToken": "bmV4dA=="}, {"Filters": filters})
    context.stub.add_response(operation, {"Associations": [failed]}, {"Filters": filters, "NextToken": "bmV4dA=="})
    first, second = Fsx(context).associations(FS)
    assert (first.lifecycle, first.state) == (AssociationLifecycle.FAILED, "FAILED (why)")
    assert (second.path.value, str(second.source)) == ("/run_dir_mounts/R1/", "s3://runs/R1/")
    assert (second.auto_import, second.auto_export, second.tags) == (("NEW",), (), {"Name": "R1"})


def test_creation_carries_token_and_tags_in_the_same_call(context: Stubbed) -> None:
    spec = AssociationSpec(FS, FsxPath("/m/"), S3Prefix("runs", "R1/"), {"b": "2", "a": "1"}, ("NEW",), (), True)
    expected = {
        "FileSystemId": FS, "FileSystemPath": "/m/", "DataRepositoryPath": "s3://runs/R1/", "ClientRequestToken": "tok",
        "BatchImportMetaDataOnCreate": True, "S3": {"AutoImportPolicy": {"Events": ["NEW"]}},
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    }  # fmt: skip
    context.stub.add_response("create_data_repository_association", {"Association": DRA}, expected)
    assert Fsx(context).create_association(spec, "tok").id == DRA["AssociationId"]


@pytest.mark.parametrize("code", ["DataRepositoryAssociationNotFound", "AccessDeniedException", "InternalServerError"])
def test_only_not_found_is_absence_of_an_association(context: Stubbed, code: str) -> None:
    context.stub.add_client_error("describe_data_repository_associations", code)
    context.stub.add_client_error("delete_data_repository_association", code)
    fsx = Fsx(context)
    if code.endswith("NotFound"):
        assert fsx.association("dra-0123456789abcdef0") is None
        fsx.delete_association("dra-0123456789abcdef0")
    else:
        with pytest.raises(AwsError):
            fsx.association("dra-0123456789abcdef0")
        with pytest.raises(AwsError):
            fsx.delete_association("dra-0123456789abcdef0")


def test_detaching_keeps_the_files(context: Stubbed) -> None:
    expected = {"AssociationId": "dra-0123456789abcdef0", "DeleteDataInFileSystem": False}
    context.stub.add_response("delete_data_repository_association", {}, expected)
    Fsx(context).delete_association("dra-0123456789abcdef0")
    context.stub.assert_no_pending_responses()


def test_tasks_are_paged_and_read(context: Stubbed) -> None:
    filters = [{"Name": "file-system-id", "Values": [FS]}]
    operation = "describe_data_repository_tasks"
    context.stub.add_response(operation, {"DataRepositoryTasks": [TASK], "NextToken": "bmV4dA=="}, {"Filters": filters})
    context.stub.add_response(operation, {"DataRepositoryTasks": []}, {"Filters": filters, "NextToken": "bmV4dA=="})
    (task,) = Fsx(context).tasks(FS)
    assert task.is_running_export
    assert task.progress == "EXECUTING 5/9 done, 1 failed"


def test_an_export_carries_report_token_and_tags(context: Stubbed) -> None:
    expected = {
        "FileSystemId": FS, "Type": "EXPORT_TO_REPOSITORY", "Paths": ["/a/"], "ClientRequestToken": "tok",
        "Report": TASK["Report"], "Tags": [{"Key": "k", "Value": "v"}],
    }  # fmt: skip
    context.stub.add_response("create_data_repository_task", {"DataRepositoryTask": TASK}, expected)
    task = Fsx(context).start_export(FS, FsxPath("/a/"), S3Prefix("b1b", "r/"), token="tok", tags={"k": "v"})
    assert task.id == TASK["TaskId"]


def test_an_unknown_file_system_is_none(context: Stubbed) -> None:
    context.stub.add_client_error("describe_file_systems", "FileSystemNotFound")
    assert Fsx(context).file_system(FS) is None


def test_states_that_are_not_known_are_never_good_news() -> None:
    assert not AssociationLifecycle("SHINY").is_usable
    assert not TaskLifecycle("SHINY").is_over
