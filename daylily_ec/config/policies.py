"""The IAM documents in `config/aws/`; their README tells where each statement comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from daylily_ec.config.resources import resource
from daylily_ec.errors import CorruptFile


@dataclass(frozen=True, slots=True)
class Place:
    """What the placeholders `${PARTITION}`, `${REGION}` and `${ACCOUNT_ID}` of a document stand for."""

    partition: str
    region: str
    account_id: str

    @classmethod
    def of(cls, caller_arn: str, account_id: str, region: str) -> Place:
        """The place of a caller, whose ARN names the partition."""
        return cls(caller_arn.split(":")[1], region, account_id)


def policy_document(name: str, place: Place) -> dict[str, Any]:
    """The document `config/aws/<name>.json` for one place; `CorruptFile` when it is no IAM document."""
    path = resource(f"config/aws/{name}.json")
    text = path.read_text(encoding="utf-8")
    for token, value in (
        ("${PARTITION}", place.partition),
        ("${REGION}", place.region),
        ("${ACCOUNT_ID}", place.account_id),
    ):
        text = text.replace(token, value)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CorruptFile(f"{path} is not JSON: {error}.") from error
    if not isinstance(found, dict) or not found.get("Statement"):
        raise CorruptFile(f"{path} has no statements.")
    return found
