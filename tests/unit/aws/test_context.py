from __future__ import annotations

from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from botocore import exceptions as bc

from daylily_ec.aws.context import AwsContext, Identity, translate
from daylily_ec.errors import (
    AccessDenied,
    AwsError,
    CredentialsExpired,
    NoCredentials,
    Throttled,
    Unreachable,
    ValidationError,
)
from daylily_ec.util.pool import gather


def client_error(code: str) -> bc.ClientError:
    return bc.ClientError({"Error": {"Code": code, "Message": "why"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", AccessDenied),
        ("UnauthorizedOperation", AccessDenied),
        ("ExpiredToken", CredentialsExpired),
        ("RequestExpired", CredentialsExpired),
        ("ThrottlingException", Throttled),
        ("FileSystemNotFound", AwsError),
    ],
)
def test_client_errors_become_ours_and_name_the_action(code: str, kind: type[AwsError]) -> None:
    error = translate(client_error(code), "cloudformation", "describe_stacks")
    assert type(error) is kind
    assert "cloudformation:DescribeStacks" in str(error)
    assert error.details["aws_code"] == code


def test_an_operation_is_named_as_aws_writes_it() -> None:
    denied = bc.ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "ListAWSDefaultServiceQuotas")
    error = translate(denied, "service-quotas", "list_aws_default_service_quotas")
    assert "service-quotas:ListAWSDefaultServiceQuotas" in str(error)


def test_an_expired_token_is_never_a_missing_thing() -> None:
    error = translate(client_error("ExpiredTokenException"), "fsx", "describe_file_systems")
    assert isinstance(error, CredentialsExpired)
    assert "not valid any more" in str(error)


def test_other_failures() -> None:
    assert isinstance(translate(bc.NoCredentialsError(), "sts", "get_caller_identity"), NoCredentials)
    unreachable = bc.EndpointConnectionError(endpoint_url="https://x")
    assert isinstance(translate(unreachable, "sts", "get_caller_identity"), Unreachable)
    assert isinstance(translate(bc.ConnectTimeoutError(endpoint_url="https://x"), "s3", "x"), Unreachable)
    ours = KeyError("x")
    assert translate(ours, "s3", "x") is ours


def test_an_unknown_profile_is_the_users_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    with pytest.raises(ValidationError, match="'nobody' does not exist") as caught:
        AwsContext("nobody", "us-west-2").client("sts")
    assert caught.value.code == "unknown_profile"


@pytest.mark.parametrize(
    ("arn", "user"),
    [
        ("arn:aws:iam::123456789012:user/path/alice", "alice"),
        ("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_x/bob@lab.org", "bob@lab.org"),
        ("arn:aws:iam::123456789012:root", "root"),
    ],
)
def test_users_of_callers(arn: str, user: str) -> None:
    assert Identity("123456789012", arn).user == user


class Sts:
    """A client that counts and lets every caller wait for the others."""

    def __init__(self) -> None:
        self.asked = 0
        self._others = Barrier(2)

    def call(self, operation: str) -> dict[str, str]:
        self.asked += 1
        with suppress(BrokenBarrierError):
            self._others.wait(0.2)
        return {"Account": "1", "Arn": "arn:aws:iam::1:user/ann"}


def test_threads_that_ask_who_calls_share_one_answer() -> None:
    context, sts = AwsContext(None, "us-west-2"), Sts()
    context.client = lambda *_: sts  # type: ignore[assignment, method-assign]
    assert len(set(gather(lambda _: context.identity(), range(8)))) == 1
    assert sts.asked == 1
