"""What `create` is asked for and what it answers."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from daylily_ec.config.models import ClusterConfig, Origin
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.pcluster.monitor import DEADLINE_S
from daylily_ec.preflight.context import Confirm


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What the operator asks for; `repo_overrides` are texts of the form `key:ref`, `deadline` is in seconds.

    `config_path` is where the configuration came from, for the command that resumes the run.
    """

    config: ClusterConfig
    zone: AvailabilityZone
    confirm: Confirm | None = None
    pass_on_warn: bool = False
    dry_run: bool = False
    rollback_on_failure: bool = True
    repo_overrides: tuple[str, ...] = ()
    deadline: float = DEADLINE_S
    config_path: str = ""


@dataclass(frozen=True, slots=True)
class ClusterCreated:
    """A cluster that runs, or (`status` STOPPED) one whose configuration has passed ParallelCluster's dry run."""

    cluster_name: str
    region: str
    region_az: str
    status: str
    outcome: Outcome | None
    elapsed_s: float
    head_node_instance_id: str
    head_node_ip: str
    fsx_ids: tuple[str, ...]
    warnings: tuple[str, ...]
    state_path: str
    cluster_yaml_path: str
    next_command: str
    post_create_warnings: tuple[str, ...] = ()


def resume_command(request: CreateRequest, profile: str | None) -> str:
    """The command line that goes on with this run from another shell."""
    words = ["dyec", "create", *(["--profile", profile] if profile else []), "--region-az", str(request.zone),
             *(["--config", request.config_path] if request.config_path else []),
             *(["--pass-on-warn"] if request.pass_on_warn else []),
             *([] if request.rollback_on_failure else ["--no-rollback-on-failure"]),
             *_given_flags(request.config)]  # fmt: skip
    return shlex.join([*words, *(word for one in request.repo_overrides for word in ("--repo-override", one))])


def _given_flags(config: ClusterConfig) -> list[str]:
    """Flags that set configuration keys: without them the resumed run would have another configuration."""
    flags = {"--spot-bump": "spot_price_bump", "--spot-cap": "spot_price_cap"}
    given = {flag: key for flag, key in flags.items() if config.origins.get(key) is Origin.FLAG}
    return [word for flag, key in given.items() for word in (flag, config.texts[key])]
