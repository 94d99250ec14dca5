"""Faults over the wire: boto3 reads each of them as it would read AWS's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from daylily_ec.localcloud.profile import ACCESS_KEY_ID
from tests.integration.localcloud_aws.conftest import Cloud

CALLS: dict[str, Callable[[Any], Any]] = {
    "sts": lambda client: client.get_caller_identity(),
    "ec2": lambda client: client.describe_vpcs(),
    "s3": lambda client: client.list_buckets(),
    "service-quotas": lambda client: client.list_service_quotas(ServiceCode="ec2"),
    "scheduler": lambda client: client.list_schedules(),
    "cloudwatch": lambda client: client.describe_alarms(),
    "budgets": lambda client: client.describe_budgets(AccountId="123456789012"),
}
CODES = {
    "throttle": {"Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"},
    "500": {"InternalFailure", "InternalServerException", "InternalError"},
    "denied": {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"},
    "expired": {"ExpiredToken", "ExpiredTokenException", "RequestExpired"},
}


@pytest.fixture
def cloud_without_faults(cloud: Cloud) -> Iterator[Cloud]:
    yield cloud
    cloud.control("DELETE", "fault")


def client(cloud: Cloud, service: str, attempts: int) -> Any:
    made = cloud.client(service)
    options = Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=2)
    keys = made._request_signer._credentials
    return boto3.client(
        service, region_name="us-west-2", endpoint_url=cloud.endpoint, config=options,
        aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key,
    )  # fmt: skip


def set_fault(cloud: Cloud, kind: str, **more: Any) -> None:
    cloud.control("POST", "fault", {"kind": kind, "call": 1, "client": ACCESS_KEY_ID, **more})


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("service", CALLS)
def test_an_error_has_the_code_of_its_protocol(cloud_without_faults: Cloud, service: str, kind: str) -> None:
    set_fault(cloud_without_faults, kind)
    with pytest.raises(ClientError) as caught:
        CALLS[service](client(cloud_without_faults, service, 1))
    assert caught.value.response["Error"]["Code"] in CODES[kind]
    assert caught.value.response["Error"]["Message"]
    assert json.loads(cloud_without_faults.control("GET", "fault"))["hits"] == 1


@pytest.mark.parametrize("kind", ["throttle", "500", "reset", "timeout", "lost"])
def test_a_fault_that_strikes_once_is_survived_by_a_retry(cloud_without_faults: Cloud, kind: str) -> None:
    set_fault(cloud_without_faults, kind, seconds=2.5)
    assert CALLS["sts"](client(cloud_without_faults, "sts", 3))["Account"] == "123456789012"


def test_a_lost_answer_has_taken_effect_and_a_reset_has_not(cloud_without_faults: Cloud) -> None:
    topics = client(cloud_without_faults, "sns", 1)
    for kind in ("reset", "lost"):
        set_fault(cloud_without_faults, kind)
        with pytest.raises(BotoCoreError):
            topics.create_topic(Name=f"topic-{kind}")
    names = {item["TopicArn"].rpartition(":")[2] for item in topics.list_topics()["Topics"]}
    assert {"topic-reset", "topic-lost"} & names == {"topic-lost"}


def test_an_unknown_kind_is_refused(cloud_without_faults: Cloud) -> None:
    with pytest.raises(OSError, match="400"):
        set_fault(cloud_without_faults, "nonsense")
