"""Every error class of the product: a stable code, an exit code, what failed and why, and one hint what to try.

Exit codes: 0 success, 1 validation, 2 AWS operation, 3 drift, 4 toolchain, 64 usage, 130 interrupted.
The fine grain is `code`, which scripts may rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class DyecError(Exception):
    """Base of all expected failures.

    `message` says what failed and why in one line; `hint` what to try; `details` is JSON-ready evidence, and
    `evidence` a result that people should see before the message (a report, a table).
    A subclass fixes `code` and `exit_code`; an instance may narrow the code.
    """

    code: str = "error"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: Mapping[str, object] | None = None,
        code: str | None = None,
        evidence: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})
        self.evidence = evidence
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return self.message


class ValidationError(DyecError):
    """Input, configuration or the account does not permit the action; nothing was changed."""

    code = "invalid"
    exit_code = 1


class InvalidValue(ValidationError):
    """One outside string broke a rule: names the field, the value and the rule."""

    code = "invalid_value"

    def __init__(self, field: str, value: str, rule: str, *, hint: str = "") -> None:
        super().__init__(
            f"{field} {value!r}: {rule}", hint=hint, details={"field": field, "value": value, "rule": rule}
        )


class MissingInput(ValidationError):
    """Values that nobody gave and that cannot be asked for."""

    code = "missing_input"


class Refused(ValidationError):
    """A gate is closed: the action would lose data or money."""

    code = "refused"


class NotFound(ValidationError):
    """The thing the user named does not exist (proved by a not-found answer, never by another error)."""

    code = "not_found"


class PreflightFailed(ValidationError):
    """At least one preflight check failed."""

    code = "preflight_failed"


class CorruptFile(ValidationError):
    """A file of ours cannot be read as what it should be; it is never taken for an empty one."""

    code = "corrupt_file"


class Busy(ValidationError):
    """Another process on this machine holds the lock."""

    code = "busy"


class AwsError(DyecError):
    """An AWS operation failed; `details` name service, operation, code and request."""

    code = "aws_error"
    exit_code = 2


class AccessDenied(AwsError):
    """AWS refused the caller."""

    code = "access_denied"


class CredentialsExpired(AwsError):
    """The session token is no longer valid; says nothing about the resource asked for."""

    code = "credentials_expired"


class NoCredentials(AwsError):
    """No credentials could be found for the profile."""

    code = "no_credentials"


class Throttled(AwsError):
    """AWS asked to slow down until the retries were used up."""

    code = "throttled"


class Unreachable(AwsError):
    """The endpoint did not answer."""

    code = "unreachable"


class ClusterFailed(AwsError):
    """ParallelCluster or CloudFormation ended in failure."""

    code = "cluster_failed"


class DeadlinePassed(AwsError):
    """A wait took longer than its deadline; the message says what was last seen."""

    code = "deadline"


class RemoteCommandFailed(AwsError):
    """A command on the head node failed; its own stderr is in the message."""

    code = "remote_command_failed"


class ExportFailed(AwsError):
    """The export ended in failure or its proof did not hold; the receipt has the details."""

    code = "export_failed"


class Drifted(DyecError):
    """What exists differs from what was recorded."""

    code = "drift"
    exit_code = 3


class ToolchainError(DyecError):
    """A program this machine needs is missing or of the wrong version."""

    code = "toolchain"
    exit_code = 4


class UsageError(DyecError):
    """The command line itself is wrong."""

    code = "usage"
    exit_code = 64


class Interrupted(DyecError):
    """The user pressed Ctrl-C; nothing remote was destroyed."""

    code = "interrupted"
    exit_code = 130
