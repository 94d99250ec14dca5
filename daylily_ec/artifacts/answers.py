"""The final configuration: every key with the one value that was used, flat, as a record and for other programs."""

from __future__ import annotations

import io
from collections.abc import Mapping

from daylily_ec.config.models import KEYS, ClusterConfig


def final_config_text(config: ClusterConfig, discovered: Mapping[str, str]) -> str:
    """One `key: value` per key in the order of the documentation; `discovered` are values that AWS gave."""
    from ruamel.yaml import YAML

    values = {**config.texts, **discovered}
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 4096
    yaml.dump({"ephemeral_cluster": {"final": {key.name: values.get(key.name, "") for key in KEYS}}}, out)
    return out.getvalue()
