"""Service Quotas: what the account may use, read only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.errors import AwsError


@dataclass(frozen=True, slots=True)
class Quota:
    """Value of a quota; `applied` is False when the account has none of its own and AWS's default counts."""

    value: float
    applied: bool


class QuotasApi(Protocol):
    """The calls the product makes."""

    def quota(self, service: str, code: str) -> Quota:
        """The applied value, or AWS's default when none was ever applied."""


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
