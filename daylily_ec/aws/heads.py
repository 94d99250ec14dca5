"""HeadObject for very many objects of one bucket.

A call through botocore costs a millisecond of one processor, most of it in parts that do the same for every key.  Here
the address, once botocore has resolved it, is signed by botocore's own signer and sent over kept connections, which
takes a seventh.  Whatever is not a plain answer (any status but 200, a broken connection) is left to botocore, which
retries and explains.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from daylily_ec.aws.context import AwsContext
from daylily_ec.version import __version__

_PROBE = "dyec-probe"
_TIMEOUT_S = 30.0
_HEADERS = {"x-amz-checksum-mode": "ENABLED", "User-Agent": f"dyec/{__version__} dyec"}


class HeadObjects:
    """Answers of HeadObject with ChecksumMode as header mappings with lower-case names; None is for botocore to ask."""

    def __init__(self, context: AwsContext, bucket: str) -> None:
        self._context = context
        self._mine = threading.local()
        url = context.client("s3").raw.generate_presigned_url(
            "head_object", Params={"Bucket": bucket, "Key": _PROBE}, ExpiresIn=60
        )
        address = urlsplit(url)
        self._base = f"{address.scheme}://{address.netloc}{address.path.removesuffix(_PROBE)}"
        self._connect = _connector(context, url)

    def headers(self, key: str) -> dict[str, str] | None:
        """The headers of one answer, None unless it is a plain success."""
        if self._connect is None:
            return None
        url = self._base + quote(key, safe="/~")
        connection = getattr(self._mine, "connection", None) or self._connect()
        self._mine.connection = None
        try:
            connection.request("HEAD", urlsplit(url).path, headers=self._signed(url))
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return None
        self._mine.connection = connection
        if answer.status != http.client.OK:
            return None
        return {name.lower(): value for name, value in answer.getheaders()}

    def _signed(self, url: str) -> dict[str, str]:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest

        request: Any = AWSRequest("HEAD", url, headers=_HEADERS)
        # Asked for every time: credentials of a role are renewed while a long verification runs.
        S3SigV4Auth(self._context.credentials(), "s3", self._context.region).add_auth(request)
        return dict(request.headers.items())


def _connector(context: AwsContext, url: str) -> Callable[[], http.client.HTTPConnection] | None:
    """How to connect; None behind a proxy, which botocore knows how to pass."""
    from botocore.httpsession import get_cert_path
    from botocore.utils import get_environ_proxies

    if get_environ_proxies(url):
        return None
    address = urlsplit(url)
    host, port = address.hostname or "", address.port
    if address.scheme == "http":
        return lambda: http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    trusted = ssl.create_default_context(cafile=context.certificates() or get_cert_path(True))
    return lambda: http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=trusted)
