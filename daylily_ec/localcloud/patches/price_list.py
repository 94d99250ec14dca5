"""The AWS Price List (`pricing:GetProducts`), which moto lacks: SIMULATED prices in AWS's form.

Products have the attributes, usage types and terms of the documents that AWS publishes; every description begins with
SIMULATED, and so does the version.  Instance prices follow vCPUs and memory like the simulated Spot prices, which stay
below them; the others are round figures of the usual order.  Answered by an application of its own, because moto
finds services by packages of its own.  https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from moto.backends import list_of_moto_modules
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from daylily_ec.localcloud.patches.patching import PatchError, replace
from daylily_ec.localcloud.patches.spot_prices import list_price
from daylily_ec.localcloud.requestlog import Environ, StartResponse, identify

PUBLISHED = "2026-01-01T00:00:00Z"
PAGE = 100
_PREFIXES = {"us-east-1": "", "us-east-2": "USE2-", "us-west-1": "USW1-", "us-west-2": "USW2-", "eu-central-1": "EUC1-"}
_SERVICES = ("AmazonEC2", "AmazonFSx", "AmazonVPC")
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "TERM_MATCH": lambda found, wanted: found.lower() == wanted.lower(),
    "EQUALS": lambda found, wanted: found == wanted,
    "CONTAINS": lambda found, wanted: wanted in found,
    "ANY_OF": lambda found, wanted: found in wanted.split(","),
    "NONE_OF": lambda found, wanted: found not in wanted.split(","),
}


class _Refused(Exception):
    """An error in AWS's form: type and message."""


def install() -> None:
    """Answer the Price List beside moto's services."""
    if "pricing" in list_of_moto_modules():
        raise PatchError("moto has a price list of its own now: delete this extension")
    replace(DomainDispatcherApplication, "get_application", _beside)


def _beside(original: Any) -> Any:
    def get_application(self: Any, environ: Environ) -> Any:
        return (
            application if "/pricing/aws4_request" in environ.get("HTTP_AUTHORIZATION", "") else original(self, environ)
        )

    return get_application


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    status, answer = "200 OK", {}
    try:
        if identify(environ)[1] != "GetProducts":
            raise _Refused("UnknownOperationException", "only GetProducts is emulated")
        answer = get_products(json.loads(body or "{}"))
    except _Refused as error:
        status, answer = "400 Bad Request", {"__type": error.args[0], "Message": error.args[1]}
    text = json.dumps(answer).encode()
    start_response(status, [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(text)))])
    return [text]


def get_products(query: dict[str, Any]) -> dict[str, Any]:
    """One page of the products that pass every filter."""
    service = query.get("ServiceCode", "")
    if service not in _SERVICES:
        raise _Refused("InvalidParameterException", f"Input Parameters are invalid. ServiceCode: {service}")
    filters = query.get("Filters") or []
    found = [item for item in _products(service, filters) if all(_passes(item, each) for each in filters)]
    start = int(query.get("NextToken") or 0)
    following = start + min(int(query.get("MaxResults") or PAGE), PAGE)
    page: dict[str, Any] = {
        "FormatVersion": "aws_v1",
        "PriceList": [json.dumps(item) for item in found[start:following]],
    }
    return page | ({"NextToken": str(following)} if following < len(found) else {})


def _passes(item: dict[str, Any], condition: dict[str, str]) -> bool:
    field, kind = condition["Field"], condition["Type"]
    product = item["product"]
    found = product.get("productFamily", "") if field == "productFamily" else product["attributes"].get(field, "")
    if kind not in _TESTS:
        raise _Refused("InvalidParameterException", f"Input Parameters are invalid. Type: {kind}")
    return _TESTS[kind](found, condition["Value"])


def _products(service: str, filters: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    given = {item["Field"]: item["Value"] for item in filters if item["Type"] == "TERM_MATCH"}
    regions = [given["regionCode"]] if "regionCode" in given else sorted(_PREFIXES)
    for region in regions:
        if service == "AmazonEC2":
            yield from _instances(region, given.get("instanceType"))
            yield from _network_and_volumes(region)
        elif service == "AmazonFSx":
            yield from _file_systems(region)
        else:
            for use in ("InUseAddress", "IdleAddress"):
                yield _product(service, region, f"PublicIPv4:{use}", "Hrs", 0.005, {"group": "VPCPublicIPv4Address"})


@cache
def _instances(region: str, only: str | None) -> tuple[dict[str, Any], ...]:
    return tuple(_instance_products(region, [only] if only else sorted(INSTANCE_TYPES)))


def _instance_products(region: str, names: list[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        if name in INSTANCE_TYPES:
            amount = list_price(name)
            for system, status, factor, usage in (
                ("Linux", "Used", 1, "BoxUsage"), ("Linux", "UnusedCapacityReservation", 1, "UnusedBox"),
                ("Linux", "AllocatedCapacityReservation", 0, "Reservation"), ("Windows", "Used", 1.8, "BoxUsage"),
            ):  # fmt: skip
                facts = {"instanceType": name, "operatingSystem": system, "tenancy": "Shared", "preInstalledSw": "NA",
                         "capacitystatus": status, "marketoption": "OnDemand"}  # fmt: skip
                yield _product("AmazonEC2", region, f"{usage}:{name}", "Hrs", amount * factor, facts,
                               "Compute Instance (bare metal)" if "metal" in name else "Compute Instance")  # fmt: skip


def _network_and_volumes(region: str) -> Iterator[dict[str, Any]]:
    for usage, unit, amount in (
        ("NatGateway-Hours", "Hrs", 0.045), ("NatGateway-Bytes", "GB", 0.045),
        ("RegionalNatGateway-Hours", "Hrs", 0.09),
    ):  # fmt: skip
        yield _product("AmazonEC2", region, usage, unit, amount, {"group": "NGW:NatGateway"}, "NAT Gateway")
    for kind, amount in (("gp2", 0.1), ("gp3", 0.08), ("io1", 0.125), ("st1", 0.045)):
        facts = {"volumeApiName": kind}
        yield _product("AmazonEC2", region, f"EBS:VolumeUsage.{kind}", "GB-Mo", amount, facts, "Storage")


def _file_systems(region: str) -> Iterator[dict[str, Any]]:
    facts = {"fileSystemType": "Lustre", "operation": "CreateFileSystem:Lustre", "storageType": "SSD"}
    for usage, amount in (("Storage", 0.14), ("Storage.SSD.125", 0.145), ("Storage.SSD.250", 0.21)):
        yield _product("AmazonFSx", region, usage, "GB-Mo", amount, facts, "Storage")
    yield _product("AmazonFSx", region, "BackupUsage", "GB-Mo", 0.05, facts, "Storage Snapshot")
    windows = {"fileSystemType": "Windows", "operation": "CreateFileSystem:Windows", "storageType": "SSD"}
    yield _product("AmazonFSx", region, "Storage", "GB-Mo", 0.13, windows, "Storage")


def _product(
    service: str, region: str, usage: str, unit: str, amount: float, facts: dict[str, str], kind: str = ""
) -> dict[str, Any]:
    usagetype = _PREFIXES.get(region, f"{region.upper().replace('-', '')}-") + usage
    sku = hashlib.sha256(json.dumps([service, usagetype, facts], sort_keys=True).encode()).hexdigest()[:16].upper()
    price = {
        "unit": unit, "beginRange": "0", "endRange": "Inf", "appliesTo": [], "rateCode": f"{sku}.SIM.SIM",
        "description": f"SIMULATED ${amount:g} per {usagetype} {unit}", "pricePerUnit": {"USD": f"{amount:.10f}"},
    }  # fmt: skip
    term = {"sku": sku, "offerTermCode": "SIM", "effectiveDate": PUBLISHED, "termAttributes": {},
            "priceDimensions": {f"{sku}.SIM.SIM": price}}  # fmt: skip
    attributes = {"servicecode": service, "regionCode": region, "usagetype": usagetype, **facts}
    product = {"sku": sku, "attributes": attributes, **({"productFamily": kind} if kind else {})}
    return {"product": product, "serviceCode": service, "version": "SIMULATED", "publicationDate": PUBLISHED,
            "terms": {"OnDemand": {f"{sku}.SIM": term}}}  # fmt: skip
