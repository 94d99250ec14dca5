"""What an operator's account holds before the first cluster: storage with content, and the policies of the operators.

On AWS an administrator makes these once.  Here they are made through the same API calls, so that the product finds
them as it would find them there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daylily_ec.domain.s3uri import S3Prefix

TAGS_POLICY = "pclusterTagsAndBudget"


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A managed policy: its name, and the JSON document it is made from."""

    name: str
    path: Path


class Account:
    """Prepares the account behind a set of AWS environment variables."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        import boto3
        import botocore.session

        core = botocore.session.Session(profile=environment["AWS_PROFILE"])
        core.set_config_variable("config_file", environment["AWS_CONFIG_FILE"])
        core.set_config_variable("credentials_file", environment["AWS_SHARED_CREDENTIALS_FILE"])
        self.region = environment["AWS_REGION"]
        self._session = boto3.Session(botocore_session=core, region_name=self.region)

    def client(self, service: str) -> Any:
        """A boto3 client of the account."""
        return self._session.client(service)

    def bucket(self, name: str) -> None:
        """Create a bucket in the account's region."""
        place = {"LocationConstraint": self.region}
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)

    def objects(self, prefix: S3Prefix, content: Iterable[tuple[str, bytes]]) -> int:
        """Store objects below a prefix; how many."""
        s3, number = self.client("s3"), 0
        for number, (key, body) in enumerate(content, 1):
            s3.put_object(Bucket=prefix.bucket, Key=prefix.object_key(key), Body=body)
        return number

    def operator_policies(self, policies: Iterable[PolicyFile]) -> None:
        """Create managed policies and attach them to the calling user."""
        iam = self.client("iam")
        user = self.client("sts").get_caller_identity()["Arn"].rsplit("/", 1)[-1]
        for policy in policies:
            document = json.dumps(json.loads(policy.path.read_text()))
            made = iam.create_policy(PolicyName=policy.name, PolicyDocument=document)
            iam.attach_user_policy(UserName=user, PolicyArn=made["Policy"]["Arn"])
