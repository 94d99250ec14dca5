"""Errors of the FSx API, with the codes of its service model."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError


class FsxError(JsonRESTError):
    """An error answer (HTTP 400); the code is the class's name."""

    def __init__(self, message: str) -> None:
        super().__init__(type(self).__name__, message)


class BadRequest(FsxError):
    """A request that FSx does not carry out."""


class UnsupportedOperation(FsxError):
    """Not possible on this kind of file system."""


class IncompatibleParameterError(FsxError):
    """A client request token that came before with other parameters."""


class InvalidNetworkSettings(FsxError):
    """A subnet or security group that does not exist."""


class ServiceLimitExceeded(FsxError):
    """More than the account may have."""


class FileSystemNotFound(FsxError):
    """No such file system."""

    def __init__(self, file_system_id: str) -> None:
        super().__init__(f"File system '{file_system_id}' does not exist.")


class DataRepositoryAssociationNotFound(FsxError):
    """No such association."""

    def __init__(self, association_id: str) -> None:
        super().__init__(f"Data repository association '{association_id}' does not exist.")


class DataRepositoryTaskNotFound(FsxError):
    """No such task."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Data repository task '{task_id}' does not exist.")


class DataRepositoryTaskEnded(FsxError):
    """A task that cannot be cancelled any more."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Data repository task '{task_id}' has already ended.")


class ResourceNotFound(FsxError):
    """Nothing with this ARN."""

    def __init__(self, arn: str) -> None:
        super().__init__(f"The resource '{arn}' does not exist.")
