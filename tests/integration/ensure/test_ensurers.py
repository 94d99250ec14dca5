"""The ensurers against the local cloud: what AWS's own calls show afterwards."""

from __future__ import annotations

import threading
from typing import Any

import boto3
import pytest

from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.scheduler import Schedule
from daylily_ec.config.models import ClusterConfig
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError
from daylily_ec.plan.executor import StepResult, execute
from daylily_ec.plan.steps import Bindings
from daylily_ec.workflow.ensure_heartbeat import remove_heartbeat
from daylily_ec.workflow.ensure_steps import attempt, budget_steps, heartbeat_record, heartbeat_steps, policy_steps
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.ensure.fakes import Lines
from tests.unit.workflow_create.fakes import ZONE, config

ACCOUNT = "123456789012"
CREATED = "2099-02-11T14:00:00Z"
KEY = "runtime_assets/budget_tags/pcluster-project-budget-tags.tsv"
REFERENCE = "s3://refs/bundle/"


def client(service: str, region: str = "us-west-2") -> Any:
    return boto3.Session(profile_name="daylily-local", region_name=region).client(service)


def settings(cluster: str, **values: str) -> ClusterConfig:
    return config(cluster_name=cluster, reference_s3_uri=REFERENCE, ttl_hours="24", **values)


def before(services: Services, made: ClusterConfig, zone: AvailabilityZone = ZONE) -> tuple[StepResult, ...]:
    steps = (*policy_steps(services, made, "pcluster-vpc-stack-2d"), *budget_steps(services, made, zone))
    return execute(steps, Bindings(), Lines(), Lines())


def after(services: Services, made: ClusterConfig) -> tuple[tuple[str, ...], dict[str, str]]:
    bindings, lines = Bindings(), Lines()
    warnings = attempt(heartbeat_steps(services, made, ZONE, "run-1", CREATED), bindings, lines, lines)
    return warnings, dict(heartbeat_record(bindings))


def outcomes(results: tuple[StepResult, ...]) -> dict[str, str]:
    return {result.name: result.outcome.value for result in results}


def table() -> list[str]:
    body: bytes = client("s3").get_object(Bucket="refs", Key=f"bundle/{KEY}")["Body"].read()
    return body.decode().splitlines()


def filters(name: str) -> list[str]:
    budget = client("budgets").describe_budget(AccountId=ACCOUNT, BudgetName=name)["Budget"]
    values: list[str] = budget["CostFilters"]["TagKeyValue"]
    return values


def test_everything_before_the_cluster_is_made_once_and_then_unchanged(services: Services) -> None:
    made = settings("majors", budget_amount="150", global_budget_amount="900", allowed_budget_users="ann")
    first = outcomes(before(services, made))
    assert set(first.values()) == {"CREATED"}
    assert set(outcomes(before(services, made)).values()) == {"UNCHANGED"}
    budget = client("budgets").describe_budget(AccountId=ACCOUNT, BudgetName="da-us-west-2d-majors")["Budget"]
    assert (budget["BudgetLimit"], budget["TimeUnit"]) == ({"Amount": "150", "Unit": "USD"}, "MONTHLY")
    assert budget["CostTypes"]["UseBlended"] is False
    assert all(value for name, value in budget["CostTypes"].items() if name != "UseBlended")
    found = client("budgets").describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName="daylily-global")
    assert sorted(item["Threshold"] for item in found["Notifications"]) == [25.0, 50.0, 75.0, 99.0]
    assert table() == ["daylily-global\tubuntu", "da-us-west-2d-majors\tubuntu,ann"]
    policies = {policy["PolicyName"] for policy in client("iam").list_policies(Scope="Local")["Policies"]}
    assert {"pcluster-omics-analysis", "pclusterTagsAndBudget"} <= policies


@pytest.mark.weakness("W-16")
def test_changed_wishes_reach_an_existing_budget(services: Services) -> None:
    before(services, settings("changed", budget_amount="10", budget_email="old@example.org"))
    results = outcomes(before(services, settings("changed", budget_amount="20", budget_email="new@example.org")))
    assert results["budget-cluster"] == "UPDATED"
    name = "da-us-west-2d-changed"
    budgets = client("budgets")
    budget = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=name)["Budget"]
    assert budget["BudgetLimit"]["Amount"] == "20"
    (alert,) = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name)["Notifications"]
    people = budgets.describe_subscribers_for_notification(AccountId=ACCOUNT, BudgetName=name, Notification=alert)
    assert people["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": "new@example.org"}]


@pytest.mark.weakness("W-20")
@pytest.mark.weakness("W-40")
def test_the_global_budget_counts_clusters_from_every_page(services: Services) -> None:
    budgets = client("budgets")
    for number in range(130):
        budgets.create_budget(AccountId=ACCOUNT, Budget={
            "BudgetName": f"da-us-west-2d-old{number:03}", "BudgetType": "COST", "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": "1", "Unit": "USD"},
            "CostFilters": {"TagKeyValue": [f"user:aws-parallelcluster-clustername$old{number:03}"]},
        })  # fmt: skip
    before(services, settings("newest"))
    counted = filters("daylily-global")
    assert len([tag for tag in counted if "$old" in tag]) == 130
    assert "user:aws-parallelcluster-clustername$newest" in counted


@pytest.mark.weakness("W-16")
@pytest.mark.weakness("W-40")
def test_eight_operators_at_once_lose_neither_a_row_nor_a_cluster(services: Services) -> None:
    names = [f"many-{number}" for number in range(8)]
    problems: list[BaseException] = []

    def work(name: str) -> None:
        try:
            before(Services(AwsContext("daylily-local", "us-west-2"), clock=FakeClock()), settings(name))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    rows = [line.split("\t")[0] for line in table()]
    assert len(rows) == len(set(rows))
    assert {f"da-us-west-2d-{name}" for name in names} <= set(rows)
    assert {f"user:aws-parallelcluster-clustername${name}" for name in names} <= set(filters("daylily-global"))


def test_the_heartbeat_and_the_notice_are_scheduled_and_removed(services: Services) -> None:
    made = settings("beating", heartbeat_email="team@example.org")
    warnings, record = after(services, made)
    assert warnings == ()
    topic = f"arn:aws:sns:us-west-2:{ACCOUNT}:daylily-beating-heartbeat"
    assert record["heartbeat_topic_arn"] == topic
    (listener,) = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (listener["Endpoint"], listener["SubscriptionArn"]) == ("team@example.org", "PendingConfirmation")
    schedule = client("scheduler").get_schedule(Name="daylily-beating-heartbeat", GroupName="default")
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(60 minutes)", "ENABLED")
    assert schedule["Target"]["RoleArn"] == record["heartbeat_role_arn"]
    assert "<aws.scheduler.scheduled-time>" in schedule["Target"]["Input"]
    notice = client("scheduler").get_schedule(Name="daylily-beating-ttl")
    assert (notice["ScheduleExpression"], notice["ActionAfterCompletion"]) == ("at(2099-02-12T14:00:00)", "DELETE")
    again, same = after(services, made)
    assert (again, same) == ((), record)
    assert remove_heartbeat(services.topics, services.schedules, "beating") == ()
    assert not services.topics.exists(topic)
    assert services.schedules.find("daylily-beating-ttl") is None


@pytest.mark.weakness("W-37")
def test_a_second_region_joins_the_role(services: Services, clock: FakeClock) -> None:
    after(services, settings("west-one"))
    east = Services(AwsContext("daylily-local", "us-east-1"), clock=clock)
    steps = heartbeat_steps(east, settings("east-one"), AvailabilityZone("us-east-1a"), "run-2", CREATED)
    assert attempt(steps, Bindings(), Lines(), Lines()) == ()
    document = client("iam").get_role_policy(
        RoleName="eventbridge-scheduler-to-sns", PolicyName="eventbridge-scheduler-to-sns-inline"
    )["PolicyDocument"]
    regions = {topic.split(":")[3] for item in document["Statement"] for topic in item["Resource"]}
    assert regions == {"us-west-2", "us-east-1"}


def test_a_configured_role_that_does_not_exist_is_a_warning(services: Services) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/absent"
    warnings, record = after(services, settings("roleless", heartbeat_scheduler_role_arn=arn))
    assert warnings[0].startswith(f"scheduler-role was not made: The scheduler role {arn} (preconfigured) does not")
    assert (record["heartbeat_schedule_name"], bool(record["heartbeat_topic_arn"])) == ("", True)


@pytest.mark.parametrize("expression", ["rate(0 minutes)", "every day", "at(2099-13-01T00:00:00)"])
def test_the_local_scheduler_refuses_what_aws_refuses(services: Services, expression: str) -> None:
    after(services, settings("refuser"))
    role = client("iam").get_role(RoleName="eventbridge-scheduler-to-sns")["Role"]["Arn"]
    topic = services.topics.arn("refuser")
    with pytest.raises(AwsError, match="Invalid Schedule Expression"):
        services.schedules.create(Schedule("refused", expression, topic, role, "text"), "run")
    with pytest.raises(AwsError, match="assume the role"):
        services.schedules.create(Schedule("refused", "rate(1 hour)", topic, role + "-absent", "text"), "run")
