"""What goes into a cluster's template and artifacts: token values, tags' facts, the configuration's hash."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping

from daylily_ec.aws.budgets import cluster_budget_name
from daylily_ec.aws.context import Identity
from daylily_ec.config.models import KEYS, ClusterConfig
from daylily_ec.config.triplets import USE_SET_VALUE, Triplet, dump, flow_triplet
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.plan.steps import Bindings
from daylily_ec.render.renderer import tag_value
from daylily_ec.render.substitutions import Scalar
from daylily_ec.version import __version__
from daylily_ec.workflow.create_network import NODE_POLICY, PRIVATE_SUBNET, PUBLIC_SUBNET
from daylily_ec.workflow.create_steps import BOOT_URI


def config_hash(config: ClusterConfig, template: str, zone: AvailabilityZone) -> str:
    """16 hexadecimal digits that are equal exactly when zone, template and all effective values are."""
    document = {"zone": zone, "template": template, "values": dict(config.texts)}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def template_values(
    config: ClusterConfig, zone: AvailabilityZone, profile: str | None, identity: Identity, bindings: Bindings
) -> dict[str, Scalar]:
    """The value of every token; outputs that no step has produced yet appear as `<from step>`."""
    return {f"REGSUB_{name}": value for name, value in {
        **_places(zone, bindings), **_storage(config), **_settings(config), **_labels(config, zone, profile, identity),
    }.items()}  # fmt: skip


def _places(zone: AvailabilityZone, bindings: Bindings) -> dict[str, Scalar]:
    return {
        "REGION": str(zone.region),
        "PUB_SUBNET": bindings.show(PUBLIC_SUBNET),
        "PRIVATE_SUBNET": bindings.show(PRIVATE_SUBNET),
        "S3_IAM_POLICY": bindings.show(NODE_POLICY),
        "S3_BUCKET_INIT": bindings.show(BOOT_URI),
    }


def _storage(config: ClusterConfig) -> dict[str, Scalar]:
    roles = {
        "REFERENCE": config.reference_s3_uri,
        "CONTROL_DATA": config.control_data_s3_uri,
        "STAGE": config.stage_s3_uri,
        "EXPORT": config.export_destination_s3_uri,
    }
    buckets = {f"S3_{role}_BUCKET": place.bucket for role, place in roles.items()}
    return {**buckets, **{f"S3_{role}_URI": place.bare for role, place in roles.items()}}


def _settings(config: ClusterConfig) -> dict[str, Scalar]:
    return {
        "KEYNAME": config.ssh_key_name or "",
        "HEADNODE_INSTANCE_TYPE": config.headnode_instance_type,
        "FSX_SIZE": config.fsx_fs_size,
        "DETAILED_MONITORING": config.enable_detailed_monitoring,
        "DELETE_LOCAL_ROOT": config.delete_local_root,
        "SAVE_FSX": config.auto_delete_fsx.value,
        "ALLOCATION_STRATEGY": config.spot_instance_allocation_strategy,
        "MAX_COUNT_8I": config.max_count_8I,
        "MAX_COUNT_128I": config.max_count_128I,
        "MAX_COUNT_192I": config.max_count_192I,
        "HEARTBEAT_EMAIL": config.heartbeat_email,
        "HEARTBEAT_SCHEDULE": config.heartbeat_schedule,
        "HEARTBEAT_SCHEDULER_ROLE_ARN": config.heartbeat_scheduler_role_arn or "",
    }


def _labels(
    config: ClusterConfig, zone: AvailabilityZone, profile: str | None, identity: Identity
) -> dict[str, Scalar]:
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or "unknown"
    return {
        "CLUSTER_NAME": str(config.cluster_name),
        "PROJECT": cluster_budget_name(zone, config.cluster_name),
        "USERNAME": tag_value(f"{user}-{identity.user}"),
        # The token's name is older than its use: the tag tells which profile made the cluster.
        "AWS_ACCOUNT_ID": tag_value(f"aws_profile-{profile or 'environment'}"),
        "ENFORCE_BUDGET": config.enforce_budget.value,
        "DAYLILY_GIT_DEETS": tag_value(f"daylily-ec-{__version__}"),
    }


def next_run_text(config: ClusterConfig, discovered: Mapping[str, str]) -> str:
    """A configuration file that repeats the run without a question; `discovered` are values that AWS gave."""
    from ruamel.yaml.comments import CommentedMap

    values = {**config.texts, **discovered}
    keys = CommentedMap()
    for key in KEYS:
        keys[key.name] = flow_triplet(Triplet(USE_SET_VALUE, key.default, values.get(key.name, "")))
    return dump(CommentedMap(ephemeral_cluster=CommentedMap(config=keys)))


def resolved_text(config: ClusterConfig, zone: AvailabilityZone, discovered: Mapping[str, str]) -> str:
    """Every setting with the value that was used and where it came from."""
    from ruamel.yaml import YAML

    origins = {key: origin.value for key, origin in config.origins.items()} | dict.fromkeys(discovered, "aws")
    values = {**config.texts, **discovered}
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 4096
    settings = {key.name: {"value": values.get(key.name, ""), "from": origins.get(key.name, "")} for key in KEYS}
    yaml.dump({"dyec_version": __version__, "region_az": str(zone), "settings": settings}, out)
    return out.getvalue()
