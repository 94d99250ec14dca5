"""What can be seen of a creation afterwards: in the account, and in the operator's directory.

An observation maps a path, such as `budget/daylily-global/TimeUnit`, to a JSON value.  Ids that AWS makes up are
replaced by what they name, times and directories by a word, so that two observations can be compared.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML

from tests.parity.site import Site

Observation = dict[str, Any]
CLUSTER = "day-parity"
ACCOUNT = "123456789012"
READS = ("Get", "List", "Describe", "Head", "Simulate", "AssumeRole")
_OWN = re.compile(rf"^(parallelcluster|ParallelCluster|{CLUSTER})")
"""What ParallelCluster makes itself carries these names; it is not ours to compare."""


def observe(site: Site) -> Observation:
    """Everything that is compared."""
    names = _names(site)
    found: Observation = {}
    for area in (
        _yaml,
        _budgets,
        _heartbeat,
        _policies,
        _roles,
        _network,
        _objects,
        _artifacts,
        _tags,
        _storage,
        _calls,
    ):
        found.update(area(site))
    return {_plain(path, names, site): _value(value, names, site) for path, value in sorted(found.items())}


def _value(value: Any, names: Mapping[str, str], site: Site) -> Any:
    return json.loads(_plain(json.dumps(value, sort_keys=True, default=str), names, site))


def _plain(text: str, names: Mapping[str, str], site: Site) -> str:
    for id, name in names.items():
        text = text.replace(id, f"<{name}>")
    text = text.replace(str(site.home), "~")
    text = re.sub(r"(?<!\d)20\d{12}(?!\d)", "<time>", text)
    text = re.sub(r"20\d\d-\d\d-\d\dT[\d:.]+(Z|\+00:00)?", "<moment>", text)
    text = re.sub(r"(?<![\w-])(fs|fsap|lt|eni|sg|vol|i|rtb|nat|igw|eipalloc)-[0-9a-f]{8,}", r"<\1>", text)
    return re.sub(r"(?<![0-9A-Za-z])(?=[0-9a-f]*[a-f])[0-9a-f]{12,}(?![0-9A-Za-z])", "<hash>", text)


def _names(site: Site) -> dict[str, str]:
    ec2 = site.account.client("ec2")
    named = [(item["SubnetId"], item) for item in ec2.describe_subnets()["Subnets"]]
    named += [(item["VpcId"], item) for item in ec2.describe_vpcs()["Vpcs"]]
    return {id: _tag_map(item.get("Tags", [])).get("Name", "default") for id, item in named}


def _tag_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def flat(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The leaves of a document; entries of lists are known by their name or key where they have one."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from flat(value, f"{path}/{key}")
    elif isinstance(node, list) and node and all(isinstance(item, dict) for item in node):
        for number, item in enumerate(node):
            label = next(
                (str(item[key]) for key in ("Name", "Key", "Policy", "BucketName") if key in item), str(number)
            )
            yield from flat(item, f"{path}/{label}")
    else:
        yield path, node


def _final_yaml(site: Site) -> str:
    (path,) = (site.home / ".config/daylily").glob(f"{CLUSTER}_cluster_*.yaml")
    return path.read_text()


def _yaml(site: Site) -> Observation:
    document = YAML(typ="safe").load(_final_yaml(site))
    return dict(flat(document, "yaml"))


def _budgets(site: Site) -> Observation:
    budgets = site.account.client("budgets")
    found: Observation = {}
    for budget in budgets.describe_budgets(AccountId=ACCOUNT).get("Budgets", []):
        name = budget["BudgetName"]
        for key in ("BudgetLimit", "TimeUnit", "BudgetType", "CostFilters", "CostTypes", "FilterExpression"):
            found.update(flat(budget.get(key), f"budget/{name}/{key}"))
        asked = {"AccountId": ACCOUNT, "BudgetName": name}
        for alert in budgets.describe_notifications_for_budget(**asked)["Notifications"]:
            wanted = {
                key: alert[key] for key in ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
            }
            who = budgets.describe_subscribers_for_notification(**asked, Notification=wanted)["Subscribers"]
            label = f"{wanted['NotificationType']} {wanted['ComparisonOperator']} {wanted['Threshold']:g}"
            found[f"budget/{name}/alert/{label}"] = sorted(f"{one['SubscriptionType']} {one['Address']}" for one in who)
    return found


def _heartbeat(site: Site) -> Observation:
    sns, scheduler, found = site.account.client("sns"), site.account.client("scheduler"), {}
    for topic in sns.list_topics()["Topics"]:
        arn = topic["TopicArn"]
        name = arn.rpartition(":")[2]
        if not _OWN.match(name):
            listed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
            found[f"heartbeat/topic/{name}"] = sorted(f"{one['Protocol']} {one['Endpoint']}" for one in listed)
    for item in scheduler.list_schedules()["Schedules"]:
        schedule = scheduler.get_schedule(Name=item["Name"], GroupName=item["GroupName"])
        for key in ("ScheduleExpression", "State", "FlexibleTimeWindow", "GroupName", "Target", "EndDate",
                    "ScheduleExpressionTimezone", "Description", "ActionAfterCompletion"):  # fmt: skip
            found.update(flat(schedule.get(key), f"heartbeat/schedule/{item['Name']}/{key}"))
    return {path: value for path, value in found.items() if value is not None}


def _policies(site: Site) -> Observation:
    iam, found = site.account.client("iam"), {}
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        for policy in page["Policies"]:
            if not _OWN.match(policy["PolicyName"]):
                version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
                found.update(_statements(version["PolicyVersion"]["Document"], f"iam/policy/{policy['PolicyName']}"))
    return found


def _statements(document: dict[str, Any], path: str) -> Observation:
    """One entry for each action, resource and condition allowed: policies are compared by what they permit."""
    found: Observation = {path: "exists"}
    for statement in _listed(document["Statement"]):
        condition = json.dumps(statement.get("Condition", {}), sort_keys=True)
        for action in _listed(statement["Action"]):
            for target in _listed(statement.get("Resource", "")):
                found[f"{path}/{statement['Effect']} {action} on {target}"] = condition
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _roles(site: Site) -> Observation:
    iam, found = site.account.client("iam"), {}
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            if _OWN.match(name) or role["Path"].startswith(("/parallelcluster/", "/aws-service-role/")):
                continue
            found.update(_statements(_trust(role["AssumeRolePolicyDocument"]), f"iam/role/{name}/trust"))
            found[f"iam/role/{name}/tags"] = _tag_map(iam.list_role_tags(RoleName=name)["Tags"])
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                found.update(_statements(document, f"iam/role/{name}/{policy}"))
    return found


def _trust(document: dict[str, Any]) -> dict[str, Any]:
    statements = [{**one, "Resource": json.dumps(one["Principal"], sort_keys=True)} for one in document["Statement"]]
    return {"Statement": statements}


def _network(site: Site) -> Observation:
    cfn, ec2, found = site.account.client("cloudformation"), site.account.client("ec2"), {}
    for stack in cfn.describe_stacks()["Stacks"]:
        if _OWN.match(stack["StackName"]):
            continue
        path = f"network/stack/{stack['StackName']}"
        found[f"{path}/status"] = stack["StackStatus"]
        found.update({f"{path}/parameter/{one['ParameterKey']}": one["ParameterValue"] for one in stack["Parameters"]})
        found.update({f"{path}/output/{one['OutputKey']}": one["OutputValue"] for one in stack["Outputs"]})
        found.update({f"{path}/tag/{key}": value for key, value in _tag_map(stack["Tags"]).items()})
        resources = cfn.describe_stack_resources(StackName=stack["StackName"])["StackResources"]
        kinds = Counter(one["ResourceType"] for one in resources)
        found.update({f"{path}/resource/{kind}": number for kind, number in kinds.items()})
    for subnet in ec2.describe_subnets()["Subnets"]:
        tags = _tag_map(subnet.get("Tags", []))
        if "Name" in tags:
            facts = {key: subnet[key] for key in ("CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch")}
            found[f"network/subnet/{tags['Name']}"] = facts
    return found


def _objects(site: Site) -> Observation:
    s3, found = site.account.client("s3"), {}
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        if _OWN.match(name):
            continue
        for item in s3.list_objects_v2(Bucket=name).get("Contents", []):
            body = s3.get_object(Bucket=name, Key=item["Key"])["Body"].read()
            is_table = item["Key"].endswith(".tsv")
            found[f"object/{name}/{item['Key']}"] = body.decode() if is_table else "exists"
    return found


def _artifacts(site: Site) -> Observation:
    directory = site.home / ".config/daylily"
    own = [path for path in directory.rglob("*") if path.is_file() and "resources" not in path.parts]
    return {f"artifact/{path.relative_to(directory)}": "exists" for path in own if path.suffix != ".lock"}


def _tags(site: Site) -> Observation:
    found: Observation = {}
    stack = site.account.client("cloudformation").describe_stacks(StackName=CLUSTER)["Stacks"][0]
    found.update({f"tag/stack/{key}": value for key, value in _tag_map(stack["Tags"]).items()})
    nodes = site.account.client("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": ["HeadNode"]}])
    for group in nodes["Reservations"]:
        for node in group["Instances"]:
            found.update({f"tag/head node/{key}": value for key, value in _tag_map(node["Tags"]).items()})
            found["head node/type"], found["head node/subnet"] = node["InstanceType"], node["SubnetId"]
    return {path: value for path, value in found.items() if "aws:cloudformation" not in path}


def _storage(site: Site) -> Observation:
    fsx, found = site.account.client("fsx"), {}
    for system in fsx.describe_file_systems()["FileSystems"]:
        found["fsx/capacity"], found["fsx/type"] = (
            system["StorageCapacity"],
            system["LustreConfiguration"]["DeploymentType"],
        )
        found["fsx/subnets"] = system["SubnetIds"]
        found.update({f"tag/fsx/{key}": value for key, value in _tag_map(system["Tags"]).items()})
    for one in fsx.describe_data_repository_associations()["Associations"]:
        facts = {key: one.get(key) for key in ("DataRepositoryPath", "BatchImportMetaDataOnCreate", "S3")}
        found.update(flat(facts, f"fsx/association/{one['FileSystemPath']}"))
    return {path: value for path, value in found.items() if "aws:cloudformation" not in path}


def _calls(site: Site) -> Observation:
    """Which changing calls were made, by the program and by the ParallelCluster that it ran."""
    made = {f"{call['service']}:{call['action']}" for call in site.calls()}
    return {f"call/{name}": "made" for name in made if not name.partition(":")[2].startswith(READS)}
