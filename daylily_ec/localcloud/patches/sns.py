"""SNS: an e-mail subscription waits for its confirmation.

moto confirms every subscription at once.  AWS answers `pending confirmation` and lists `PendingConfirmation` until the
addressee has followed the link: https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.sns.responses import SNSResponse

from daylily_ec.localcloud.patches.patching import replace

_PENDING = {"email", "email-json"}


def install() -> None:
    """Let e-mail subscriptions wait."""
    replace(SNSResponse, "subscribe", _subscribe)
    replace(SNSResponse, "list_subscriptions_by_topic", _listed)
    replace(SNSResponse, "list_subscriptions", _listed)


def _subscribe(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def subscribe(self: Any) -> ActionResult:
        answer = original(self)
        if self._get_param("Protocol") in _PENDING:
            return ActionResult({"SubscriptionArn": "pending confirmation"})
        return answer

    return subscribe


def _listed(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def listed(self: Any) -> ActionResult:
        result: Any = original(self).result
        rows = [_row(one) for one in result["Subscriptions"]]
        return ActionResult({**result, "Subscriptions": rows})

    return listed


def _row(one: Any) -> dict[str, str]:
    waits = one.protocol in _PENDING and not one.confirmed
    return {
        "SubscriptionArn": "PendingConfirmation" if waits else one.arn,
        "Owner": one.owner,
        "Protocol": one.protocol,
        "Endpoint": one.endpoint,
        "TopicArn": one.topic_arn,
    }
