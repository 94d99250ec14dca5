"""Operations of the API -> actions of IAM, and what the operator's policies grant.

Source: the service authorization reference (https://docs.aws.amazon.com/service-authorization/latest/reference/), which
lists for every action the operations it stands for and its dependent actions.
"""

from __future__ import annotations

from typing import Any

from daylily_ec.config.policies import Place, policy_document

OPERATOR = ("DaylilyGlobalEClusterPolicy", "DaylilyRegionalEClusterPolicy")
PLACE = Place("aws", "us-west-2", "123456789012")
PREFIXES = {"service-quotas": "servicequotas", "resourcegroupstaggingapi": "tag"}
"""Names of clients that IAM spells otherwise."""
OTHERWISE: dict[str, tuple[str, ...]] = {
    "sts:GetCallerIdentity": (),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject", "kms:Decrypt"),
    "s3:GetObject": ("s3:GetObject", "kms:Decrypt"),
    "s3:PutObject": ("s3:PutObject", "kms:GenerateDataKey"),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"),
    "s3:CreateMultipartUpload": ("s3:PutObject", "kms:GenerateDataKey"),
    "s3:UploadPart": ("s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"),
    "s3:UploadPartCopy": ("s3:GetObject", "s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"),
    "s3:CompleteMultipartUpload": ("s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"),
    "iam:CreatePolicy": ("iam:CreatePolicy", "iam:TagPolicy"),
    "iam:CreateRole": ("iam:CreateRole", "iam:TagRole"),
    "scheduler:CreateSchedule": ("scheduler:CreateSchedule", "iam:PassRole"),
    "scheduler:UpdateSchedule": ("scheduler:UpdateSchedule", "iam:PassRole"),
    "fsx:CreateDataRepositoryAssociation": ("fsx:CreateDataRepositoryAssociation", "fsx:TagResource"),
}
"""Operations whose permission has another name, needs a second one (tags, a role handed over, the key of an encrypted
bucket), or needs none.  For the keys: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuAndPermissions.html"""


def permissions(operation: str) -> tuple[str, ...]:
    """The actions that an operation (`s3:HeadBucket`) needs."""
    if operation in OTHERWISE:
        return OTHERWISE[operation]
    client, _, name = operation.partition(":")
    if client == "budgets":
        return ("budgets:ViewBudget",) if name.startswith("Describe") else ("budgets:ModifyBudget",)
    return (f"{PREFIXES.get(client, client)}:{name}",)


def statements(name: str) -> list[dict[str, Any]]:
    """The statements of one policy with every token filled in."""
    found: list[dict[str, Any]] = policy_document(name, PLACE)["Statement"]
    return found


def granted() -> frozenset[str]:
    """What the statements for dyec's own calls allow."""
    return frozenset(
        action
        for name in OPERATOR
        for statement in statements(name)
        if statement["Sid"].startswith("Dyec")
        for action in statement["Action"]
    )
