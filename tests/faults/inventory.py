"""Everything an account holds, in a form that is equal for two runs that made the same things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

Client = Callable[[str], Any]


def inventory(client: Client) -> dict[str, Any]:
    """Names where names are chosen, counts where AWS chooses them; what is gone or going is left out."""
    return {
        "stacks": _stacks(client("cloudformation")),
        "network": _network(client("ec2")),
        "instances": _instances(client("ec2")),
        "file systems": len(client("fsx").describe_file_systems()["FileSystems"]),
        "policies": _names(client("iam"), "list_policies", "Policies", "PolicyName", Scope="Local"),
        "roles": _names(client("iam"), "list_roles", "Roles", "RoleName"),
        "topics": sorted(item["TopicArn"] for item in client("sns").list_topics()["Topics"]),
        "subscriptions": _subscriptions(client("sns")),
        "schedules": _names(client("scheduler"), "list_schedules", "Schedules", "Name"),
        "budgets": _budgets(client("budgets")),
        "objects": _objects(client("s3")),
    }


def _names(service: Any, operation: str, key: str, name: str, **parameters: Any) -> list[str]:
    pages = service.get_paginator(operation).paginate(**parameters)
    return sorted(item[name] for page in pages for item in page[key])


def _stacks(service: Any) -> list[str]:
    return sorted(f"{stack['StackName']} {stack['StackStatus']}" for stack in service.describe_stacks()["Stacks"])


def _network(service: Any) -> dict[str, int]:
    kinds = {
        "describe_vpcs": "Vpcs", "describe_subnets": "Subnets", "describe_nat_gateways": "NatGateways",
        "describe_internet_gateways": "InternetGateways", "describe_addresses": "Addresses",
        "describe_route_tables": "RouteTables", "describe_vpc_endpoints": "VpcEndpoints",
        "describe_security_groups": "SecurityGroups", "describe_network_interfaces": "NetworkInterfaces",
    }  # fmt: skip
    return {key: len(getattr(service, operation)()[key]) for operation, key in kinds.items()}


def _instances(service: Any) -> dict[str, int]:
    found = [item for group in service.describe_instances()["Reservations"] for item in group["Instances"]]
    return dict(Counter(item["State"]["Name"] for item in found))


def _subscriptions(service: Any) -> list[str]:
    found = service.list_subscriptions()["Subscriptions"]
    return sorted(f"{item['TopicArn']} {item['Protocol']} {item['Endpoint']}" for item in found)


def _budgets(service: Any) -> list[str]:
    found = service.describe_budgets(AccountId="123456789012").get("Budgets", [])
    return sorted(f"{item['BudgetName']} {item['BudgetLimit']['Amount']}" for item in found)


def _objects(service: Any) -> list[str]:
    names = [bucket["Name"] for bucket in service.list_buckets()["Buckets"]]
    return sorted(
        f"{name}/{item['Key']} {item['Size']}" for name in names
        for item in service.list_objects_v2(Bucket=name).get("Contents", [])
    )  # fmt: skip
