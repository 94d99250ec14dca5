"""The AWS profile `daylily-local`: files below the local cloud's root, never `~/.aws`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.localcloud.layout import Layout

PROFILE = "daylily-local"
REGION = "us-west-2"
USER = "daylily-local"
"""IAM user, an administrator, whose access key the profile holds."""
ACCESS_KEY_ID = "AKIALOCALDAYLILY2026"
SECRET_ACCESS_KEY = "local-cloud-only/no-real-account-accepts-it"


def write_profile(layout: Layout, endpoint: str) -> None:
    """Write the configuration and the credentials file; the latter is readable by the owner alone."""
    layout.aws_config.parent.mkdir(parents=True, exist_ok=True)
    config = f"[profile {PROFILE}]\nregion = {REGION}\noutput = json\ncli_pager =\nendpoint_url = {endpoint}\n"
    layout.aws_config.write_text(config, encoding="utf-8")
    secret = f"[{PROFILE}]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
    _write_private(layout.aws_credentials, secret)


def environment(layout: Layout) -> Mapping[str, str]:
    """The variables with which boto3, `aws`, `pcluster` and `dyec` talk to this local cloud."""
    return {
        "AWS_CONFIG_FILE": str(layout.aws_config),
        "AWS_SHARED_CREDENTIALS_FILE": str(layout.aws_credentials),
        "AWS_PROFILE": PROFILE,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@dataclass(frozen=True, slots=True)
class Exports:
    """The variables, and shell commands that set them."""

    environment: Mapping[str, str]
    commands: str


def exports(layout: Layout) -> Exports:
    """How a shell gets `environment`."""
    variables = environment(layout)
    return Exports(variables, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
