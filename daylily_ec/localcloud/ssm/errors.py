"""The errors of the Run Command operations, by the names of the API reference."""

from __future__ import annotations

from moto.ssm.exceptions import SSMException


def error(code: str, message: str = "") -> SSMException:
    """An error answer; raise it."""
    return SSMException(code, message)


def constraint(member: str, value: object, rule: str) -> SSMException:
    """AWS's wording for a member that breaks a constraint of its shape."""
    text = (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
    )
    return error("ValidationException", text)
