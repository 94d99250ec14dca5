"""The profile: with its variables the usual clients just work, and nothing of the operator's own is touched."""

from __future__ import annotations

import json
import subprocess

from daylily_ec.localcloud.profile import exports
from tests.integration.localcloud_aws.conftest import Cloud


def test_exports_are_shell_commands(cloud: Cloud) -> None:
    script = exports(cloud.layout).commands + 'printf \'%s\\n\' "$AWS_PROFILE" "$AWS_CONFIG_FILE" "$AWS_REGION"'
    shown = subprocess.run(["bash", "-c", script], env={}, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["daylily-local", str(cloud.layout.aws_config), "us-west-2"]
    assert "AWS_EC2_METADATA_DISABLED=true" in exports(cloud.layout).commands


def test_credentials_are_private(cloud: Cloud) -> None:
    assert cloud.layout.aws_credentials.stat().st_mode & 0o077 == 0
    assert cloud.layout.root.stat().st_mode & 0o077 == 0


def test_aws_cli_speaks_to_the_local_cloud_and_leaves_the_home_alone(cloud: Cloud) -> None:
    done = cloud.run("aws", "sts", "get-caller-identity")
    assert json.loads(done.stdout)["Arn"] == "arn:aws:iam::123456789012:user/daylily-local", done.stderr
    assert not (cloud.home / ".aws").exists()


def test_only_the_loopback_interface_listens(cloud: Cloud) -> None:
    port = int(cloud.endpoint.rpartition(":")[2])
    with open("/proc/net/tcp", encoding="ascii") as table:  # noqa: PTH123
        listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
    assert [address for address in listening if address.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]
