"""P7 with the real `pcluster`: two starters of one cluster name on two machines, at once."""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from typing import Any

from tests.faults.ledger import Ledger
from tests.faults.results import Point
from tests.faults.tier_b import cloud
from tests.integration.create.account import BLESSED, REGION
from tests.integration.create.desk import Ended, Operator

EQUAL, OTHER_CONFIGURATION, SOMEBODY_ELSE = "same caller, same configuration", "another configuration", "another caller"
KINDS = (EQUAL, OTHER_CONFIGURATION, SOMEBODY_ELSE)
BOB = "bob"
HEAD_START_S = 1.5
"""At most so long one starts before the other; both need several seconds to come to the cluster."""
_WAIT_S = 600


@dataclass(frozen=True)
class Starter:
    """Somebody at a machine of their own: home directory, credentials, and what the configuration says."""

    desk: Operator
    arn: str
    credentials: Mapping[str, str]
    values: Mapping[str, str]

    def start(self, cluster: str) -> Popen[str]:
        return self.desk.start(*self.desk.command(cluster, **self.values), **self.credentials)

    def record(self, cluster: str) -> dict[str, Any]:
        return self.desk.record(cluster)


def race(ledger: Ledger, count: int, seed: int, seconds: float) -> None:
    """`count` rounds, each with a name of its own, in an account that has had a cluster; recorded ones not again."""
    until = time.monotonic() + seconds
    ledger.plan(count)
    with cloud() as desk:
        first = desk.create("first")
        assert first.code == 0, first.err
        for number in range(1, count + 1):
            kind = KINDS[(number - 1) % len(KINDS)]
            if ledger.has(kind, number):
                continue
            if time.monotonic() > until:
                break
            found = round_of(desk, kind, number, seed)
            print(f"{ledger.sweep.seconds:.0f} s: {found}", file=sys.stderr, flush=True)
            ledger.add(found)


def round_of(desk: Operator, kind: str, number: int, seed: int) -> Point:
    """Two starters of cluster `pair-<number>`; what they made is deleted afterwards."""
    cluster = f"pair-{number}"
    dice = random.Random(f"{seed}-{number}")
    starters = _starters(desk, kind, cluster)
    dice.shuffle(starters)
    desk.control("DELETE", "requests")
    children = [starters[0].start(cluster)]
    time.sleep(dice.uniform(0, HEAD_START_S))
    children.append(starters[1].start(cluster))
    ended = [_ended(child) for child in children]
    where = "at the endpoint" if len(_submissions(desk)) > 1 else "before submitting"
    problem = _judged(desk, cluster, kind, list(zip(starters, ended, strict=True)))
    what = "adopted" if kind == EQUAL else "refused"
    found = Point("P7", kind, number, "cloudformation:CreateStack", f"one stack, {what} {where}", problem)
    if not found.held:
        print(found, file=sys.stderr, flush=True)
    _clear(desk, cluster)
    return found


def _ended(child: Popen[str]) -> Ended:
    out, err = child.communicate(timeout=_WAIT_S)
    return Ended(child.returncode, out, err)


def _starters(desk: Operator, kind: str, cluster: str) -> list[Starter]:
    ann = Starter(_machine(desk, f"{cluster}-one"), _arn(desk), {}, {})
    other = replace(ann, desk=_machine(desk, f"{cluster}-two"))
    if kind == OTHER_CONFIGURATION:
        other = replace(other, values={"max_count_8I": "2"})
    if kind == SOMEBODY_ELSE:
        arn, credentials = _bob(desk)
        other = replace(other, arn=arn, credentials=credentials)
    return [ann, other]


def _machine(desk: Operator, name: str) -> Operator:
    home = desk.home.parent / "machines" / name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return replace(desk, home=home)


def _arn(desk: Operator) -> str:
    return str(desk.client("sts").get_caller_identity()["Arn"])


def _bob(desk: Operator) -> tuple[str, Mapping[str, str]]:
    """Another user of the account with the same rights: ARN, and the variables that choose his profile."""
    iam = desk.client("iam")
    known = [user["Arn"] for user in iam.list_users()["Users"] if user["UserName"] == BOB]
    arn = known[0] if known else str(iam.create_user(UserName=BOB)["User"]["Arn"])
    place = desk.home.parent / BOB
    variables = {
        "AWS_PROFILE": BOB,
        "AWS_CONFIG_FILE": f"{place}.config",
        "AWS_SHARED_CREDENTIALS_FILE": f"{place}.key",
    }
    if not known:
        _write_profile(desk, variables)
    return arn, variables


def _write_profile(desk: Operator, variables: Mapping[str, str]) -> None:
    iam = desk.client("iam")
    policies = iam.list_policies(Scope="Local")["Policies"]
    arns = [policy["Arn"] for policy in policies if policy["PolicyName"] in BLESSED]
    for arn in [*arns, "arn:aws:iam::aws:policy/AdministratorAccess"]:
        iam.attach_user_policy(UserName=BOB, PolicyArn=arn)
    key = iam.create_access_key(UserName=BOB)["AccessKey"]
    config = f"[profile {BOB}]\nregion = {REGION}\nendpoint_url = {desk.endpoint}\n"
    Path(variables["AWS_CONFIG_FILE"]).write_text(config)
    secret = f"aws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
    Path(variables["AWS_SHARED_CREDENTIALS_FILE"]).write_text(f"[{BOB}]\n{secret}")


def _submissions(desk: Operator) -> list[int]:
    """HTTP status of each CreateStack call of the round, whoever made it."""
    calls = [json.loads(line) for line in desk.control("GET", "requests").splitlines()]
    return [call["status"] for call in calls if (call["service"], call["action"]) == ("cloudformation", "CreateStack")]


def _judged(desk: Operator, cluster: str, kind: str, found: list[tuple[Starter, Ended]]) -> str:
    """What is wrong; empty when the promise held."""
    made = [one for one in found if _outcome(one[1]) == "CREATED"]
    others = [one for one in found if one not in made]
    if len(made) != 1 or len(others) != 1:
        return "; ".join(_said(ended) for _, ended in found)
    winner, (loser, ended) = made[0][0], others[0]
    problem = _doubled(desk, cluster, winner)
    if kind == EQUAL:
        return problem or _not_adopted(cluster, winner, loser, ended)
    return problem or _not_refused(desk, cluster, winner, ended)


def _outcome(ended: Ended) -> str:
    try:
        return str(ended.document["outcome"]) if ended.code == 0 else ""
    except (ValueError, KeyError):
        return ""


def _said(ended: Ended) -> str:
    return f"exit {ended.code}: {(ended.out or ended.err)[-400:]}"


def _stack(desk: Operator, cluster: str) -> tuple[str, Mapping[str, str]]:
    (stack,) = desk.client("cloudformation").describe_stacks(StackName=cluster)["Stacks"]
    return str(stack["StackId"]), {tag["Key"]: tag["Value"] for tag in stack["Tags"]}


def _doubled(desk: Operator, cluster: str, winner: Starter) -> str:
    mine = [{"Name": "tag:parallelcluster:cluster-name", "Values": [cluster]}]
    groups = desk.client("ec2").describe_instances(Filters=mine)["Reservations"]
    systems = [
        system for system in desk.client("fsx").describe_file_systems()["FileSystems"]
        if {"Key": "parallelcluster:cluster-name", "Value": cluster} in system["Tags"]
    ]  # fmt: skip
    counts = (
        sum(status == 200 for status in _submissions(desk)), desk.stacks().count(cluster),
        sum(len(group["Instances"]) for group in groups), len(systems),
    )  # fmt: skip
    if counts != (1, 1, 1, 1):
        return f"submissions accepted, stacks, head nodes, file systems: {counts}"
    tags, record = _stack(desk, cluster)[1], winner.record(cluster)
    owned = (tags["dyec:run-id"], tags["dyec:owner"]) == (record["run_id"], winner.arn)
    return "" if owned and record["status"] == "COMPLETE" else f"tags {dict(tags)}, the winner's record {record}"


def _not_adopted(cluster: str, winner: Starter, loser: Starter, ended: Ended) -> str:
    if _outcome(ended) != "ADOPTED":
        return _said(ended)
    record = loser.record(cluster)
    line = next((line for line in ended.err.splitlines() if "Going on with the cluster that exists" in line), "")
    told = winner.arn in line and winner.record(cluster)["run_id"] in line
    return "" if told and record["status"] == "COMPLETE" else f"status {record['status']}, said: {line}"


def _not_refused(desk: Operator, cluster: str, winner: Starter, ended: Ended) -> str:
    error = ended.document.get("error", {}) if ended.code == 1 else {}
    stack, _ = _stack(desk, cluster)
    named = all(fact in error.get("message", "") for fact in (winner.arn, stack))
    return "" if error.get("code") == "cluster_exists" and named else _said(ended)


def _clear(desk: Operator, cluster: str) -> None:
    """A waiter of botocore gives up at a stack that has failed and is asked for again by name."""
    desk.client("cloudformation").delete_stack(StackName=cluster)
    until = time.monotonic() + _WAIT_S
    while cluster in desk.stacks():
        if time.monotonic() > until:
            raise TimeoutError(f"{cluster} is not gone after {_WAIT_S} s")
        time.sleep(1)
    shutil.rmtree(desk.home.parent / "machines", ignore_errors=True)
