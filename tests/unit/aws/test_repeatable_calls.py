"""What makes calls safe to repeat, and that nothing but a service's own not-found is read as absence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daylily_ec.aws.budgets import Budgets
from daylily_ec.aws.cloudformation import StackRequest, Stacks
from daylily_ec.aws.clusters import Clusters
from daylily_ec.aws.context import AwsContext, Identity
from daylily_ec.aws.heartbeat import Topics
from daylily_ec.aws.s3 import S3
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import AccessDenied, AwsError, CredentialsExpired, Throttled, Unreachable
from tests.unit.aws.test_reads_of_create import Answers, Context

REQUEST = StackRequest("net", "Resources: {}", {"A": "1"}, {"k": "v"})


def token(request: StackRequest) -> str:
    client = Answers(create_stack={"StackId": "arn"})
    Stacks(Context(client)).create(request)
    return str(client.asked[0][1]["ClientRequestToken"])


def test_the_same_stack_has_the_same_token_and_another_one_another() -> None:
    assert token(REQUEST) == token(REQUEST)
    other = StackRequest("net", "Resources: {}", {"A": "2"}, {"k": "v"})
    assert token(REQUEST) != token(other)
    assert len(token(REQUEST)) <= 128


def test_writes_are_conditional() -> None:
    client = Answers(put_object={})
    s3 = S3(Context(client))
    assert s3.put_if_absent("b", "k", b"x")
    assert s3.put_if_match("b", "k", b"x", "abc")
    assert [asked[1].get("IfNoneMatch") for asked in client.asked] == ["*", None]
    assert [asked[1].get("IfMatch") for asked in client.asked] == [None, '"abc"']


def test_a_lost_condition_is_no_success() -> None:
    client = Answers(put_object=AwsError("s3:PutObject", details={"aws_code": "PreconditionFailed"}))
    assert not S3(Context(client)).put_if_absent("b", "k", b"x")


class Known(Context):
    """A context whose caller is known: only the read in question is asked."""

    def identity(self) -> Identity:
        return Identity("123456789012", "arn:aws:iam::123456789012:user/ann")


READS: dict[str, tuple[str, Callable[[AwsContext], Any]]] = {
    "stack": ("describe_stacks", lambda context: Stacks(context).find("net")),
    "cluster": ("describe_stacks", lambda context: Clusters(context).find(ClusterName("majors"))),
    "object": ("head_object", lambda context: S3(context).head("b", "k")),
    "text": ("get_object", lambda context: S3(context).read_text("b", "k")),
    "budget": ("describe_budget", lambda context: Budgets(context).find("daylily-global")),
    "topic": ("get_topic_attributes", lambda context: Topics(context).exists("arn:aws:sns:us-west-2:1:t")),
}
ERRORS = [
    AccessDenied("denied", details={"aws_code": "AccessDenied"}),
    CredentialsExpired("expired", details={"aws_code": "ExpiredToken"}),
    Throttled("throttled", details={"aws_code": "Throttling"}),
    Unreachable("unreachable"),
    AwsError("validation", details={"aws_code": "ValidationError", "aws_message": "1 validation error detected"}),
]


@pytest.mark.weakness("W-49")
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", READS)
def test_only_not_found_is_absence(name: str, error: AwsError) -> None:
    operation, read = READS[name]
    with pytest.raises(AwsError) as caught:
        read(Known(Answers(**{operation: error})))
    assert caught.value is error


class Body:
    """An object's content that breaks off as often as told."""

    def __init__(self, cuts: int) -> None:
        self.cuts = cuts

    def read(self) -> bytes:
        self.cuts -= 1
        if self.cuts >= 0:
            raise OSError("IncompleteRead(5 bytes read, 7 more expected)")
        return b"content"


def test_a_content_that_breaks_off_is_read_again_and_then_one_error() -> None:
    found = S3(Context(Answers(get_object={"Body": Body(2), "ETag": '"e"'}))).read_text("b", "k")
    assert found is not None
    assert found.text == "content"
    with pytest.raises(Unreachable, match=r"s3:GetObject: the content of s3://b/k did not arrive"):
        S3(Context(Answers(get_object={"Body": Body(3), "ETag": '"e"'}))).read_text("b", "k")
