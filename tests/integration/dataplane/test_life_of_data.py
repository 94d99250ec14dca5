"""Mounts, stages, exports and the deletion as a user runs them: real head node, real bytes, killed processes."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.create.account import REGION
from tests.integration.create.desk import Ended
from tests.integration.dataplane.conftest import CLUSTER, ONE_EXPORT, Site

pytestmark = pytest.mark.e2e

BASE = {
    "RUN_ID": "R1", "SAMPLE_ID": "S1", "EXPERIMENTID": "E1", "SAMPLE_TYPE": "isolate", "LIB_PREP": "X",
    "SEQ_VENDOR": "ILMN", "SEQ_PLATFORM": "GAII", "LANE": "6", "SEQBC_ID": "B1",
}  # fmt: skip


def test_a_mounted_prefix_appears_on_the_node_and_is_adopted(site: Site) -> None:
    bucket = site.operator.buckets.staging
    site.operator.client("s3").put_object(Bucket=bucket, Key="runs/RUN1/RunInfo.xml", Body=b"<RunInfo/>")
    first = site.dyec("--json", "mounts", "create", f"s3://{bucket}/runs/RUN1/", "--platform", "ILMN").document
    again = site.dyec("--json", "mounts", "create", f"s3://{bucket}/runs/RUN1/", "--platform", "ILMN").document
    assert (first["lifecycle"], first["outcome"], again["outcome"]) == ("AVAILABLE", "CREATED", "ADOPTED")
    assert site.on_node("cat /fsx/run_dir_mounts/RUN1/RunInfo.xml") == "<RunInfo/>"
    listed = site.dyec("--json", "mounts", "list").document["mounts"]
    assert [mount["platform"] for mount in listed if mount["mount_id"] == "RUN1"] == ["ILMN"]
    clash = site.dyec("--json", "mounts", "create", f"s3://{bucket}/runs/", "--mount-id", "other")
    assert (clash.code, clash.document["error"]["code"]) == (1, "mount_conflict")


def test_a_stage_appears_on_the_node_with_its_tables(site: Site, tmp_path: Path) -> None:
    for mate in (1, 2):
        (tmp_path / f"s_R{mate}.fastq").write_text(f"@r{mate}\nACGT\n+\nIIII\n")
    row = {**BASE, **{f"ILMN_R{mate}_FQ": str(tmp_path / f"s_R{mate}.fastq") for mate in (1, 2)}}
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    buckets = site.operator.buckets
    done = site.dyec(
        "--json", "samples", "stage", str(sheet), "--reference-s3-uri", f"s3://{buckets.reference}",
        "--control-data-s3-uri", f"s3://{buckets.control}", "--stage-s3-uri", f"s3://{buckets.staging}/staged_external_data",
        "--config-dir", str(tmp_path),
    )  # fmt: skip
    assert done.code == 0, done.err
    units = Path(done.document["units_tsv"]["local"]).read_text()
    r1 = units.splitlines()[1].split("\t")[8]
    assert site.on_node(f"cat '{r1}'") == (tmp_path / "s_R1.fastq").read_text()
    assert site.on_node(f"cat {done.document['stage_dir']}/*_units.tsv") == units


def test_an_export_is_proved_object_by_object_and_unchanged_the_second_time(site: Site) -> None:
    options, before = site.analysis("plain"), site.made()
    done = site.dyec(*options)
    assert done.code == 0, done.err
    found = site.receipt("plain")
    assert (found["status"], found["detached"], found["verification"]["mismatches"]) == ("success", True, 0)
    listed = site.operator.client("s3").list_objects_v2(
        Bucket=site.operator.buckets.results, Prefix="derived/ann/plain/"
    )
    sizes = {item["Key"].removeprefix("derived/ann/plain/"): item["Size"] for item in listed["Contents"]}
    root = "daylily-omics-analysis/"
    data = {key: size for key, size in sizes.items() if key.startswith(root)}
    assert data == {
        root: 0, f"{root}results/": 0, f"{root}results/empty/": 0, f"{root}results/odd name": 1, f"{root}zero": 0,
        f"{root}link": len("results/file-1"), **{f"{root}results/file-{n}": n * 1000 for n in (1, 2, 3)},
    }  # fmt: skip
    assert found["verification"]["objects"] == len(data)
    assert site.dyec("--json", *options).document["fsx_export"]["outcome"] == "UNCHANGED"
    assert site.made() - before == ONE_EXPORT
    assert len(site.tasks("plain")) == 1
    assert not site.links()


MOMENTS = {
    "hashing": "after:phase=preflight:2:1.0",
    "task": "after:task_lifecycle=PENDING:1:0.1",
    "task-end": "before:phase=verify:1:0",
    "compared": "before:phase=detach:1:0",
    "detached": "after:phase=detach:1:0",
    "last-receipt": "before:status=success:1:0",
}
"""Where the first run is killed; `before` detach FSx has forgotten the association already."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_the_same_command_ends_with_one_task_and_a_proof(site: Site, moment: str) -> None:
    options, before = site.analysis(moment), site.made()
    here = Path(__file__).parent / "site"
    child = site.operator.start(
        *options, "--region", REGION, "--cluster", CLUSTER, DYEC_FAULT_RECEIPT=MOMENTS[moment],
        PYTHONPATH=f"{here}:{site.operator.variables['PYTHONPATH']}",
    )  # fmt: skip
    _, err = child.communicate(timeout=300)
    assert child.returncode == -signal.SIGKILL, err
    assert site.receipt(moment)["status"] == "started"
    done = site.dyec(*options)
    assert done.code == 0, done.err
    found = site.receipt(moment)
    assert (found["status"], found["attempts"], len(site.tasks(moment))) == ("success", 1, 1)
    assert site.made() - before == ONE_EXPORT
    assert (found["verification"]["mode"], found["verification"]["mismatches"]) == ("checksum", 0)
    assert f"/analysis_results/ann/{moment}/" not in site.links()


def test_an_export_is_verified_again_from_anywhere_and_a_changed_byte_is_found(site: Site) -> None:
    assert site.dyec(*site.analysis("proof")).code == 0
    folder = site.operator.home / "export-proof"
    destination = f"s3://{site.operator.buckets.results}/derived/ann/proof/"
    for words in ((str(folder / "fsx_export.yaml"),), (destination,), (str(folder), "--verify", "full")):
        verified = site.operator.dyec("--json", "exports", "verify", *words)
        assert verified.code == 0, verified.err
        assert verified.document["verification"]["mismatches"] == 0
    s3, bucket = site.operator.client("s3"), site.operator.buckets.results
    key = "derived/ann/proof/daylily-omics-analysis/results/file-2"
    s3.put_object(Bucket=bucket, Key=key, Body=b"\0" * 1999 + b"\1", ChecksumAlgorithm="CRC32")
    for mode in ("checksum", "full"):
        changed = site.operator.dyec("--json", "exports", "verify", str(folder), "--verify", mode)
        assert changed.code == 2, changed.out
        examples = changed.document["error"]["details"]["verification"]["examples"]
        assert [(one["key"], one["kind"]) for one in examples] == [
            ("daylily-omics-analysis/results/file-2", "content")]  # fmt: skip
    assert site.operator.dyec("exports", "verify", destination, "--verify", "sizes").code == 0


def test_an_export_left_running_is_finished_by_another_person_to_an_encrypted_bucket(site: Site) -> None:
    s3, bucket = site.operator.client("s3"), site.operator.buckets.results
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/results"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    try:
        options = site.analysis("handed")
        assert site.dyec(*options, "--no-wait").code == 0
        where = ("--source-path", options[2])
        shown = site.dyec("--json", "exports", "status", *where).document
        assert (shown["lifecycle"], shown["receipt_status"]) == ("AVAILABLE", "started")
        listed = site.dyec("--json", "exports", "list").document["exports"]
        assert "ann/handed" in [one["analysis_dir"] for one in listed]
        held = site.operator.dyec("--json", "exports", "detach", "--region", REGION, "--association-id",
                                  shown["association_id"])  # fmt: skip
        if site.tasks("handed")[0]["Lifecycle"] in ("PENDING", "EXECUTING"):
            assert (held.code, held.document["error"]["code"]) == (1, "export_runs")
        done = site.dyec("--json", "exports", "finish", *where, "--output-dir", str(site.operator.home / "other"))
        assert done.code == 0, done.out
        assert done.document["fsx_export"]["status"] == "success"
        head = s3.head_object(Bucket=bucket, Key="derived/ann/handed/daylily-omics-analysis/zero")
        assert head["ServerSideEncryption"] == "aws:kms"
    finally:
        s3.delete_bucket_encryption(Bucket=bucket)


def test_a_thousand_files_are_exported_and_each_is_proved(site: Site) -> None:
    root = "/fsx/analysis_results/ann/many"
    site.on_node(
        f"mkdir -p {root}/work && cd {root}/work && for d in $(seq 100); do mkdir d$d; seq 10 | "
        "while read n; do echo $d $n > d$d/f$n; done; done"
    )
    began = time.monotonic()
    child = site.operator.start(
        "--json", "export", "--source-path", root, "--destination-s3-uri",
        f"s3://{site.operator.buckets.results}/derived/ann/many/", "--output-dir",
        str(site.operator.home / "export-many"), "--region", REGION, "--cluster", CLUSTER,
    )  # fmt: skip
    out, err = child.communicate(timeout=600)
    assert child.returncode == 0, err
    print(f"1,000 files exported and proved in {time.monotonic() - began:.1f} s")
    found = json.loads(out)["fsx_export"]
    assert (found["inventory"]["files"], found["verification"]["objects"]) == (1_000, 1_101)
    assert (found["verification"]["mismatches"], found["task_counts"]["succeeded"]) == (0, 1_101)
    began = time.monotonic()
    assert site.operator.dyec("exports", "verify", str(site.operator.home / "export-many")).code == 0
    print(f"verified again in {time.monotonic() - began:.1f} s")


def test_a_cut_object_is_written_anew_or_reported_but_never_called_a_success(site: Site) -> None:
    options = site.analysis("lossy")
    assert site.dyec(*options).code == 0
    s3, bucket = site.operator.client("s3"), site.operator.buckets.results
    key = "derived/ann/lossy/daylily-omics-analysis/results/file-2"
    s3.put_object(Bucket=bucket, Key=key, Body=b"cut")
    done = site.dyec("--json", *options)
    assert done.code in (0, 2), done.err
    if done.code == 0:
        assert done.document["fsx_export"]["attempts"] == 2
        assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 2000
    else:
        assert site.receipt("lossy")["verification"]["mismatches"] == 1


def test_deletion_waits_for_exports_and_jobs_and_then_for_the_words(site: Site) -> None:
    options = site.analysis("last", files=5)
    assert site.dyec(*options, "--no-wait").code == 0
    refused = site.dyec("--json", "delete", "--yes")
    assert (refused.code, flags(refused)) == (1, ["--abandon-exports", "--lose-results"])
    assert site.dyec(*options).code == 0
    # What an earlier test may have left without a proof.
    site.on_node("rm -rf /fsx/analysis_results/ann/lossy")
    fates = site.dyec("--json", "delete", "--dry-run").document["results"]
    assert {one["cover"] for one in fates} == {"verified"}
    assert "/fsx/analysis_results/ann/last" in [one["path"] for one in fates]
    set_back = "/fsx/analysis_results/ann/plain/daylily-omics-analysis/results/file-2"
    site.on_node(f"cp -p {set_back} ~/kept; tr '\\0' '\\1' < ~/kept > {set_back}; touch -r ~/kept {set_back}")
    refused = site.dyec("--json", "delete", "--yes")
    assert flags(refused) == ["--lose-results"]
    assert "/ann/plain (" in refused.document["error"]["message"]
    site.on_node(f"cat ~/kept > {set_back}; touch -r ~/kept {set_back}")
    job = site.on_node("sbatch --parsable -p i8 --wrap 'sleep 600'").strip()
    refused = site.dyec("--json", "delete", "--yes")
    assert flags(refused) == ["--kill-jobs"]
    site.on_node(f"scancel {job}; while squeue -h -j {job} 2>/dev/null | grep -q .; do sleep 0.2; done")
    assert site.dyec("delete").code == 1
    shown = site.dyec("--json", "delete", "--dry-run").document
    assert (shown["gates"], shown["file_systems"][0]["deletion_policy"]) == ([], "Delete")
    code, screen = type_on_terminal(site, "please delete\n", "delete")
    assert code == 0, screen
    assert "Type 'please delete'" in screen
    assert site.dyec("delete", "--yes").code == 1
    assert site.operator.client("fsx").describe_file_systems()["FileSystems"] == []
    records = list(site.operator.directory.glob(f"state_{CLUSTER}_*.json"))
    assert [json.loads(path.read_text())["status"] for path in records] == ["DELETED"]


def flags(refused: Ended) -> list[str]:
    return [gate["flag"] for gate in refused.document["error"]["details"]["gates"]]


def type_on_terminal(site: Site, words: str, *arguments: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal, type the words, return exit code and screen."""
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "daylily_ec", *arguments, "--region", REGION, "--cluster", CLUSTER],
        env=site.operator.variables, cwd=site.operator.home, stdin=follower, stdout=follower, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    os.write(leader, words.encode())
    screen = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        screen += piece
    os.close(leader)
    return child.wait(timeout=120), screen.decode(errors="replace")
