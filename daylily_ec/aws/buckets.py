"""S3 buckets' own settings that decide who can read their objects; read only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from daylily_ec.aws.context import AwsContext, aws_code
from daylily_ec.errors import AwsError

_NO_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError"


@dataclass(frozen=True, slots=True)
class Encryption:
    """Default encryption of a bucket: `algorithm` is S3's word, `key` the KMS key named in it, empty when none is."""

    algorithm: str = ""
    key: str = ""

    @property
    def has_own_key(self) -> bool:
        """Whether a customer managed KMS key is used, whose policy decides; `aws/s3` needs nothing."""
        return self.algorithm.startswith("aws:kms") and bool(self.key) and not self.key.endswith("alias/aws/s3")


class BucketsApi(Protocol):
    """The calls the product makes."""

    def encryption(self, bucket: str) -> Encryption:
        """Default encryption of the bucket."""

    def requester_pays(self, bucket: str) -> bool:
        """Whether readers of other accounts must say that they pay."""


class Buckets:
    """`BucketsApi` through boto3."""

    def __init__(self, context: AwsContext) -> None:
        self._client = context.client("s3")

    def encryption(self, bucket: str) -> Encryption:
        try:
            answer = self._client.call("get_bucket_encryption", Bucket=bucket)
        except AwsError as error:
            if aws_code(error) == _NO_ENCRYPTION:
                return Encryption()
            raise
        for rule in answer["ServerSideEncryptionConfiguration"]["Rules"]:
            default = rule.get("ApplyServerSideEncryptionByDefault")
            if default:
                return Encryption(default["SSEAlgorithm"], default.get("KMSMasterKeyID", ""))
        return Encryption()

    def requester_pays(self, bucket: str) -> bool:
        answer = self._client.call("get_bucket_request_payment", Bucket=bucket)
        return bool(answer.get("Payer") == "Requester")
