"""`AWS::FSx::FileSystem` and `AWS::FSx::DataRepositoryAssociation`, which moto lacks, on the local FSx service."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel

from daylily_ec.localcloud.fsx.errors import DataRepositoryAssociationNotFound, FileSystemNotFound
from daylily_ec.localcloud.fsx.service import FsxService, service_for
from daylily_ec.localcloud.patches.cloudformation.ledger import Ledger, ledger_of
from daylily_ec.localcloud.patches.cloudformation.stacks import stack_by_id

POLL_SECONDS = 0.1
DELETION_SECONDS = 120.0
Description = Mapping[str, Any]


class NotStable(Exception):
    """FSx says that the thing it was asked for failed."""


class FileSystem(CloudFormationModel):
    """A file system that exists when FSx says AVAILABLE."""

    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"LustreMountName", "DNSName", "ResourceARN"})

    def __init__(self, description: Description) -> None:
        self.description = description

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::FSx::FileSystem"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.ATTRIBUTES

    @property
    def physical_resource_id(self) -> str:
        """The file system id."""
        return str(self.description["FileSystemId"])

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """DNS name, ARN or mount name."""
        if attribute_name == "LustreMountName":
            return str(self.description["LustreConfiguration"]["MountName"])
        return str(self.description[attribute_name])

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> FileSystem:
        service, stack = service_for(account_id, region_name), stack_by_id(kwargs["StackId"], account_id, region_name)
        properties = _typed(cloudformation_json["Properties"])
        tags = [*properties.pop("Tags", []), *_stack_tags(stack, kwargs["LogicalId"])]
        made = service.create_file_system(**properties, Tags=tags)

        def describe() -> Description:
            found: Description = service.describe_file_systems(FileSystemIds=[made["FileSystemId"]])["FileSystems"][0]
            return found

        return cls(_when_available(describe, ledger_of(stack), lambda: _delete_file_system(service, made)))

    def delete(self, account_id: str, region_name: str) -> None:
        """Delete the file system and wait until it is gone."""
        _delete_file_system(service_for(account_id, region_name), self.description)


class DataRepositoryAssociation(CloudFormationModel):
    """A link between a directory of a file system and an S3 prefix."""

    def __init__(self, description: Description) -> None:
        self.description = description

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::FSx::DataRepositoryAssociation"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in ("AssociationId", "ResourceARN")

    @property
    def physical_resource_id(self) -> str:
        """The association id."""
        return str(self.description["AssociationId"])

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Id or ARN."""
        return str(self.description[attribute_name])

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> DataRepositoryAssociation:
        service, stack = service_for(account_id, region_name), stack_by_id(kwargs["StackId"], account_id, region_name)
        properties = _typed(cloudformation_json["Properties"])
        tags = [*properties.pop("Tags", []), *_stack_tags(stack, kwargs["LogicalId"])]
        made = service.create_association(**properties, Tags=tags)

        def describe() -> Description:
            found = service.describe_associations(AssociationIds=[made["AssociationId"]])
            first: Description = found["Associations"][0]
            return first

        def undo() -> None:
            service.delete_association(made["AssociationId"])

        return cls(_when_available(describe, ledger_of(stack), undo))

    def delete(self, account_id: str, region_name: str) -> None:
        """Delete the association and wait until it is gone; the data stays in the file system."""
        service = service_for(account_id, region_name)
        service.delete_association(self.physical_resource_id)
        _until_gone(lambda: service.describe_associations(AssociationIds=[self.physical_resource_id]))


_WHOLE = frozenset(
    {"StorageCapacity", "PerUnitStorageThroughput", "ImportedFileChunkSize", "AutomaticBackupRetentionDays"}
)
_TRUTH = frozenset({"BatchImportMetaDataOnCreate", "CopyTagsToBackups"})


def _typed(value: Any, key: str = "") -> Any:
    """Template values as the API's types: templates may spell numbers and booleans as strings."""
    if isinstance(value, dict):
        return {name: _typed(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    if key in _WHOLE:
        return int(value)
    return str(value).lower() == "true" if key in _TRUTH else value


def _stack_tags(stack: Any, logical_id: str) -> list[dict[str, str]]:
    tags = {
        **stack.tags,
        "aws:cloudformation:stack-name": stack.name,
        "aws:cloudformation:stack-id": stack.stack_id,
        "aws:cloudformation:logical-id": logical_id,
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _when_available(describe: Callable[[], Description], ledger: Ledger, undo: Callable[[], None]) -> Description:
    while True:
        found = describe()
        if found["Lifecycle"] == "AVAILABLE":
            return found
        if found["Lifecycle"] not in ("CREATING", "UPDATING") or ledger.cancelled.is_set():
            undo()
            ledger.check()
            raise NotStable(f"{found['Lifecycle']}: {found.get('FailureDetails', {}).get('Message', '')}")
        ledger.cancelled.wait(POLL_SECONDS)


def _delete_file_system(service: FsxService, description: Description) -> None:
    file_system_id = description["FileSystemId"]
    service.delete_file_system(file_system_id)
    _until_gone(lambda: service.describe_file_systems(FileSystemIds=[file_system_id]))


def _until_gone(describe: Callable[[], object]) -> None:
    deadline = time.monotonic() + DELETION_SECONDS
    while time.monotonic() < deadline:
        try:
            describe()
        except (FileSystemNotFound, DataRepositoryAssociationNotFound):
            return
        time.sleep(POLL_SECONDS)
    raise NotStable(f"it is still being deleted after {DELETION_SECONDS:.0f} s")
