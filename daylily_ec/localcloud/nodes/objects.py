"""Boot scripts from S3, read through the endpoint with the instance role's key."""

from __future__ import annotations

from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from daylily_ec.localcloud.nodes.boot import FetchError
from daylily_ec.localcloud.nodes.rootfs import ACCESS_KEY


class EndpointObjects:
    """S3 of the local cloud as a node sees it."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def read(self, bucket: str, key: str, region: str) -> bytes:
        """Content of an object; raises FetchError with the client's words."""
        session: Any = Session
        config: Any = Config
        client = session().create_client(
            "s3",
            region_name=region,
            endpoint_url=self._endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key="unchecked",
            config=config(retries={"total_max_attempts": 2}),
        )
        try:
            content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise FetchError(str(error)) from error
        return content
