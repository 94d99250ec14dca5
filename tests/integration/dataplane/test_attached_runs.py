"""Mounts as a user runs them: a run is ensured, verified while it is imported, used, and detached."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from tests.integration.create.account import REGION
from tests.integration.dataplane.conftest import CLUSTER, Site

pytestmark = pytest.mark.e2e
ILMN = ("RunInfo.xml", "RunParameters.xml", "InterOp/TileMetricsOut.bin", "Data/Intensities/BaseCalls/L001/C1.1/1.cbcl")


def put(site: Site, run: str, *names: str) -> str:
    """A run in S3; returns its URI."""
    bucket = site.operator.buckets.staging
    for name in names:
        site.operator.client("s3").put_object(Bucket=bucket, Key=f"runs/{run}/{name}", Body=name.encode())
    return f"s3://{bucket}/runs/{run}/"


def association(site: Site, run: str) -> Any:
    every = site.operator.client("fsx").describe_data_repository_associations()["Associations"]
    found = [one for one in every if one["FileSystemPath"] == f"/run_dir_mounts/{run}/"]
    return found[0] if found else None


def test_a_run_is_ensured_verified_and_detached_and_each_again(site: Site) -> None:
    source = put(site, "RUNA", *ILMN)
    words = ("--json", "mounts", "ensure", source, "--platform", "ILMN", "--mount-id", "RUNA", "--run-id", "A-1")
    first, again = site.dyec(*words).document, site.dyec(*words).document
    assert (first["outcome"], again["outcome"], first["lifecycle"]) == ("CREATED", "UNCHANGED", "AVAILABLE")
    tags = {tag["Key"]: tag["Value"] for tag in association(site, "RUNA")["Tags"]}
    assert (tags["dyec:mount-run-id"], tags["dyec:platform"], tags["dyec:cluster"]) == ("A-1", "ILMN", CLUSTER)
    verified = site.dyec("--json", "mounts", "verify", "--mount-id", "RUNA").document
    assert verified["verified"] is True
    facts = verified["verification"]
    assert (facts["files"], facts["s3_objects"], facts["missing"]) == (4, 4, [])
    shown = site.dyec("mounts", "list").out
    assert "association slots are taken" in shown
    assert f"{first['association_id']} RUNA (run by ann)" in shown
    where = ("--region", REGION, "--fsx-file-system-id", first["fsx_file_system_id"])
    described = site.operator.dyec("--json", "mounts", "describe", *where, "--association-id", first["association_id"])
    assert (described.document["run_id"], described.document["cluster_name"]) == ("A-1", CLUSTER)
    for outcome in ("DELETED", "UNCHANGED"):
        gone = site.dyec("--json", "mounts", "delete", "--mount-id", "RUNA").document
        assert (gone["lifecycle"], gone["outcome"]) == ("DELETED", outcome)
    assert association(site, "RUNA") is None


def test_an_association_of_an_earlier_release_gets_the_tags_that_it_lacks(site: Site) -> None:
    source = put(site, "RUNE", *ILMN)
    system = site.operator.client("fsx").describe_file_systems()["FileSystems"][0]["FileSystemId"]
    site.operator.client("fsx").create_data_repository_association(
        FileSystemId=system, FileSystemPath="/run_dir_mounts/RUNE/", DataRepositoryPath=source,
        BatchImportMetaDataOnCreate=True, S3={"AutoImportPolicy": {"Events": ["NEW", "CHANGED"]}},
        Tags=[{"Key": "lsmc:purpose", "Value": "run-dir-mount"}],
    )  # fmt: skip
    words = ("--json", "mounts", "ensure", source, "--platform", "ILMN")
    assert [site.dyec(*words).document["outcome"] for _ in range(2)] == ["UPDATED", "UNCHANGED"]
    tags = {tag["Key"]: tag["Value"] for tag in association(site, "RUNE")["Tags"]}
    assert (tags["dyec:platform"], tags["lsmc:purpose"], "dyec:created-by" in tags) == ("ILMN", "run-dir-mount", False)
    assert site.dyec("mounts", "verify", "--mount-id", "RUNE").code == 0
    assert site.dyec("mounts", "delete", "--mount-id", "RUNE").code == 0


def test_what_a_run_lacks_is_named_and_what_comes_later_is_waited_for(site: Site) -> None:
    source = put(site, "RUNB", *ILMN[:2])
    assert site.dyec("mount", "rundir", source, "--platform", "ILMN").code == 0
    lacking = site.dyec("--json", "mounts", "verify", "--mount-id", "RUNB")
    error = lacking.document["error"]
    assert (lacking.code, error["code"]) == (1, "mount_incomplete")
    assert error["details"]["verification"]["missing"] == ["InterOp/*.bin", "Data/Intensities/BaseCalls"]
    late = threading.Timer(0.5, put, (site, "RUNB", *ILMN[2:]))
    late.start()
    late.join()
    assert site.dyec("--json", "mounts", "verify", "--mount-id", "RUNB").document["verification"]["files"] == 4
    assert site.dyec("mounts", "delete", "--mount-id", "RUNB").code == 0


def test_a_mount_that_a_workflow_uses_is_not_detached(site: Site) -> None:
    put(site, "RUNC", "reads.txt")
    source = put(site, "RUNC", *ILMN)
    assert site.dyec("mounts", "create", source).code == 0
    held = "/fsx/run_dir_mounts/RUNC/reads.txt"
    # Processes of other calls show nothing but their command lines in a local head node.
    site.on_node(f"nohup tail -f {held} > /dev/null 2>&1 & echo $! > ~/held")
    refused = site.dyec("--json", "mounts", "delete", "--mount-id", "RUNC")
    error = refused.document["error"]
    assert (refused.code, error["code"]) == (1, "mount_in_use")
    assert "(tail) names it" in error["message"]
    assert [gate["flag"] for gate in error["details"]["gates"]] == ["--in-use-ok"]
    site.on_node("kill $(cat ~/held)")
    job = site.on_node(f"sbatch --parsable -p i8 --wrap 'sleep 600; cat {held}'").strip()
    refused = site.dyec("--json", "mounts", "delete", "--mount-id", "RUNC")
    assert f"job {job}" in refused.document["error"]["message"]
    site.on_node(f"scancel {job}; while squeue -h -j {job} 2>/dev/null | grep -q .; do sleep 0.2; done")
    assert site.dyec("mounts", "delete", "--mount-id", "RUNC").code == 0


def test_misconfigured_recovers_when_its_cause_is_gone_and_its_reason_was_shown(site: Site) -> None:
    s3, bucket = site.operator.client("s3"), "a-bucket-that-comes-later"
    waiting = site.operator.start(
        "--json", "mounts", "create", f"s3://{bucket}/runs/RUND/", "--region", REGION, "--cluster", CLUSTER
    )
    deadline = time.monotonic() + 60
    while (found := association(site, "RUND")) is None or found["Lifecycle"] != "MISCONFIGURED":
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    short = site.dyec("--json", "mounts", "create", f"s3://{bucket}/runs/RUND/", "--timeout-seconds", "2")
    assert (short.code, short.document["error"]["code"]) == (2, "deadline")
    assert f"MISCONFIGURED (The bucket {bucket} does not exist" in short.document["error"]["message"]
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    out, err = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, err
    assert json.loads(out)["lifecycle"] == "AVAILABLE"
    assert site.dyec("mounts", "delete", "--mount-id", "RUND").code == 0


def test_failed_is_told_with_its_reason_keeps_its_slot_and_gives_it_back(site: Site) -> None:
    source = put(site, "RUNF", *ILMN)
    site.on_node("mkdir -p /fsx/run_dir_mounts && echo x > /fsx/run_dir_mounts/RUNF")
    failed = site.dyec("--json", "mounts", "create", source)
    error = failed.document["error"]
    assert (failed.code, error["code"]) == (2, "association_failed")
    assert "FAILED (The file system path cannot be used" in error["message"]
    listed = site.dyec("--json", "mounts", "list").document
    states = [slot["lifecycle"] for slot in listed["slot_report"] if slot["name"] == "RUNF"]
    assert (states, listed["slots_used"]) == (["FAILED"], len(listed["slot_report"]))
    again = site.dyec("--json", "mounts", "ensure", source).document["error"]
    assert (again["code"], "Delete the FAILED" in again["hint"]) == ("mount_conflict", True)
    assert site.dyec("mounts", "delete", "--mount-id", "RUNF").code == 0
    site.on_node("rm /fsx/run_dir_mounts/RUNF")
    assert site.dyec("--json", "mounts", "ensure", source).document["outcome"] == "CREATED"
    assert site.dyec("mounts", "delete", "--mount-id", "RUNF").code == 0


def test_eight_slots_are_reported_with_their_users_and_three_at_once_are_made_one_by_one(site: Site) -> None:
    taken = site.dyec("--json", "mounts", "list").document["slots_used"]
    names = [f"SLOT{number}" for number in range(8 - taken)]
    for name in names:
        put(site, name, "x")
    words = [("--json", "mounts", "create", f"s3://{site.operator.buckets.staging}/runs/{name}/", "--region", REGION,
              "--cluster", CLUSTER) for name in names]  # fmt: skip
    for started in [site.operator.start(*line) for line in words]:
        out, err = started.communicate(timeout=300)
        assert started.returncode == 0, out + err
    more = site.dyec("--json", "mounts", "create", put(site, "ONEMORE", "x"))
    error = more.document["error"]
    assert (more.code, error["code"], len(error["details"]["slots"])) == (1, "no_free_slot", 8)
    assert all(f"{name} (run by ann)" in error["message"] for name in names)
    for name in names:
        assert site.dyec("mounts", "delete", "--mount-id", name).code == 0
