"""SNS as far as the heartbeat needs it: one topic per cluster and one address that listens to it.

Mutations: CreateTopic gives the topic of that name, new or not; Subscribe gives the subscription of that address, new
or not; DeleteTopic of an absent topic succeeds.
"""

from __future__ import annotations

from typing import Protocol

from daylily_ec.aws.context import AwsContext, Client, aws_code
from daylily_ec.errors import AwsError

_ABSENT = {"NotFound", "NotFoundException"}


def heartbeat_name(cluster: str) -> str:
    """Name of the cluster's topic and of its schedule: `daylily-<cluster>-heartbeat`."""
    return f"daylily-{cluster}-heartbeat"[:64]


def topic_arn(partition: str, region: str, account: str, cluster: str) -> str:
    """ARN of the cluster's topic, which its name, region and account determine."""
    return f"arn:{partition}:sns:{region}:{account}:{heartbeat_name(cluster)}"


class TopicsApi(Protocol):
    """The calls the product makes."""

    def arn(self, cluster: str) -> str:
        """ARN that the cluster's topic has or would have."""

    def exists(self, arn: str) -> bool:
        """Whether the topic is there; only AWS's not-found answer means that it is not."""

    def create(self, name: str) -> str:
        """The topic of that name; its ARN."""

    def addresses(self, arn: str) -> tuple[str, ...]:
        """E-mail addresses that are subscribed, confirmed or not, all pages."""

    def subscribe(self, arn: str, email: str) -> None:
        """Subscribe an address; AWS asks it for its confirmation by e-mail."""

    def delete(self, arn: str) -> None:
        """Remove the topic with its subscriptions."""


class Topics:
    """`TopicsApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._context = context

    @property
    def _client(self) -> Client:
        return self._context.client("sns")

    def arn(self, cluster: str) -> str:
        identity = self._context.identity()
        return topic_arn(identity.arn.split(":")[1], self._context.region, identity.account_id, cluster)

    def exists(self, arn: str) -> bool:
        try:
            self._client.call("get_topic_attributes", TopicArn=arn)
        except AwsError as error:
            if aws_code(error) in _ABSENT:
                return False
            raise
        return True

    def create(self, name: str) -> str:
        return str(self._client.call("create_topic", Name=name)["TopicArn"])

    def addresses(self, arn: str) -> tuple[str, ...]:
        try:
            found = list(self._client.pages("list_subscriptions_by_topic", "Subscriptions", TopicArn=arn))
        except AwsError as error:
            if aws_code(error) in _ABSENT:
                return ()
            raise
        return tuple(item["Endpoint"] for item in found if item["Protocol"] == "email")

    def subscribe(self, arn: str, email: str) -> None:
        self._client.call("subscribe", TopicArn=arn, Protocol="email", Endpoint=email)

    def delete(self, arn: str) -> None:
        self._client.call("delete_topic", TopicArn=arn)
