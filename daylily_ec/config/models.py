"""What each key of the configuration means: its type, rule, default, and where a value may come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix

HEADNODE_TYPES = ("r7i.2xlarge", "r7i.4xlarge", "r7i.8xlarge", "r7i.16xlarge")
ALLOCATION_STRATEGIES = ("price-capacity-optimized", "capacity-optimized", "lowest-price")
SPOT_CAPS = ("none", "on-demand")
SPOT_BUMP = 4.14
"""USD per hour added to the median Spot price: the specification's figure."""
SCHEDULER_ROLE_VARIABLES = (
    "DAY_HEARTBEAT_SCHEDULER_ROLE_ARN",
    "DAYLILY_HEARTBEAT_SCHEDULER_ROLE_ARN",
    "DAY_HEARTBEAT_ROLE_ARN",
    "DAYLILY_SCHEDULER_ROLE_ARN",
)


class Origin(StrEnum):
    """Where an effective value came from, highest precedence first."""

    FLAG = "flag"
    ANSWER = "answer"
    FILE = "file"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


class BudgetEnforcement(StrEnum):
    """Whether jobs of a project over its budget are refused."""

    SKIP = "skip"
    ENFORCE = "enforce"


class DeletionPolicy(StrEnum):
    """What happens to the file system when the cluster is deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `parse` turns its text into the typed value or raises `ValueError` with the rule.

    `discovered` keys may stay empty, because AWS is asked for the value; they are never asked of people.
    """

    name: str
    meaning: str
    parse: Callable[[str], Any]
    default: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    discovered: bool = False
    listed: bool = True


def _matches(pattern: str, rule: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(rule)
        return text

    return parse


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return parse


def _count(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,6}", text) or int(text) < minimum:
            raise ValueError(f"must be a whole number of at least {minimum}")
        return int(text)

    return parse


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise ValueError("must be an amount in USD greater than 0")
    return value


def _bump(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,4})?", text):
        raise ValueError("must be an amount in USD per hour, such as 4.14, with at most 4 decimals")
    return float(text)


def _flag(text: str) -> bool:
    return _one_of(("true", "false"))(text.lower()) == "true"


def _deletion(text: str) -> DeletionPolicy:
    word = text.lower()
    if word in ("delete", "true", "yes", "1"):
        return DeletionPolicy.DELETE
    if word in ("retain", "false", "no", "0"):
        return DeletionPolicy.RETAIN
    raise ValueError("must be one of Delete, Retain")


def _fsx_size(text: str) -> int:
    size = int(text) if re.fullmatch(r"\d{1,9}", text) else 0
    if size not in (1200, 2400) and (size < 4800 or size % 2400):
        raise ValueError("must be 1200, 2400, or a multiple of 2400 from 4800 on (GiB, FSx for Lustre SCRATCH_2)")
    return size


_user = _matches(r"[A-Za-z0-9._@+-]+", "must be user names separated by commas")


def _users(text: str) -> tuple[str, ...]:
    return tuple(_user(part) for part in map(str.strip, text.strip(" ,").split(",")))


_email = _matches(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", "must be an e-mail address")
_schedule = _matches(r"(rate|cron)\([^()]+\)", "must be rate(...) or cron(...)")
_subnet = _matches(r"subnet-[0-9a-z]+", "must be a subnet id, such as subnet-0123456789abcdef0")
_policy = _matches(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+", "must be the ARN of an IAM policy")
_role = _matches(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "must be the ARN of an IAM role")
_path = _matches(r"[^\x00-\x1f]+", "must be a path")
_key_name = _matches(r"[\x20-\x7e]{1,255}", "must be the name of an EC2 key pair")


def _s3(name: str) -> Callable[[str], S3Prefix]:
    return lambda text: S3Prefix.parse(text, name)


def _choice(
    name: str, meaning: str, choices: tuple[str, ...], parse: Callable[[str], Any] | None = None, *, listed: bool = True
) -> Key:
    return Key(name, meaning, parse or _one_of(choices), choices[0], choices=choices, listed=listed)


KEYS: tuple[Key, ...] = (
    Key("cluster_name", "name of the cluster and its stack", ClusterName.parse, required=True),
    Key("reference_s3_uri", "reference bundle, mounted at /fsx/references", _s3("reference_s3_uri"), required=True),
    Key("control_data_s3_uri", "control and truth reads", _s3("control_data_s3_uri"), required=True),
    Key("stage_s3_uri", "where inputs are staged", _s3("stage_s3_uri"), required=True),
    Key("export_destination_s3_uri", "default root of exports", _s3("export_destination_s3_uri"), required=True),
    Key("public_subnet_id", "subnet of the head node", _subnet, discovered=True),
    Key("private_subnet_id", "subnet of the compute nodes", _subnet, discovered=True),
    Key("iam_policy_arn", "ARN of pclusterTagsAndBudget", _policy, discovered=True),
    Key("budget_email", "address of budget alerts", _email, required=True, environment=("DAY_CONTACT_EMAIL",)),
    Key("allowed_budget_users", "users of the cluster budget", _users, "ubuntu"),
    Key("budget_amount", "USD per month of this cluster", _amount, "200"),
    Key("global_allowed_budget_users", "users of the global budget", _users, "ubuntu"),
    Key("global_budget_amount", "USD per month of all clusters", _amount, "200"),
    _choice("enforce_budget", "refuse jobs over the budget", ("skip", "enforce"), BudgetEnforcement),
    Key("cluster_template_yaml", "ParallelCluster template", _path, "config/day_cluster/prod_cluster.yaml"),
    _choice("headnode_instance_type", "instance type of the head node", HEADNODE_TYPES),
    Key("fsx_fs_size", "size of the file system in GiB", _fsx_size, "4800"),
    _choice("enable_detailed_monitoring", "CloudWatch detailed monitoring", ("false", "true"), _flag),
    _choice("delete_local_root", "delete root volumes with their node", ("true", "false"), _flag),
    _choice("auto_delete_fsx", "fate of the file system on delete", ("Delete", "Retain"), _deletion),
    Key("heartbeat_email", "address of the heartbeat (empty: budget_email)", _email),
    Key("heartbeat_schedule", "when the heartbeat is sent", _schedule, "rate(60 minutes)"),
    Key("heartbeat_scheduler_role_arn", "role of EventBridge Scheduler", _role,
        environment=SCHEDULER_ROLE_VARIABLES, discovered=True),
    _choice("spot_instance_allocation_strategy", "how EC2 picks Spot capacity", ALLOCATION_STRATEGIES),
    Key("spot_price_bump", "USD per hour from the median price up to a Spot bid", _bump, str(SPOT_BUMP), listed=False),
    _choice("spot_price_cap", "upper limit of Spot bids", SPOT_CAPS, listed=False),
    Key("max_count_8I", "nodes per 8-vCPU compute resource", _count(0), "1"),
    Key("max_count_128I", "nodes per 128-vCPU compute resource", _count(0), "1"),
    Key("max_count_192I", "nodes per 192-vCPU compute resource", _count(0), "1"),
    Key("ssh_key_name", "EC2 key pair of the head node (empty: Session Manager)", _key_name, listed=False),
    Key("ttl_hours", "hours after which a reminder is sent; nothing is deleted", _count(1), listed=False),
)  # fmt: skip
"""Every key; the 27 `listed` ones are written into a file that lacks them."""

LISTED_KEYS: tuple[str, ...] = tuple(key.name for key in KEYS if key.listed)
"""The 27 keys that every configuration file has."""


@dataclass(frozen=True)
class ClusterConfig:
    """The effective configuration, every value checked.  Field names are the keys; an unset optional key is None.

    `origins` tells where each value came from, `texts` holds the values as text (for artifacts and templates).
    """

    cluster_name: ClusterName
    reference_s3_uri: S3Prefix
    control_data_s3_uri: S3Prefix
    stage_s3_uri: S3Prefix
    export_destination_s3_uri: S3Prefix
    public_subnet_id: str | None
    private_subnet_id: str | None
    iam_policy_arn: str | None
    budget_email: str
    allowed_budget_users: tuple[str, ...]
    budget_amount: Decimal
    global_allowed_budget_users: tuple[str, ...]
    global_budget_amount: Decimal
    enforce_budget: BudgetEnforcement
    cluster_template_yaml: str
    headnode_instance_type: str
    fsx_fs_size: int
    enable_detailed_monitoring: bool
    delete_local_root: bool
    auto_delete_fsx: DeletionPolicy
    heartbeat_email: str
    heartbeat_schedule: str
    heartbeat_scheduler_role_arn: str | None
    spot_instance_allocation_strategy: str
    spot_price_bump: float
    spot_price_cap: str
    max_count_8I: int
    max_count_128I: int
    max_count_192I: int
    ssh_key_name: str | None
    ttl_hours: int | None
    origins: Mapping[str, Origin] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)

    @property
    def storage(self) -> dict[str, S3Prefix]:
        """The four storage roles by name."""
        return {
            "reference": self.reference_s3_uri,
            "control_data": self.control_data_s3_uri,
            "staging": self.stage_s3_uri,
            "export_destination": self.export_destination_s3_uri,
        }
