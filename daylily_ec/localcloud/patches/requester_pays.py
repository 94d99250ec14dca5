"""Who pays for requests to a bucket: GetBucketRequestPayment and PutBucketRequestPayment, which moto takes for others.

moto answers the first as a listing and the second as CreateBucket.  That a reader of another account has to consent to
pay is not enforced: the local cloud has one account.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html
"""

from __future__ import annotations

import re
from typing import Any

from moto.s3.exceptions import MalformedXML
from moto.s3.responses import ACTION_MAP, S3Response

from daylily_ec.localcloud.patches.patching import PatchError, replace

_NAME = "requestPayment"
_PAYER = "dyec_request_payer"
_OWNER = "BucketOwner"
_XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"


def install() -> None:
    """Teach moto both operations."""
    for method in ("GET", "PUT"):
        actions = ACTION_MAP["BUCKET"][method]
        if _NAME in actions:
            raise PatchError(f"moto knows {_NAME} now: delete this extension")
        actions[_NAME] = f"{method.capitalize()}BucketRequestPayment"
    replace(S3Response, "_bucket_response_get", _getting)
    replace(S3Response, "_bucket_response_put", _putting)


def _getting(original: Any) -> Any:
    def get(self: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        if _NAME not in querystring:
            return original(self, bucket_name, querystring)
        bucket = _bucket(self, "GET", bucket_name, querystring)
        payer = getattr(bucket, _PAYER, _OWNER)
        text = f'<RequestPaymentConfiguration xmlns="{_XMLNS}"><Payer>{payer}</Payer></RequestPaymentConfiguration>'
        return 200, {"content-type": "application/xml"}, text

    return get


def _putting(original: Any) -> Any:
    def put(self: Any, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        if _NAME not in querystring:
            return original(self, request, bucket_name, querystring)
        bucket = _bucket(self, "PUT", bucket_name, querystring)
        body = self.body.decode() if isinstance(self.body, bytes) else str(self.body)
        found = re.search(r"<Payer>(Requester|BucketOwner)</Payer>", body)
        if found is None:
            raise MalformedXML()
        setattr(bucket, _PAYER, found[1])
        return ""

    return put


def _bucket(response: Any, method: str, name: str, querystring: dict[str, Any]) -> Any:
    response._set_action("BUCKET", method, querystring)
    response._authenticate_and_authorize_s3_action(bucket_name=name)
    return response.backend.get_bucket(name)
