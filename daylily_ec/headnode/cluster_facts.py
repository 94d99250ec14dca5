"""What ParallelCluster leaves on a head node about its cluster: the configuration it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ValidationError

CLUSTER_CONFIG = Path("/opt/parallelcluster/shared/cluster-config.yaml")
_ASSETS = "/runtime_assets/"


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """Tags of the cluster, and the reference prefix that its first boot script comes from (None: none of ours)."""

    tags: dict[str, str]
    reference: S3Prefix | None


def read_facts(path: Path = CLUSTER_CONFIG) -> ClusterFacts:
    """The facts; `ValidationError` when the file cannot be read as a mapping."""
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ValidationError(f"The cluster's configuration {path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ValidationError(f"The cluster's configuration {path} is not a mapping.")
    tags = {str(tag["Key"]): str(tag["Value"]) for tag in document.get("Tags") or () if {"Key", "Value"} <= set(tag)}
    script = next((text for text in _scripts(document) if text.startswith("s3://")), "")
    head, found, _ = script.partition(_ASSETS)
    return ClusterFacts(tags, S3Prefix.parse(head, "boot script") if found else None)


def _scripts(node: Any) -> Iterator[str]:
    """Every `Script`, in the order of the document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Script" and isinstance(value, str):
                yield value
            else:
                yield from _scripts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _scripts(value)
