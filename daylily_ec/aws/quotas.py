"""Service Quotas: what the account may use, read only."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.errors import AwsError
from daylily_ec.util.pool import gather


@dataclass(frozen=True, slots=True)
class Quota:
    """Value of a quota; `applied` is False when the account has none of its own and AWS's default counts."""

    value: float
    applied: bool
    code: str = ""


class QuotasApi(Protocol):
    """The calls the product makes."""

    def quota(self, service: str, code: str) -> Quota:
        """The applied value, or AWS's default when none was ever applied."""

    def named(self, service: str, words: tuple[str, ...]) -> Quota | None:
        """The quota whose name holds every word (in lower case), for quotas without a documented code."""


class Quotas:
    """`QuotasApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._client = context.client("service-quotas")
        self._lock = Lock()
        self._catalogs: dict[str, tuple[tuple[str, Quota], ...]] = {}

    def quota(self, service: str, code: str) -> Quota:
        try:
            answer = self._client.call("get_service_quota", ServiceCode=service, QuotaCode=code)
        except AwsError as error:
            if aws_code(error) != "NoSuchResourceException":
                raise
            answer = self._client.call("get_aws_default_service_quota", ServiceCode=service, QuotaCode=code)
            return Quota(answer["Quota"]["Value"], applied=False)
        return Quota(answer["Quota"]["Value"], applied=True)

    def named(self, service: str, words: tuple[str, ...]) -> Quota | None:
        with self._lock:
            if service not in self._catalogs:
                self._catalogs[service] = self._listed(service)
        return next(
            (quota for name, quota in self._catalogs[service] if all(word in name.lower() for word in words)), None
        )

    def _listed(self, service: str) -> tuple[tuple[str, Quota], ...]:
        """Every quota by name, applied values before defaults."""
        operations = {"list_service_quotas": True, "list_aws_default_service_quotas": False}
        lists = gather(lambda name: list(self._client.pages(name, "Quotas", ServiceCode=service)), operations)
        return tuple(
            (item["QuotaName"], Quota(item["Value"], applied, item["QuotaCode"]))
            for items, applied in zip(lists, operations.values(), strict=True)
            for item in items
        )
