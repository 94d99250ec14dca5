"""The four storage roles with stand-in content, as an administrator provides them once on AWS.

The layout is the one that a reference bundle has; what is below it is stand-in text, and says so.
"""

from __future__ import annotations

import gzip
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.localcloud.account import Account

ROLES: Mapping[str, S3Prefix] = {
    "reference": S3Prefix("daylily-references", ""),
    "control_data": S3Prefix("daylily-control-data", ""),
    "staging": S3Prefix("daylily-sequencing-data", "staged_external_data/"),
    "export_destination": S3Prefix("daylily-sequencing-data", "derived/"),
}
"""Where each role lies."""
VARIABLES: Mapping[str, str] = {
    "reference": "REFERENCE_S3_URI",
    "control_data": "CONTROL_DATA_S3_URI",
    "staging": "STAGE_S3_URI",
    "export_destination": "EXPORT_S3_URI",
}
"""Environment variable in which the documentation's commands find a role."""
SETTINGS: Mapping[str, str] = {
    "reference": "reference_s3_uri",
    "control_data": "control_data_s3_uri",
    "staging": "stage_s3_uri",
    "export_destination": "export_destination_s3_uri",
}
"""Configuration key of a role."""
RUN_FOLDER = S3Prefix("daylily-sequencer-runs", "RUN123/")
"""A sequencer's run folder."""

CLUSTER = "day-local"
EMAIL = "operator@example.com"
REFERENCE_VERSION = "0.7.131c"
_LAYOUT = (
    "genomic_data/organism_references/H_sapiens/hg38",
    "genomic_data/organism_annotations/H_sapiens/hg38",
    "runtime_assets/cluster_boot_config",
    "runtime_assets/cached_envs",
    "runtime_assets/tool_specific_resources",
    "runtime_assets/budget_tags",
)
_NOTICE = b"Stand-in: this prefix belongs to the layout and has no real content in the local cloud.\n"
_READ = b"@stand-in:1\nACGTACGTACGTACGT\n+\nIIIIIIIIIIIIIIII\n"
_READS = "genomic_data/organism_reads/H_sapiens/HG002/HG002_R{end}.fastq.gz"


@dataclass(frozen=True, slots=True)
class Storage:
    """What was provided: the roles' URIs by configuration key, a run folder, the file, and how a shell gets them."""

    roles: Mapping[str, str]
    run_folder: str
    objects: int
    config: str
    commands: str


_RUN = {
    "RunInfo.xml": b"<RunInfo/>\n", "RunParameters.xml": b"<RunParameters/>\n",
    "InterOp/TileMetricsOut.bin": bytes((2, 10)), "Data/Intensities/BaseCalls/L001/C1.1/s_1_1101.bcl": bytes(4),
}  # fmt: skip
"""The outline of a sequencer's run folder: metrics and calls of no cluster."""


def provide(account: Account, config: str) -> Storage:
    """Create the buckets and their content; buckets that exist are kept, objects are written again.

    `config` is where the configuration file will lie; it is named, not written.
    """
    have = {bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]}
    for name in sorted({prefix.bucket for prefix in (*ROLES.values(), RUN_FOLDER)} - have):
        account.bucket(name)
    stored = sum(account.objects(ROLES[role], content.items()) for role, content in _content().items())
    stored += account.objects(RUN_FOLDER, _RUN.items())
    roles = {SETTINGS[role]: str(prefix) for role, prefix in ROLES.items()}
    return Storage(roles, str(RUN_FOLDER), stored, config, _commands(config))


def configuration() -> str:
    """The text of a configuration file that names the roles; everything else has its default."""
    values = {
        "cluster_name": CLUSTER,
        **{SETTINGS[role]: str(prefix) for role, prefix in ROLES.items()},
        "budget_email": EMAIL,
        "heartbeat_email": EMAIL,
    }
    rows = "".join(f'    {key}: [USESETVALUE, "", "{value}"]\n' for key, value in values.items())
    return f"# Made by `dyec local account` for the local cloud.\nephemeral_cluster:\n  config:\n{rows}"


def _content() -> Mapping[str, Mapping[str, bytes]]:
    reads = {_READS.format(end=end): gzip.compress(_READ, mtime=0) for end in (1, 2)}
    marker = {"s3_reference_data_version.info": f"{REFERENCE_VERSION}\n".encode()}
    return {
        "reference": {**marker, **{f"{prefix}/README.txt": _NOTICE for prefix in _LAYOUT}},
        "control_data": reads,
        "staging": {"README.txt": b"Samples are staged below this prefix.\n"},
        "export_destination": {"README.txt": b"Analyses are exported below this prefix.\n"},
    }


def _commands(config: str) -> str:
    values = {
        "DAY_EX_CFG": config,
        "CLUSTER_NAME": CLUSTER,
        **{VARIABLES[role]: prefix.bare for role, prefix in ROLES.items()},
        "RUN_FOLDER_S3_URI": RUN_FOLDER.bare,
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
