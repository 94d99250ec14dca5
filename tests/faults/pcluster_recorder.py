"""Stands for `pcluster` in quick sweeps: submits a stack of the same name and tags, and knows nothing else.

Run as a program with the standard library alone, so that it starts in a few hundredths of a second.  Its stack holds
a head node without a box and converges at once; CloudFormation decides about the unique name as ever.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

DRY_RUN = "Request would have succeeded, but DryRun flag is set."
VERSION = "3.13.2"
_TAG = re.compile(r'^ *- *Key: *"?(?P<key>[^"\n]+)"?\n *Value: *"?(?P<value>[^"\n]*)"?$', re.MULTILINE)
_SUBNET = re.compile(r'SubnetId: *"?(subnet-[0-9a-f]+)')


def endpoint() -> str:
    profile = configparser.ConfigParser()
    profile.read(os.environ["AWS_CONFIG_FILE"])
    return profile[f"profile {os.environ['AWS_PROFILE']}"]["endpoint_url"]


def key() -> str:
    credentials = configparser.ConfigParser()
    credentials.read(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    return credentials[os.environ["AWS_PROFILE"]]["aws_access_key_id"]


def call(action: str, **parameters: str) -> tuple[int, str]:
    form = {"Action": action, "Version": "2010-05-15", **parameters}
    region = os.environ["AWS_REGION"]
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key()}/20260101/{region}/cloudformation/aws4_request",
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "User-Agent": "pcluster-recorder/1",
    }
    request = urllib.request.Request(endpoint(), urllib.parse.urlencode(form).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def template(name: str, subnet: str) -> str:
    tags = [{"Key": "parallelcluster:cluster-name", "Value": name},
            {"Key": "parallelcluster:node-type", "Value": "HeadNode"}]  # fmt: skip
    node = {"ImageId": "ami-12c6146b", "InstanceType": "t3.medium", "SubnetId": subnet, "Tags": tags}
    disk = {"FileSystemType": "LUSTRE", "StorageCapacity": 1200, "SubnetIds": [subnet], "Tags": tags[:1],
            "LustreConfiguration": {"DeploymentType": "SCRATCH_2"}}  # fmt: skip
    resources = {
        "HeadNode": {"Type": "AWS::EC2::Instance", "Properties": node},
        "Disk": {"Type": "AWS::FSx::FileSystem", "Properties": disk},
    }
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})


def create(name: str, config: str) -> int:
    text = Path(config).read_text(encoding="utf-8")
    tags = {found["key"]: found["value"] for found in _TAG.finditer(text)}
    tags |= {"parallelcluster:version": VERSION, "parallelcluster:cluster-name": name}
    subnets = _SUBNET.findall(text)
    form = {"StackName": name, "TemplateBody": template(name, subnets[0]), "DisableRollback": "true"}
    for number, (tag, value) in enumerate(sorted(tags.items()), 1):
        form |= {f"Tags.member.{number}.Key": tag, f"Tags.member.{number}.Value": value}
    status, body = call("CreateStack", **form)
    if status != 200:
        print(json.dumps({"message": f"Bad Request: {body}"}))
        return 1
    settle(name)
    arn = body.partition("<StackId>")[2].partition("</StackId>")[0]
    print(json.dumps({"cluster": {"clusterName": name, "cloudformationStackArn": arn,
                                  "clusterStatus": "CREATE_IN_PROGRESS"}}))  # fmt: skip
    return 0


def delete(name: str) -> int:
    status, body = call("DescribeStacks", StackName=name)
    if status != 200:
        print(json.dumps({"message": f"Cluster '{name}' does not exist"}))
        return 1
    status, body = call("DeleteStack", StackName=name)
    if status != 200:
        print(json.dumps({"message": f"Bad Request: {body}"}))
        return 1
    settle(name, "DELETE_IN_PROGRESS")
    print(json.dumps({"cluster": {"clusterName": name, "clusterStatus": "DELETE_IN_PROGRESS"}}))
    return 0


def settle(name: str, status: str = "_IN_PROGRESS") -> None:
    """Wait until the stack is made or gone: so the caller polls, and calls, equally often each time."""
    deadline = time.monotonic() + 20
    while f"{status}</StackStatus>" in call("DescribeStacks", StackName=name)[1] and time.monotonic() < deadline:
        time.sleep(0.02)


def main(words: list[str]) -> int:
    options = dict(zip(words[1::2], words[2::2], strict=False))
    if words[0] == "version":
        print(json.dumps({"version": VERSION}))
        return 0
    if words[0] == "create-cluster" and options.get("--dryrun") == "true":
        print(json.dumps({"message": DRY_RUN}))
        return 1
    if words[0] == "create-cluster":
        return create(options["-n"], options["-c"])
    if words[0] == "delete-cluster":
        return delete(options["-n"])
    print(json.dumps({}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
