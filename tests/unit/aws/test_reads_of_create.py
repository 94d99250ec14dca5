"""Spot prices, boot logs and stack events, read from prepared answers of AWS."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daylily_ec.aws.boot import BootLogs
from daylily_ec.aws.cloudformation import StackRequest, Stacks
from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.pricing import Pricing
from daylily_ec.errors import AwsError

NOW = datetime(2026, 2, 11, 14, 37, 22, tzinfo=UTC)


class Answers:
    """A client with one prepared answer per operation; remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, operation: str, /, **params: Any) -> Any:
        self.asked.append((operation, params))
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pages(self, operation: str, key: str, /, **params: Any) -> Iterator[Any]:
        yield from self.call(operation, **params)


class Context(AwsContext):
    def __init__(self, client: Answers) -> None:
        super().__init__(None, "us-west-2")
        self.answers = client

    def client(self, service: str, region: str | None = None) -> Any:
        return self.answers


def price(name: str, usd: str, hours_ago: int = 0, zone: str = "us-west-2d") -> dict[str, Any]:
    return {"InstanceType": name, "SpotPrice": usd, "Timestamp": NOW - timedelta(hours=hours_ago),
            "AvailabilityZone": zone}  # fmt: skip


@pytest.mark.weakness("W-17")
def test_all_types_are_priced_by_one_request() -> None:
    client = Answers(describe_spot_price_history=[
        price("a", "0.30", 5), price("a", "0.20", 1), price("b", "1.5"), price("b", "9", zone="us-west-2a"),
    ])  # fmt: skip
    assert Pricing(Context(client)).spot_prices("us-west-2d", {"b", "a", "unsold"}, NOW) == {"a": 0.20, "b": 1.5}
    ((_, params),) = client.asked
    assert params["InstanceTypes"] == ["a", "b", "unsold"]
    assert (params["AvailabilityZone"], params["ProductDescriptions"]) == ("us-west-2d", ["Linux/UNIX"])


def test_nothing_to_price_asks_nothing() -> None:
    client = Answers()
    assert Pricing(Context(client)).spot_prices("us-west-2d", (), NOW) == {}
    assert client.asked == []


def test_the_newest_log_group_of_exactly_this_cluster_is_read() -> None:
    groups = ["majors-202602110900", "majors-202602111437", "majors-two-202701010000"]
    client = Answers(
        describe_log_groups=[{"logGroupName": f"/aws/parallelcluster/{name}"} for name in groups],
        describe_log_streams=[{"logStreamName": f"ip-1.i-1.{name}"} for name in ("cfn-init", "slurmctld")],
        get_log_events={"events": [{"message": "one\ntwo"}, {"message": "three"}]},
    )
    (log,) = BootLogs(Context(client)).tails("majors", "i-1", 2)
    assert log.group == "/aws/parallelcluster/majors-202602111437"
    assert log.stream == "ip-1.i-1.cfn-init"
    assert log.lines == ("two", "three")


def test_a_cluster_without_logs_has_none() -> None:
    assert BootLogs(Context(Answers(describe_log_groups=[]))).tails("majors", "", 5) == ()


def raw_event(number: int) -> dict[str, Any]:
    return {"EventId": str(number), "Timestamp": NOW, "LogicalResourceId": f"r{number}", "ResourceStatus": "X"}


def test_events_come_oldest_first_and_only_once() -> None:
    stacks = Stacks(Context(Answers(describe_stack_events=[raw_event(3), raw_event(2), raw_event(1)])))
    assert [event.event_id for event in stacks.events("s")] == ["1", "2", "3"]
    assert [event.event_id for event in stacks.events("s", "2")] == ["3"]
    assert stacks.events("s", "3") == ()


@pytest.mark.parametrize(
    ("code", "message", "absent"),
    [
        ("ValidationError", "Stack with id x does not exist", True),
        ("ValidationError", "1 validation error detected", False),
        ("ExpiredToken", "does not exist", False),
    ],
)
def test_only_cloudformation_s_own_not_found_is_absence(code: str, message: str, absent: bool) -> None:
    error = AwsError(message, details={"aws_code": code, "aws_message": message})
    stacks = Stacks(Context(Answers(describe_stacks=error)))
    if absent:
        assert stacks.find("x") is None
    else:
        with pytest.raises(AwsError):
            stacks.find("x")


def test_repeating_a_create_sends_the_same_token_and_another_template_another_one() -> None:
    client = Answers(create_stack={"StackId": "arn"})
    stacks = Stacks(Context(client))
    for template in ("t", "t", "u"):
        stacks.create(StackRequest("s", template, {"A": "1"}, {"dyec:part": "network"}))
    tokens = [params["ClientRequestToken"] for _, params in client.asked]
    assert tokens[0] == tokens[1] != tokens[2]
    assert client.asked[0][1]["Tags"] == [{"Key": "dyec:part", "Value": "network"}]
