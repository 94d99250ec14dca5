"""Statements of a bucket policy about service-linked roles, with which AWS's own services reach a bucket.

https://docs.aws.amazon.com/fsx/latest/LustreGuide/using-service-linked-roles.html
"""

from __future__ import annotations

import json
from typing import Any

_LINKED = ":role/aws-service-role/"
_FSX = _LINKED + "s3.data-source.lustre.fsx.amazonaws.com/"


def linked_roles(statement: dict[str, Any]) -> list[str]:
    """The statement's principals when all of them are service-linked roles."""
    principal = statement.get("Principal")
    named = principal.get("AWS", []) if isinstance(principal, dict) and set(principal) == {"AWS"} else []
    names = [named] if isinstance(named, str) else named
    return names if all(_LINKED in name for name in names) else []


def refuses_fsx(policy: bytes | None) -> bool:
    """Whether a statement of the bucket's policy denies the service-linked role with which FSx reaches the bucket."""
    try:
        statements = json.loads(policy or b"{}").get("Statement", [])
    except ValueError:  # AWS takes no such policy, moto does
        return False
    return any(
        one.get("Effect") == "Deny" and any(_FSX in name for name in linked_roles(one))
        for one in (statements if isinstance(statements, list) else [statements])
    )
