"""How Session Manager opens sessions in an account and region; nothing here changes anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.errors import AwsError

SESSION_DOCUMENT = "SSM-SessionManagerRunShell"
"""Where Session Manager keeps the preferences (https://docs.aws.amazon.com/systems-manager/latest/userguide/
getting-started-create-preferences-cli.html)."""


@dataclass(frozen=True, slots=True)
class SessionPreferences:
    """Whether sessions run as a user of their own, as which one, and what their Linux shell runs first."""

    run_as: bool
    user: str
    linux_profile: str


class SessionDocumentsApi(Protocol):
    """The calls the product makes."""

    def preferences(self) -> SessionPreferences | None:
        """The preferences, None while nobody has set any."""


class SessionDocuments:
    """`SessionDocumentsApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    def preferences(self) -> SessionPreferences | None:
        client = self._context.client("ssm")
        try:
            content = client.call("get_document", Name=SESSION_DOCUMENT, DocumentFormat="JSON")["Content"]
        except AwsError as error:
            if aws_code(error) == "InvalidDocument":
                return None
            raise
        return parse_preferences(content)


def parse_preferences(content: str) -> SessionPreferences:
    """The preferences in a document's content; `AwsError` when it is none."""
    try:
        inputs = json.loads(content)["inputs"]
        profile = inputs.get("shellProfile") or {}
        return SessionPreferences(
            run_as=inputs.get("runAsEnabled") is True,
            user=str(inputs.get("runAsDefaultUser") or ""),
            linux_profile=str(profile.get("linux") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AwsError(f"{SESSION_DOCUMENT} has no content that is understood: {error!r}") from error
