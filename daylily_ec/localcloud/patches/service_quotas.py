"""Service Quotas of EC2, VPC and FSx, with what the account has (applied) apart from what AWS gives (default).

moto knows VPC defaults only and lists nothing.  Codes and default values:
https://docs.aws.amazon.com/general/latest/gr/ec2-service.html and .../vpc-service.html; applied EC2 values are those of
an account that has run clusters before.  A value can be overridden over the control path.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS
from moto.servicequotas.responses import ServiceQuotasResponse

from daylily_ec.localcloud.patches.patching import add, json_action, replace
from daylily_ec.localcloud.runtime import current

PAGE = 100


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota; `default` is AWS's value, `applied` the account's."""

    service: str
    code: str
    name: str
    default: float
    applied: float


SERVICE_NAMES = {
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
    "fsx": "Amazon FSx",
}
_OWN = (
    Quota("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5, 640),
    Quota("ec2", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5, 3000),
    Quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5, 10),
    Quota("ec2", "L-74FC7D96", "Running On-Demand F instances", 0, 96),
    Quota("ec2", "L-88CF9481", "All F Spot Instance Requests", 0, 96),
    Quota("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances", 0, 64),
    Quota("ec2", "L-3819A6DF", "All G and VT Spot Instance Requests", 0, 64),
    Quota("fsx", "L-8B0F3D8A", "Lustre Scratch storage capacity (GiB)", 100_800, 100_800),
)
_ROWS: list[Any] = list(VPC_DEFAULT_QUOTAS)
_VPC = tuple(Quota("vpc", row["QuotaCode"], row["QuotaName"], row["Value"], row["Value"]) for row in _ROWS)
QUOTAS: Mapping[tuple[str, str], Quota] = {(quota.service, quota.code): quota for quota in (*_OWN, *_VPC)}


def install() -> None:
    """Complete moto's Service Quotas."""
    replace(ServiceQuotasResponse, "get_service_quota", lambda _original: json_action(_get_applied))
    replace(ServiceQuotasResponse, "list_aws_default_service_quotas", lambda _original: json_action(_list_defaults))
    add(ServiceQuotasResponse, "get_aws_default_service_quota", json_action(_get_default))
    add(ServiceQuotasResponse, "list_service_quotas", json_action(_list_applied))
    add(ServiceQuotasResponse, "list_services", json_action(_list_services))
    add(ServiceQuotasResponse, "request_service_quota_increase", json_action(_request_increase))


def _applied(quota: Quota) -> float:
    return current().switches.quotas.get((quota.service, quota.code), quota.applied)


def _shown(request: Any, quota: Quota, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": quota.service,
        "ServiceName": SERVICE_NAMES[quota.service],
        "QuotaArn": f"arn:aws:servicequotas:{request.region}:{request.current_account}:{quota.service}/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _wanted(query: dict[str, Any]) -> Quota:
    quota = QUOTAS.get((query["ServiceCode"], query["QuotaCode"]))
    if quota is None:
        raise NoSuchResource
    return quota


def _get_applied(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    quota = _wanted(query)
    return {"Quota": _shown(request, quota, _applied(quota))}


def _get_default(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    quota = _wanted(query)
    return {"Quota": _shown(request, quota, quota.default)}


def _page(query: dict[str, Any], key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    start, size = int(query.get("NextToken") or 0), int(query.get("MaxResults") or PAGE)
    page: dict[str, Any] = {key: rows[start : start + size]}
    return {**page, "NextToken": str(start + size)} if start + size < len(rows) else page


def _of_service(query: dict[str, Any]) -> list[Quota]:
    found = [quota for quota in QUOTAS.values() if quota.service == query["ServiceCode"]]
    if not found:
        raise NoSuchResource
    return found


def _list_applied(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    return _page(query, "Quotas", [_shown(request, quota, _applied(quota)) for quota in _of_service(query)])


def _list_defaults(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    return _page(query, "Quotas", [_shown(request, quota, quota.default) for quota in _of_service(query)])


def _list_services(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    return _page(
        query, "Services", [{"ServiceCode": code, "ServiceName": name} for code, name in SERVICE_NAMES.items()]
    )


def _request_increase(request: Any, query: dict[str, Any]) -> dict[str, Any]:
    quota = _wanted(query)
    shown = _shown(request, quota, quota.default)
    same = ("ServiceCode", "ServiceName", "QuotaCode", "QuotaName", "QuotaArn", "Unit", "GlobalQuota")
    return {
        "RequestedQuota": {
            **{key: shown[key] for key in same},
            "Id": uuid.uuid4().hex,
            "DesiredValue": float(query["DesiredValue"]),
            "Status": "PENDING",
            "Created": time.time(),
        }
    }
