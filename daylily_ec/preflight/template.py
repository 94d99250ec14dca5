"""The cluster template as far as it decides what a cluster may use, before anything is resolved in AWS."""

from __future__ import annotations

from typing import Any

from daylily_ec.config.models import ClusterConfig
from daylily_ec.config.resources import locate
from daylily_ec.render.renderer import check_startup_associations
from daylily_ec.render.substitutions import Scalar, load_values, substitute

TOKENS = (
    "REGION", "PUB_SUBNET", "PRIVATE_SUBNET", "KEYNAME", "S3_BUCKET_INIT", "S3_IAM_POLICY", "S3_REFERENCE_BUCKET",
    "S3_CONTROL_DATA_BUCKET", "S3_STAGE_BUCKET", "S3_EXPORT_BUCKET", "S3_REFERENCE_URI", "S3_CONTROL_DATA_URI",
    "S3_STAGE_URI", "S3_EXPORT_URI", "FSX_SIZE",
    "DETAILED_MONITORING", "DELETE_LOCAL_ROOT", "CLUSTER_NAME", "USERNAME", "PROJECT",
    "SAVE_FSX", "ENFORCE_BUDGET", "AWS_ACCOUNT_ID", "ALLOCATION_STRATEGY", "DAYLILY_GIT_DEETS", "MAX_COUNT_8I",
    "MAX_COUNT_128I", "MAX_COUNT_192I", "HEADNODE_INSTANCE_TYPE", "HEARTBEAT_EMAIL", "HEARTBEAT_SCHEDULE",
    "HEARTBEAT_SCHEDULER_ROLE_ARN",
)  # fmt: skip
"""Every token a template may hold, without the `REGSUB_` before it."""


def draft(config: ClusterConfig) -> dict[str, Any]:
    """The template with what decides its size filled in, and words for the rest.

    `NotFound` when there is no such file; `ValidationError` for broken YAML, unknown tokens or startup associations
    that a cluster must not have.
    """
    path = locate(config.cluster_template_yaml)
    document = load_values(path.read_text(encoding="utf-8"), str(path))
    words: dict[str, Scalar] = {f"REGSUB_{name}": name.lower() for name in TOKENS}
    size: dict[str, Scalar] = {
        "REGSUB_MAX_COUNT_8I": config.max_count_8I,
        "REGSUB_MAX_COUNT_128I": config.max_count_128I,
        "REGSUB_MAX_COUNT_192I": config.max_count_192I,
        "REGSUB_FSX_SIZE": config.fsx_fs_size,
        "REGSUB_HEADNODE_INSTANCE_TYPE": config.headnode_instance_type,
    }
    substitute(document, words | size, str(path))
    check_startup_associations(document, str(path))
    return document


def scratch_capacity(document: dict[str, Any]) -> int:
    """GiB of the FSx for Lustre scratch file systems that the cluster makes for itself."""
    settings = [
        storage.get("FsxLustreSettings") or {}
        for storage in document.get("SharedStorage") or []
        if storage.get("StorageType") == "FsxLustre"
    ]
    return sum(
        int(item.get("StorageCapacity") or 0)
        for item in settings
        if str(item.get("DeploymentType", "SCRATCH_2")).startswith("SCRATCH") and not item.get("FileSystemId")
    )


def has_elastic_ip(document: dict[str, Any]) -> bool:
    """Whether the head node takes an elastic IP address of its own."""
    return ((document.get("HeadNode") or {}).get("Networking") or {}).get("ElasticIp") is True
