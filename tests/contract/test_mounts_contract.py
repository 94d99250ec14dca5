"""Options, defaults and JSON names of the commands about mounts, as scripts of the reference release know them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from daylily_ec.aws.fsx import Association, AssociationLifecycle
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue, MissingInput
from daylily_ec.fsx import policy
from daylily_ec.fsx.policy import Platform, Purpose
from daylily_ec.fsx.records import record_of
from daylily_ec.util.jsonio import plain
from tests.contract.commands import leaves

LEAVES = {leaf.name: leaf for leaf in leaves()}
ATTACH = {
    "--cluster": None, "--cluster-name": None, "--fsx-file-system-id": None, "--region": None, "--profile": None,
    "--mount-id": None, "--run-id": None, "--platform": "OTHER", "--file-system-path": None, "--read-only": True,
    "--no-read-only": True, "--batch-import-metadata-on-create": True, "--no-batch-import-metadata-on-create": True,
    "--auto-import": "NEW,CHANGED", "--auto-export": None, "--allow-writeback-admin": False, "--wait": True,
    "--no-wait": True, "--timeout-seconds": 900, "--tag": None,
}  # fmt: skip
TARGET = {"--cluster": None, "--cluster-name": None, "--fsx-file-system-id": None, "--region": None, "--profile": None}
ONE = {"--mount-id": None, "--association-id": None}
COMMANDS: dict[str, dict[str, Any]] = {
    "mounts create": {**ATTACH, "--purpose": "run"},
    "mounts ensure": {**ATTACH, "--purpose": "run"},
    "mount rundir": ATTACH,
    "mounts list": {**TARGET, "--purpose": None},
    "mounts describe": {**TARGET, **ONE},
    "mounts delete": {**TARGET, **ONE, "--wait": True, "--no-wait": True, "--timeout-seconds": 900},
    "mounts verify": {**TARGET, **ONE, "--platform": None, "--timeout-seconds": 300},
}
RECORD = {
    "mount_id", "purpose", "run_id", "platform", "cluster_name", "region", "source_s3_uri", "fsx_file_system_id",
    "file_system_path", "headnode_path", "association_id", "lifecycle", "read_only", "data_repository_path",
    "auto_import_events", "auto_export_events", "batch_import_metadata_on_create", "created_at", "updated_at",
    "local_projection_status",
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_there_with_its_default(name: str) -> None:
    found = {spelling: param.default for param in LEAVES[name].params if param.param_type_name == "option"
             for spelling in (*param.opts, *param.secondary_opts)}  # fmt: skip
    assert COMMANDS[name].items() <= {key: value for key, value in found.items() if key in COMMANDS[name]}.items()
    required = {param.name for param in LEAVES[name].params if param.required}
    expected = {"region"} | ({"source"} if "--auto-import" in found else set())
    assert required == expected | ({"cluster"} if name == "mounts verify" else set())


def test_rundir_has_no_purpose() -> None:
    assert "--purpose" not in LEAVES["mount rundir"].options


def association(path: str, **tags: str) -> Association:
    return Association("dra-0123456789abcdef0", "fs-0123456789abcdef0", FsxPath.parse(path), S3Prefix("runs", "RUN1/"),
                       AssociationLifecycle.AVAILABLE, tags=tags)  # fmt: skip


def test_the_record_has_the_names() -> None:
    record = record_of(association("/run_dir_mounts/RUN1/"), cluster="day-demo", region="us-west-2",
                       now=datetime(2026, 2, 11, tzinfo=UTC))  # fmt: skip
    document = plain(record)
    assert set(document) == RECORD
    assert (document["headnode_path"], document["created_at"]) == ("/fsx/run_dir_mounts/RUN1/", "2026-02-11T00:00:00Z")


@pytest.mark.parametrize(
    ("path", "purpose", "mount_id"),
    [
        ("/run_dir_mounts/RUN1/", "run", "RUN1"), ("/run_dir_mounts/RUN1/sub/", "run", "RUN1"),
        ("/references/hg38/", "reference", "hg38"), ("/control_data/", "control-data", "control_data"),
        ("/staging/", "staging", "staging"), ("/staging/staged_external_sequencing_data/s1/", "staging", "s1"),
        ("/my_data/", "custom", "my_data"),
    ],
)  # fmt: skip
def test_purpose_and_id_of_an_association_without_tags_follow_its_place(path: str, purpose: str, mount_id: str) -> None:
    found = association(path)
    assert (str(policy.purpose_of(found)), policy.mount_id_of(found)) == (purpose, mount_id)


def test_the_id_is_the_given_one_else_the_run_else_the_last_component() -> None:
    source = S3Prefix("runs", "a/RUN1/")
    assert policy.choose_mount_id(source, "M", "R") == "M"
    assert policy.choose_mount_id(source, None, "R") == "R"
    assert policy.choose_mount_id(source, None, None) == "RUN1"
    with pytest.raises(MissingInput):
        policy.choose_mount_id(S3Prefix("runs"), None, None)


def test_words_are_read_in_any_case_and_wrong_ones_name_the_right_ones() -> None:
    assert Purpose.parse("Control_Data") is Purpose.CONTROL_DATA
    assert Platform.parse("ilmn") is Platform.ILMN
    for parse in (Purpose.parse, Platform.parse):
        with pytest.raises(InvalidValue, match="must be one of"):
            parse("x")


@pytest.mark.parametrize(
    ("text", "events"),
    [("", ("NEW", "CHANGED")), ("none", ()), ("off", ()), ("all", ("NEW", "CHANGED", "DELETED")), ("NEW,new", ("NEW",)),
     ("deleted new", ("DELETED", "NEW"))],
)  # fmt: skip
def test_events_are_a_list_all_or_none(text: str, events: tuple[str, ...]) -> None:
    assert policy.parse_events(text, "auto-import", ("NEW", "CHANGED")) == events
