from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daylily_ec.domain.ids import MountId
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import DyecError, InvalidValue, MissingInput, Refused
from daylily_ec.fsx import policy
from daylily_ec.fsx.policy import Purpose
from daylily_ec.fsx.records import projection_path, record_of
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import FakeFsx, FakeS3, Tree

RUN = S3Prefix.parse("s3://runs/2026/RUN1/")


@pytest.mark.parametrize(("mount_id", "run_id", "expected"), [("m", "r", "m"), (None, "r", "r"), (None, None, "RUN1")])
def test_mount_ids_come_from_the_flag_the_run_or_the_prefix(
    mount_id: str | None, run_id: str | None, expected: str
) -> None:
    assert policy.choose_mount_id(RUN, mount_id, run_id) == expected


def test_a_bucket_root_has_no_name() -> None:
    with pytest.raises(MissingInput):
        policy.choose_mount_id(S3Prefix.parse("s3://runs"), None, None)


@pytest.mark.parametrize(
    ("purpose", "text", "expected"),
    [
        ("run", None, "/run_dir_mounts/M/"),
        ("reference", None, "/references/M/"),
        ("control_data", "/control_data/", "/control_data/"),
        ("STAGING", "/staging", "/staging/"),
        ("custom", "/mine/a", "/mine/a/"),
    ],
)
def test_paths_lie_in_the_root_of_their_purpose(purpose: str, text: str | None, expected: str) -> None:
    assert policy.choose_path(Purpose.parse(purpose), MountId("M"), text).value == expected


@pytest.mark.parametrize(
    ("purpose", "text"),
    [
        ("run", "/references/M"), ("run", "/run_dir_mounts/"), ("run", "/fsx/run_dir_mounts/M"), ("run", "/"),
        ("run", "/run_dir_mounts/../references/M"), ("run", "run_dir_mounts/M"), ("run", "/run_dir_mounts//M"),
        ("custom", "/references/x"), ("custom", "/analysis_results/a/b"), ("custom", "/fsx"),
        ("reference", "/references"),
    ],
)  # fmt: skip
def test_paths_outside_are_refused(purpose: str, text: str) -> None:
    with pytest.raises(InvalidValue):
        policy.choose_path(Purpose.parse(purpose), MountId("M"), text)


def test_a_custom_mount_needs_its_directory() -> None:
    with pytest.raises(MissingInput):
        policy.choose_path(Purpose.CUSTOM, MountId("M"), None)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(Purpose)), st.text(alphabet="ab./\\\0\n %-", max_size=30))
def test_no_path_leaves_its_root(purpose: Purpose, text: str) -> None:
    root = "/run_dir_mounts/"
    for given_text in (text, root + text, purpose.root + text):
        try:
            path = policy.choose_path(purpose, MountId("M"), given_text)
        except DyecError:
            continue
        assert path.value.startswith(purpose.root or "/")
        assert ".." not in PurePosixPath(path.value).parts
        assert path.on_node.is_relative_to("/fsx")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NEW,CHANGED", ("NEW", "CHANGED")), ("new deleted new", ("NEW", "DELETED")), ("none", ()), ("off", ()),
        ("", ("X",)), (None, ("X",)), ("all", ("NEW", "CHANGED", "DELETED")),
    ],
)  # fmt: skip
def test_events(text: str | None, expected: tuple[str, ...]) -> None:
    assert policy.parse_events(text, "auto-import", ("X",)) == expected


def test_unknown_events_are_refused() -> None:
    with pytest.raises(InvalidValue):
        policy.parse_events("NEW,GONE", "auto-import", ())


@pytest.mark.parametrize("item", ["novalue", "=x", "a=\n", "aws:x=1", "dyec:run-id=1", "k" * 129 + "=v"])
def test_tags_that_aws_or_the_system_would_refuse(item: str) -> None:
    with pytest.raises(InvalidValue):
        policy.parse_tags([item])


def mount(**more: object) -> policy.MountRequest:
    path = policy.choose_path(Purpose.RUN, MountId("RUN1"), None)
    return policy.MountRequest(RUN, Purpose.RUN, MountId("RUN1"), MountId("RUN1"), policy.Platform.ILMN, path, **more)  # type: ignore[arg-type]


def test_write_back_needs_the_flags_and_the_marker() -> None:
    policy.check_writeback(mount(), admin=False)
    with pytest.raises(Refused, match="--allow-writeback-admin"):
        policy.check_writeback(mount(read_only=False), admin=False)
    with pytest.raises(Refused, match="contradicts --read-only"):
        policy.check_writeback(mount(auto_export=("NEW",)), admin=True)
    policy.check_writeback(mount(read_only=False, auto_export=("NEW",)), admin=True)
    s3 = FakeS3()
    s3.put("runs", ".atlas_rw", b"")
    with pytest.raises(Refused, match=r"no \.atlas_rw object"):
        policy.writeback_marker(s3, RUN)
    s3.put("runs", "2026/.atlas_rw", b"")
    assert policy.writeback_marker(s3, RUN) == "s3://runs/2026/.atlas_rw"
    s3.put("runs", "2026/RUN1/.atlas_rw", b"")
    assert policy.writeback_marker(s3, RUN) == "s3://runs/2026/RUN1/.atlas_rw"


def test_every_operator_reads_the_same_from_the_tags(clock: FakeClock) -> None:
    spec = mount().spec("fs-01234567", "day-demo", "jo\u00e9")
    fsx = FakeFsx(FakeS3(), Tree())
    link = fsx.add(spec.path.value, str(spec.source), tags=spec.tags)
    record = record_of(link, cluster=None, region="us-west-2", now=clock.now())
    assert (record.run_id, record.platform, record.cluster_name, record.purpose) == ("RUN1", "ILMN", "day-demo", "run")
    assert record.created_by == "jo\u00e9"
    assert record.headnode_path == "/fsx/run_dir_mounts/RUN1/"


@pytest.mark.weakness("M5")
def test_export_associations_and_references_are_no_mounts() -> None:
    fsx = FakeFsx(FakeS3(), Tree())
    shown = [
        policy.is_mount(fsx.add(path, "s3://b1b/", tags=tags))
        for path, tags in (
            ("/references/", {}),
            ("/analysis_results/e/a/", {}),
            ("/odd/", {"lsmc:purpose": "output-export"}),
            ("/control_data/", {}),
        )
    ]
    assert shown == [False, False, False, True]


@pytest.mark.weakness("M5")
def test_an_odd_association_neither_breaks_the_list_nor_writes_outside(clock: FakeClock, tmp_path: Path) -> None:
    fsx = FakeFsx(FakeS3(), Tree())
    link = fsx.add("/run_dir_mounts/", "s3://b1b/", tags={"dyec:mount-id": "../../../../etc/x"})
    record = record_of(link, cluster="day-demo", region="us-west-2", now=clock.now())
    assert record.mount_id == "../../../../etc/x"
    with pytest.raises(InvalidValue):
        projection_path(tmp_path, record)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/run_dir_mounts/R1/", "R1"), ("/staging/staged_external_sequencing_data/remote_stage_x/", "remote_stage_x"),
        ("/control_data/", "control_data"), ("/staging/", "staging"), ("/mine/deep/", "mine"),
    ],
)  # fmt: skip
def test_ids_of_associations_without_tags(path: str, expected: str) -> None:
    assert policy.mount_id_of(FakeFsx(FakeS3(), Tree()).add(path, "s3://b1b/")) == expected
