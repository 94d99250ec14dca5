"""What the benchmarks share: a local cloud of their own, an account with all that a cluster needs, a configuration.

The configuration suits both sides: the reference's `preflight` reads default values only, so each value stands in both
slots of its triplet; bucket names and prefixes follow the reference's rules.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
ZONE = "us-west-2d"
VALUES = {
    "cluster_name": "bench-one",
    "reference_s3_uri": "s3://bench-references",
    "control_data_s3_uri": "s3://bench-control-data",
    "stage_s3_uri": "s3://bench-sequencing-data/staged_external_data",
    "export_destination_s3_uri": "s3://bench-sequencing-data/derived",
    "budget_email": "ops@example.org",
}
_OBJECTS = {
    "bench-references": {
        "s3_reference_data_version.info": "0.7.131c\n",
        "genomic_data/organism_references/H_sapiens/hg38/README": "x",
        "genomic_data/organism_annotations/H_sapiens/hg38/README": "x",
        "runtime_assets/cluster_boot_config/README": "x",
        "runtime_assets/cached_envs/README": "x",
        "runtime_assets/tool_specific_resources/README": "x",
        "runtime_assets/budget_tags/README": "x",
    },
    "bench-control-data": {"genomic_data/organism_reads/README": "x"},
    "bench-sequencing-data": {"staged_external_data/README": "x", "derived/README": "x"},
}
_POLICIES = ("DaylilyGlobalEClusterPolicy", "DaylilyRegionalEClusterPolicy-us-west-2")
_ALLOW_ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


@dataclass(frozen=True)
class Timed:
    """One run of a program: wall seconds, API calls by service and action, output."""

    seconds: float
    calls: tuple[str, ...]
    out: str
    err: str


@dataclass
class Scene:
    """A running local cloud, driven by commands and over its control path."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *argv: str, codes: tuple[int, ...] = (0,)) -> Timed:
        """Run a program; any other exit code ends the benchmark, because such a run does not count."""
        self.control("DELETE", "requests")
        start = time.perf_counter()
        done = subprocess.run(argv, env=self.env, cwd=self.home, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)  # fmt: skip
        seconds = time.perf_counter() - start
        if done.returncode not in codes:
            sys.exit(f"{' '.join(argv)} ended with {done.returncode}: not counted\n{done.stdout}\n{done.stderr}")
        calls = [json.loads(line) for line in self.control("GET", "requests").splitlines()]
        names = tuple(f"{call['service']}:{call['action']}" for call in calls)
        return Timed(seconds, names, done.stdout, done.stderr)

    @property
    def endpoint(self) -> str:
        """Where the local cloud answers."""
        lines = Path(self.env["AWS_CONFIG_FILE"]).read_text().splitlines()
        return next(line.split("=", 1)[1].strip() for line in lines if line.startswith("endpoint_url"))

    def control(self, method: str, name: str, body: dict[str, Any] | None = None) -> str:
        """One request on the control path."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.endpoint}/_dyec/{name}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(answer.read().decode())

    def client(self, service: str) -> Any:
        """A boto3 client of the operator."""
        import boto3

        os.environ.update({key: value for key, value in self.env.items() if key.startswith("AWS_")})
        return boto3.Session(profile_name=self.env["AWS_PROFILE"], region_name="us-west-2").client(service)

    def config(self, **values: str) -> str:
        """Path of a configuration file for both sides."""
        path = self.home / "cluster.yaml"
        lines = [f'    {key}: [USESETVALUE, "{text}", "{text}"]' for key, text in {**VALUES, **values}.items()]
        path.write_text("ephemeral_cluster:\n  config:\n" + "\n".join(lines) + "\n")
        return str(path)


@contextmanager
def scene(home: Path) -> Iterator[Scene]:
    """A local cloud with the account filled in; taken down at the end."""
    path = f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    keep = {key: os.environ[key] for key in ("TMPDIR", "DYEC_CHECKOUT") if key in os.environ}
    env = {**keep, "PATH": path, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"),
           "CONDA_DEFAULT_ENV": "DAY-EC", "USER": "bench"}  # fmt: skip
    subprocess.run([BIN / "dyec", "local", "up"], env=env, check=True, stdout=subprocess.DEVNULL)
    try:
        exports = subprocess.run([BIN / "dyec", "local", "env"], env=env, check=True, capture_output=True, text=True)
        for line in exports.stdout.splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            env[name] = value.strip("'")
        stage = Scene(home, env)
        _fill(stage)
        yield stage
    finally:
        subprocess.run([BIN / "dyec", "local", "down"], env=env, check=True, stdout=subprocess.DEVNULL)


def _fill(stage: Scene) -> None:
    s3, iam = stage.client("s3"), stage.client("iam")
    for bucket, objects in _OBJECTS.items():
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        for key, text in objects.items():
            s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    for name in _POLICIES:
        arn = iam.create_policy(PolicyName=name, PolicyDocument=_ALLOW_ALL)["Policy"]["Arn"]
        iam.attach_user_policy(UserName="daylily-local", PolicyArn=arn)
