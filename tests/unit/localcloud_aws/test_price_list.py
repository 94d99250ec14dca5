"""The simulated price list: AWS's form, AWS's filters, and no doubt about where the numbers come from."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from daylily_ec.localcloud.patches.placement_scores import score
from daylily_ec.localcloud.patches.price_list import PAGE, application, get_products
from daylily_ec.localcloud.patches.spot_prices import list_price, price


def ask(action: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    raw = json.dumps(body).encode()
    seen: list[str] = []
    environ = {
        "HTTP_X_AMZ_TARGET": f"AWSPriceListService.{action}",
        "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/pricing/aws4_request, Signature=0",
        "CONTENT_LENGTH": str(len(raw)),
        "wsgi.input": io.BytesIO(raw),
    }
    answer = b"".join(application(environ, lambda status, headers: seen.append(status)))
    return seen[0], json.loads(answer)


def filters(**wanted: str) -> list[dict[str, str]]:
    return [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]


def listed(service: str, **wanted: str) -> list[dict[str, Any]]:
    page = get_products({"ServiceCode": service, "Filters": filters(**wanted)})
    return [json.loads(item) for item in page["PriceList"]]


def usages(products: list[dict[str, Any]]) -> list[str]:
    return [item["product"]["attributes"]["usagetype"] for item in products]


def test_every_price_says_that_it_is_simulated() -> None:
    for service in ("AmazonEC2", "AmazonFSx", "AmazonVPC"):
        for item in listed(service, regionCode="us-west-2"):
            assert item["version"] == "SIMULATED"
            for term in item["terms"]["OnDemand"].values():
                assert all(price["description"].startswith("SIMULATED") for price in term["priceDimensions"].values())


def test_filters_pick_as_aws_does() -> None:
    linux = listed("AmazonEC2", regionCode="us-west-2", instanceType="f2.6xlarge", operatingSystem="Linux")
    assert usages(linux) == ["USW2-BoxUsage:f2.6xlarge", "USW2-UnusedBox:f2.6xlarge", "USW2-Reservation:f2.6xlarge"]
    assert usages(listed("AmazonEC2", regionCode="us-east-1", volumeApiName="gp3")) == ["EBS:VolumeUsage.gp3"]
    lustre = listed("AmazonFSx", regionCode="eu-central-1", fileSystemType="Lustre", productFamily="Storage")
    assert usages(lustre) == ["EUC1-Storage", "EUC1-Storage.SSD.125", "EUC1-Storage.SSD.250"]
    contains = {"Type": "CONTAINS", "Field": "usagetype", "Value": "InUse"}
    page = get_products({"ServiceCode": "AmazonVPC", "Filters": [*filters(regionCode="us-west-2"), contains]})
    assert len(page["PriceList"]) == 1


def test_pages_end_and_lose_nothing() -> None:
    query = {"ServiceCode": "AmazonEC2", "Filters": filters(regionCode="us-west-2", operatingSystem="Windows")}
    seen, token = [], ""
    while True:
        page = get_products({**query, **({"NextToken": token} if token else {})})
        seen += page["PriceList"]
        assert len(page["PriceList"]) <= PAGE
        token = page.get("NextToken", "")
        if not token:
            break
    assert len(seen) == len(set(seen)) > PAGE


@pytest.mark.parametrize(
    ("action", "body", "code"),
    [
        ("GetProducts", {"ServiceCode": "AmazonS3"}, "InvalidParameterException"),
        ("GetProducts", {"ServiceCode": "AmazonVPC", "Filters": [
            {"Type": "LIKE", "Field": "group", "Value": "x"}]}, "InvalidParameterException"),
        ("DescribeServices", {}, "UnknownOperationException"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_as_aws_does(action: str, body: dict[str, Any], code: str) -> None:
    status, answer = ask(action, body)
    assert (status, answer["__type"]) == ("400 Bad Request", code)


def test_spot_stays_below_the_list_price() -> None:
    for name in ("r7i.2xlarge", "c6i.metal", "f2.6xlarge"):
        for zone in ("us-west-2a", "us-west-2d"):
            assert all(price(name, zone, hour) < list_price(name) for hour in range(0, 200, 7))


def test_scores_lie_between_1_and_10_and_few_types_score_low() -> None:
    types = ["c6i.metal", "m6i.metal", "r6i.metal"]
    places = [f"usw2-az{number}" for number in range(40)]
    scores = [score(place, types, 10) for place in places]
    assert set(scores) <= set(range(1, 11))
    assert len(set(scores)) > 2, "zones differ"
    assert all(score(place, types, 500) <= score(place, types, 10) for place in places)
    assert all(score(place, types[:2], 10) <= 3 for place in places)
