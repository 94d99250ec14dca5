"""What an operator's account holds before the first cluster: buckets with content.

On AWS an administrator makes these once.  Here they are made through the same API calls, so that the product finds
them as it would find them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daylily_ec.domain.s3uri import S3Prefix


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
        s3, stored = self.client("s3"), list(content)
        for key, body in stored:
            s3.put_object(Bucket=prefix.bucket, Key=prefix.object_key(key), Body=body)
        return len(stored)
