"""Service Quotas: what the account may use, read only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.errors import AwsError


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
        for operation, applied in (("list_service_quotas", True), ("list_aws_default_service_quotas", False)):
            for item in self._listed(operation, service):
                if all(word in item["QuotaName"].lower() for word in words):
                    return Quota(item["Value"], applied, item["QuotaCode"])
        return None

    def _listed(self, operation: str, service: str) -> Iterator[dict[str, Any]]:
        return self._client.pages(operation, "Quotas", ServiceCode=service)
