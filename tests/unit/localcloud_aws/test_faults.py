"""Which call meets a fault, and what its caller is told."""

from __future__ import annotations

import pytest

from daylily_ec.localcloud.faults import Fault, Faults, Kind
from daylily_ec.localcloud.requestlog import Incoming, client_of


def call(action: str = "GetObject", client: str = "dyec") -> Incoming:
    return Incoming(1, "s3", action, "AKIA", client)


def met(faults: Faults, *calls: Incoming) -> list[bool]:
    return [faults.meet(one) is not None for one in calls]


def test_only_the_nth_call_of_the_client_meets_it() -> None:
    faults = Faults()
    faults.set(Fault(Kind.THROTTLE, 2))
    assert met(faults, call(), call(client="boto3"), call(), call()) == [False, False, True, False]
    assert (faults.report().calls, faults.report().hit, faults.report().hits) == (3, "s3:GetObject", 1)


def test_expired_for_good_meets_every_later_call_and_denied_only_that_action() -> None:
    faults = Faults()
    faults.set(Fault(Kind.EXPIRED, 2, for_good=True))
    assert met(faults, call("A"), call("B"), call("C")) == [False, True, True]
    faults.set(Fault(Kind.DENIED, 2, for_good=True))
    assert met(faults, call("B"), call("B"), call("C"), call("B")) == [False, True, False, True]


def test_an_action_may_be_named_whose_calls_alone_are_counted() -> None:
    faults = Faults()
    faults.set(Fault(Kind.DENIED, 2, action="s3:B"))
    assert met(faults, call("B"), call("A"), call("B"), call("B")) == [False, False, True, False]


def test_a_client_may_be_named_by_its_key() -> None:
    faults = Faults()
    faults.set(Fault(Kind.RESET, 1, client="AKIA"))
    assert met(faults, call(client="anything")) == [True]


def test_taken_away_it_counts_no_more() -> None:
    faults = Faults()
    faults.set(Fault(Kind.RESET, 1))
    faults.set(None)
    assert met(faults, call()) == [False]
    assert faults.report().calls == 0


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("Boto3/1.40 md/Botocore#1.40 dyec", "dyec"),
        ("Boto3/1.40 md/Botocore#1.40", "boto3"),
        ("aws-cli/1.44 x", "aws-cli"),
        ("", ""),
    ],
)
def test_clients_are_told_apart_by_their_user_agent(agent: str, client: str) -> None:
    assert client_of({"HTTP_USER_AGENT": agent}) == client
