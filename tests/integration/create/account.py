"""What an administrator prepares in an account before anybody creates a cluster: buckets, attached policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REGION = "us-west-2"
ZONE = "us-west-2d"
USER = "daylily-local"
BLESSED = ("DaylilyGlobalEClusterPolicy", f"DaylilyRegionalEClusterPolicy-{REGION}", "pcluster-omics-analysis")
REFERENCE_KEYS = (
    "genomic_data/organism_references/H_sapiens/hg38/hg38.fa",
    "genomic_data/organism_annotations/H_sapiens/hg38/genes.bed",
    "runtime_assets/cached_envs/marker",
    "runtime_assets/tool_specific_resources/marker",
)


@dataclass(frozen=True)
class Buckets:
    """One bucket for each storage role."""

    reference: str
    control: str
    staging: str
    results: str


def prepare_account(client: Callable[[str], Any], prefix: str = "omics") -> Buckets:
    """Make the four buckets with their content and attach the operator's policies."""
    buckets = Buckets(*(f"{prefix}-{role}-{REGION}" for role in ("reference", "control", "staging", "results")))
    s3 = client("s3")
    for name in (buckets.reference, buckets.control, buckets.staging, buckets.results):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=buckets.reference, Key="s3_reference_data_version.info", Body=b"0.7.131c\n")
    for key in REFERENCE_KEYS:
        s3.put_object(Bucket=buckets.reference, Key=key, Body=b"content\n")
    s3.put_object(Bucket=buckets.control, Key="genomic_data/organism_reads/one.fastq.gz", Body=b"reads\n")
    iam = client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    for name in BLESSED:
        arn = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_user_policy(UserName=USER, PolicyArn=arn)
    return buckets


def write_config(path: Path, cluster: str, buckets: Buckets, **values: str) -> Path:
    """A configuration file that leaves no question open."""
    settings = {
        "cluster_name": cluster,
        "reference_s3_uri": f"s3://{buckets.reference}/",
        "control_data_s3_uri": f"s3://{buckets.control}/",
        "stage_s3_uri": f"s3://{buckets.staging}/staged_external_data/",
        "export_destination_s3_uri": f"s3://{buckets.results}/analysis_results/",
        "budget_email": "ops@example.org",
        **values,
    }
    lines = "".join(f'    {key}: [USESETVALUE, "", "{value}"]\n' for key, value in settings.items())
    path.write_text(f"ephemeral_cluster:\n  config:\n{lines}")
    return path
