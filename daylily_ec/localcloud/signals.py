"""Signals to wait conditions: JSON documents at presigned S3 URLs, in buckets that belong to AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.session import Session
from moto.cloudformation.models import Stack
from moto.s3.models import s3_backends

AWS_ACCOUNT = "000000000001"
"""Owner of the buckets that are AWS's own, so that no customer account lists them."""
HANDLE_TYPE = "AWS::CloudFormation::WaitConditionHandle"


@cache
def _presigner(region: str, endpoint: str) -> Any:
    session: Any = Session
    return session().create_client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="AKIAAWSOWNED00000000",
        aws_secret_access_key="unchecked",
    )


def new_handle(stack_id: str, logical_id: str, region: str, endpoint: str) -> str:
    """A URL that accepts one `PUT` of a signal for a day."""
    bucket = f"cloudformation-waitcondition-{region}"
    owner = s3_backends[AWS_ACCOUNT]["aws"]
    if bucket not in owner.buckets:
        owner.create_bucket(bucket, region)
    place = {"Bucket": bucket, "Key": f"{stack_id}/{logical_id}/{uuid.uuid4()}"}
    client = _presigner(region, endpoint)
    return str(client.generate_presigned_url("put_object", Params=place, ExpiresIn=86_400))


def handle_urls(stack: Stack) -> Iterator[str]:
    """The handles that a stack has now."""
    for resource in list(stack.resource_map._parsed_resources.values()):
        if getattr(resource, "cf_resource_type", "") == HANDLE_TYPE:
            yield str(resource.physical_resource_id)


def read_signals(url: str) -> dict[str, dict[str, str]]:
    """What has been signalled at a handle's URL, by unique id."""
    bucket, key = _place(url)
    found = s3_backends[AWS_ACCOUNT]["aws"].buckets[bucket].keys.get(key)
    if found is None:
        return {}
    signal = json.loads(found.value)
    return {signal["UniqueId"]: signal}


def send_signal(url: str, *, ok: bool, reason: str, unique_id: str) -> None:
    """Do what `cfn-signal` does: put the document at the handle's URL."""
    bucket, key = _place(url)
    signal = {"Status": "SUCCESS" if ok else "FAILURE", "Reason": reason, "UniqueId": unique_id, "Data": ""}
    s3_backends[AWS_ACCOUNT]["aws"].put_object(bucket, key, json.dumps(signal).encode())


def forget_signals(url: str) -> None:
    """Remove what was signalled."""
    bucket, key = _place(url)
    keys = s3_backends[AWS_ACCOUNT]["aws"].buckets[bucket].keys
    if key in keys:
        keys.pop(key)


def _place(url: str) -> tuple[str, str]:
    bucket, _, key = unquote(urlsplit(url).path).lstrip("/").partition("/")
    return bucket, key
