"""Quotas, prices, offerings, identity and policy simulation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.localcloud_aws.conftest import Cloud

CODES = {"ec2": ("L-1216C47A", "L-34B43A08", "L-0263D0A3"), "vpc": ("L-F678F1CE", "L-FE5A380F", "L-A4707A72")}


def test_quotas_by_get_list_and_default_agree(cloud: Cloud) -> None:
    quotas = cloud.client("service-quotas")
    for service, codes in CODES.items():
        pages = quotas.get_paginator("list_service_quotas").paginate(
            ServiceCode=service, PaginationConfig={"PageSize": 3}
        )
        listed = {row["QuotaCode"]: row["Value"] for page in pages for row in page["Quotas"]}
        for code in codes:
            got = quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
            default = quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
            assert got["Value"] == listed[code] >= default["Value"]
    assert quotas.list_aws_default_service_quotas(ServiceCode="fsx")["Quotas"]


def test_unknown_quota_is_not_found(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")
    assert caught.value.response["Error"]["Code"] == "NoSuchResourceException"


def test_quota_can_be_overridden_and_restored(cloud: Cloud) -> None:
    quotas = cloud.client("service-quotas")

    def spot() -> Any:
        return quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-34B43A08")["Quota"]["Value"]

    usual = spot()
    cloud.control("POST", "quota", {"service": "ec2", "code": "L-34B43A08", "value": 64})
    assert spot() == 64
    cloud.control("POST", "quota", {"service": "ec2", "code": "L-34B43A08", "value": None})
    assert spot() == usual


def test_spot_prices_honour_zone_types_and_pages(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    types = ["c7i.48xlarge", "r7i.2xlarge"]
    pages = ec2.get_paginator("describe_spot_price_history").paginate(
        InstanceTypes=types, AvailabilityZone="us-west-2c", ProductDescriptions=["Linux/UNIX"],
        PaginationConfig={"PageSize": 3},
    )  # fmt: skip
    rows = [row for page in pages for row in page["SpotPriceHistory"]]
    assert {row["AvailabilityZone"] for row in rows} == {"us-west-2c"}
    assert {row["InstanceType"] for row in rows} == set(types)
    assert len(rows) == len({(row["InstanceType"], row["Timestamp"]) for row in rows})
    dear, cheap = (min(float(row["SpotPrice"]) for row in rows if row["InstanceType"] == one) for one in types)
    assert 0.05 < cheap < dear < 10
    assert json.loads(cloud.control("GET", "health"))["spot_prices"] == "simulated"


def test_spot_prices_differ_between_zones_and_repeat(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    first = ec2.describe_spot_price_history(InstanceTypes=["c7i.48xlarge"])["SpotPriceHistory"]
    assert first == ec2.describe_spot_price_history(InstanceTypes=["c7i.48xlarge"])["SpotPriceHistory"]
    newest = {row["AvailabilityZone"]: row["SpotPrice"] for row in reversed(first)}
    assert len(set(newest.values())) == len(newest) >= 3


def test_offerings_by_zone(cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    everywhere = ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": ["c7i.48xlarge", "hpc7a.96xlarge"]}],
    )["InstanceTypeOfferings"]
    zones = {one["Location"] for one in everywhere if one["InstanceType"] == "c7i.48xlarge"}
    rare = {one["Location"] for one in everywhere if one["InstanceType"] == "hpc7a.96xlarge"}
    assert zones <= {"us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d"}
    assert rare < zones
    here = ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "location", "Values": ["us-west-2c"]}, {"Name": "instance-type", "Values": ["c7i.48xlarge"]}],
    )["InstanceTypeOfferings"]
    assert [(one["InstanceType"], one["Location"], one["LocationType"]) for one in here] == [
        ("c7i.48xlarge", "us-west-2c", "availability-zone")
    ]


def simulate(cloud: Cloud, arn: str, *actions: str, **more: Any) -> dict[str, str]:
    rows = cloud.client("iam").simulate_principal_policy(PolicySourceArn=arn, ActionNames=list(actions), **more)
    return {row["EvalActionName"]: row["EvalDecision"] for row in rows["EvaluationResults"]}


def test_caller_may_do_everything(cloud: Cloud) -> None:
    arn = cloud.client("sts").get_caller_identity()["Arn"]
    assert simulate(cloud, arn, "ec2:RunInstances", "fsx:DeleteFileSystem") == {
        "ec2:RunInstances": "allowed",
        "fsx:DeleteFileSystem": "allowed",
    }


def test_simulation_weighs_groups_denials_resources_conditions_and_boundary(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    statements = [
        {"Effect": "Allow", "Action": ["s3:Get*", "ec2:*"], "Resource": "*"},
        {"Effect": "Deny", "Action": "ec2:TerminateInstances", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::mine/*"},
        {
            "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        },
    ]  # fmt: skip
    iam.create_group(GroupName="analysts")
    user = iam.create_user(UserName="sim")["User"]["Arn"]
    iam.add_user_to_group(GroupName="analysts", UserName="sim")
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_group_policy(GroupName="analysts", PolicyName="p", PolicyDocument=document)
    assert simulate(
        cloud, user, "s3:GetObject", "ec2:RunInstances", "ec2:TerminateInstances", "fsx:CreateFileSystem"
    ) == {
        "s3:GetObject": "allowed",
        "ec2:RunInstances": "allowed",
        "ec2:TerminateInstances": "explicitDeny",
        "fsx:CreateFileSystem": "implicitDeny",
    }
    assert simulate(cloud, user, "s3:PutObject", ResourceArns=["arn:aws:s3:::mine/k"]) == {"s3:PutObject": "allowed"}
    assert simulate(cloud, user, "s3:PutObject") == {"s3:PutObject": "implicitDeny"}
    assert simulate(cloud, user, "iam:PassRole") == {"iam:PassRole": "implicitDeny"}
    entry = {
        "ContextKeyName": "iam:PassedToService",
        "ContextKeyType": "string",
        "ContextKeyValues": ["scheduler.amazonaws.com"],
    }
    assert simulate(cloud, user, "iam:PassRole", ContextEntries=[entry]) == {"iam:PassRole": "allowed"}


def test_simulating_nobody_is_an_error(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as caught:
        simulate(cloud, "arn:aws:iam::123456789012:role/nobody", "s3:GetObject")
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"


def test_who_pays_for_a_bucket(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="somebody-pays", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    payers = [s3.get_bucket_request_payment(Bucket="somebody-pays")["Payer"]]
    for payer in ("Requester", "BucketOwner"):
        s3.put_bucket_request_payment(Bucket="somebody-pays", RequestPaymentConfiguration={"Payer": payer})
        payers.append(s3.get_bucket_request_payment(Bucket="somebody-pays")["Payer"])
    assert payers == ["BucketOwner", "Requester", "BucketOwner"]
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.get_bucket_request_payment(Bucket="nobody-pays")
