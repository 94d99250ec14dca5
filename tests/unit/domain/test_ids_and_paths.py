from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daylily_ec.domain.fsxpath import AnalysisDirectory, FsxPath, run_mount_path
from daylily_ec.domain.ids import AnalysisId, ClusterName, ExecutingEntity, GitRef, MountId, WorkflowSession
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.domain.zones import AvailabilityZone, Region
from daylily_ec.errors import DyecError, InvalidValue

HOSTILE = ["", ".", "..", "a/b", "a\0b", "-rf", "a b", "a'b", "$(id)", "a;b", "ä", "x" * 300, "a..b", "a\n"]


@pytest.mark.parametrize("kind", [ClusterName, MountId, AnalysisId, ExecutingEntity, WorkflowSession])
@pytest.mark.parametrize("text", HOSTILE)
def test_identifiers_refuse_what_could_leave_their_root(kind: type[ClusterName], text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        kind.parse(text)
    assert caught.value.details["field"] == kind.field
    assert caught.value.exit_code == 1


@given(st.text(max_size=40), st.sampled_from([MountId, AnalysisId, ExecutingEntity]))
def test_accepted_identifiers_stay_one_path_component(text: str, kind: type[AnalysisId]) -> None:
    try:
        value = kind.parse(text)
    except DyecError:
        return
    root = PurePosixPath("/fsx/analysis_results")
    assert (root / value).parent == root
    assert ".." not in value


@pytest.mark.parametrize(
    ("text", "fits"), [("a2345", True), ("a" * 25, True), ("a" * 26, False), ("a234", False), ("1abcd", False)]
)
def test_cluster_names_have_5_to_25_characters(text: str, fits: bool) -> None:
    if fits:
        assert ClusterName.parse(text) == text
    else:
        with pytest.raises(InvalidValue):
            ClusterName.parse(text)


@pytest.mark.parametrize("text", ["2.0.26", "main", "feature/x", "a1b2c3d"])
def test_git_references_pass(text: str) -> None:
    assert GitRef.parse(text) == text


@pytest.mark.parametrize("text", ["--upload-pack=x", "a b", "a:b", "a..b", "$(x)"])
def test_git_references_that_git_could_misread_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        GitRef.parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("s3://bucket", "s3://bucket/"), ("bucket/a/b", "s3://bucket/a/b/"), ("s3://bucket//a/b//", "s3://bucket/a/b/")],
)
def test_s3_prefixes_have_one_normal_form(text: str, shown: str) -> None:
    assert str(S3Prefix.parse(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "s3://", "http://bucket/a", "s3://bucket/a?b", "s3://bucket/../a", "s3://b/a", "s3://Bucket/a"]
)
def test_bad_s3_uris_name_the_field(text: str) -> None:
    with pytest.raises(InvalidValue, match="stage_s3_uri"):
        S3Prefix.parse(text, "stage_s3_uri")


def test_overlap_and_suffix_are_component_wise() -> None:
    outer, inner, beside = (S3Prefix.parse(f"s3://bucket/{key}") for key in ("a", "a/b", "ab"))
    assert outer.overlaps(inner)
    assert not outer.overlaps(beside)
    assert S3Prefix.parse("s3://bucket/x/ubuntu/a1").ends_with("ubuntu", "a1")
    assert not S3Prefix.parse("s3://bucket/xubuntu/a1").ends_with("ubuntu", "a1")


def test_an_analysis_directory_has_exactly_two_components() -> None:
    directory = AnalysisDirectory.parse("/fsx/analysis_results/ubuntu/a1/")
    assert directory.path == FsxPath("/analysis_results/ubuntu/a1/")
    assert str(directory.path.on_node) == "/fsx/analysis_results/ubuntu/a1"
    assert AnalysisDirectory.parse("/analysis_results/ubuntu/a1") == directory
    for text in ("/fsx/analysis_results/ubuntu", "/fsx/run_dir_mounts/a/b",
                 "/fsx/analysis_results/a/b/c", "relative/a/b",
                 "/fsx/analysis_results/../x/y", "/fsx//analysis_results/a/b"):  # fmt: skip
        with pytest.raises(InvalidValue):
            AnalysisDirectory.parse(text)


def test_run_mounts_appear_below_their_root() -> None:
    assert run_mount_path(MountId.parse("RUN123")) == FsxPath("/run_dir_mounts/RUN123/")


def test_zones_know_their_region() -> None:
    assert AvailabilityZone.parse("us-west-2d").region == "us-west-2"
    assert AvailabilityZone.parse("us-gov-west-1a").region == "us-gov-west-1"
    for text in ("us-west-2", "us-west-22", "2d", "", "us-west-2dd"):
        with pytest.raises(InvalidValue):
            AvailabilityZone.parse(text)
    with pytest.raises(InvalidValue):
        Region.parse("us-west-2d")
