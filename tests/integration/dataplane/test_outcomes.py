"""Exports that do not go well, as a user meets them: exit codes, receipts, and the same command again."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.create.account import REGION
from tests.integration.dataplane.conftest import CLUSTER, ONE_EXPORT, Site

pytestmark = pytest.mark.e2e

FILE = "daylily-omics-analysis/results/file-2"
HOOKS = Path(__file__).parent / "site"
SLOTS = 8
TRIES = 5
WAIT_S = 60.0


def key(name: str) -> str:
    return f"derived/ann/{name}/{FILE}"


def started(site: Site, options: tuple[str, ...], at: str = "") -> subprocess.Popen[str]:
    """An export in the background; `at` a moment that `site/sitecustomize.py` knows: it ends there."""
    more = {"PYTHONPATH": f"{HOOKS}:{site.operator.variables['PYTHONPATH']}", "DYEC_FAULT_RECEIPT": at} if at else {}
    return site.operator.start(*options, "--region", REGION, "--cluster", CLUSTER, **more)


def seen(what: Any) -> Any:
    """What `what` tells once it tells anything."""
    deadline = time.monotonic() + WAIT_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found


@contextmanager
def denied(site: Site, name: str, principal: str = "*") -> Iterator[None]:
    """That principal, by default everybody, may not write that one object."""
    s3, bucket = site.operator.client("s3"), site.operator.buckets.results
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": principal},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/{key(name)}",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    try:
        yield
    finally:
        s3.delete_bucket_policy(Bucket=bucket)


def test_access_denied_midway_is_reported_by_file_and_mended_by_the_same_command(site: Site) -> None:
    options = site.analysis("denied")
    with denied(site, "denied"):
        failed = site.dyec("--json", *options)
    assert failed.code == 2, failed.out
    error, found = failed.document["error"], site.receipt("denied")
    assert FILE in error["message"] + json.dumps(error["details"])
    assert (found["status"], found["task_lifecycle"], found["detached"]) == ("error", "FAILED", True)
    assert FILE in json.dumps(found["failure_details"])
    assert "S3AccessDenied" in json.dumps(found["failure_details"])
    assert not site.links()
    done = site.dyec("--json", *options)
    assert done.code == 0, done.out
    proof = done.document["fsx_export"]
    assert (proof["status"], proof["attempts"], proof["failure_details"]) == ("success", 2, {})
    assert (proof["verification"]["mode"], proof["verification"]["mismatches"]) == ("checksum", 0)
    assert [task["Lifecycle"] for task in site.tasks("denied")].count("SUCCEEDED") == 1


def canceled(site: Site) -> tuple[str, tuple[str, ...], subprocess.Popen[str]]:
    """An export whose task was canceled: its name, its options and its process; a task may end before one can."""
    fsx = site.operator.client("fsx")
    for number in range(TRIES):
        options = site.analysis(name := f"canceled-{number}")
        child = started(site, ("--json", *options))
        task = seen(lambda name=name: site.tasks(name))[0]["TaskId"]
        with suppress(fsx.exceptions.DataRepositoryTaskEnded):
            fsx.cancel_data_repository_task(TaskId=task)
            return name, options, child
        child.communicate(timeout=300)
    pytest.fail(f"{TRIES} tasks ended before they could be canceled")


def test_a_canceled_task_is_a_failure_and_the_same_command_makes_another(site: Site) -> None:
    name, options, child = canceled(site)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 2, out + err
    found = site.receipt(name)
    assert (found["status"], found["task_lifecycle"], found["detached"]) == ("error", "CANCELED", True)
    assert site.dyec(*options).code == 0
    assert (site.receipt(name)["status"], len(site.tasks(name))) == ("success", 2)


@pytest.mark.parametrize(("change", "kind"), [("changed", "content"), ("removed", "missing")])
def test_an_object_that_differs_when_it_is_compared_is_never_called_proved(site: Site, change: str, kind: str) -> None:
    options = site.analysis(change)
    child = started(site, options, "before:phase=verify:1:0")
    _, err = child.communicate(timeout=300)
    assert child.returncode == -signal.SIGKILL, err
    s3, bucket = site.operator.client("s3"), site.operator.buckets.results
    if change == "removed":
        s3.delete_object(Bucket=bucket, Key=key(change))
    else:
        s3.put_object(Bucket=bucket, Key=key(change), Body=os.urandom(2000))
    again = site.dyec("--json", *options)
    assert (again.code, again.document["error"]["code"]) == (2, "export_differs"), again.out
    found = site.receipt(change)
    assert (found["status"], found["detached"]) == ("error", True)
    assert [(one["key"], one["kind"]) for one in found["verification"]["examples"]] == [(FILE, kind)]
    # What the error says to do: FSx writes what changed since its last export.
    site.on_node(f"touch /fsx/analysis_results/ann/{change}/{FILE}")
    assert site.dyec(*options).code == 0
    assert site.receipt(change)["verification"]["mismatches"] == 0
    assert s3.get_object(Bucket=bucket, Key=key(change))["Body"].read() == bytes(2000)


def test_a_file_that_changes_while_it_is_hashed_stops_the_export_before_anything_starts(site: Site) -> None:
    options, made = site.analysis("written"), site.made()
    writer = f"while :; do date >> /fsx/analysis_results/ann/written/{FILE}; sleep 0.01; done"
    site.on_node(f"setsid bash -c '{writer}' < /dev/null > /dev/null 2>&1 & echo $! > /tmp/writer")
    failed = site.dyec("--json", *options)
    error = failed.document["error"]
    assert (failed.code, error["code"]) == (1, "being_written"), failed.out
    assert [one["path"] for one in error["details"]["obstacles"]] == [FILE]
    assert (site.receipt("written")["status"], site.made()) == ("error", made)
    site.on_node("kill $(cat /tmp/writer)")
    done = site.dyec("--json", *options)
    assert done.code == 0, done.out
    stored = (
        site.operator.client("s3").get_object(Bucket=site.operator.buckets.results, Key=key("written"))["Body"].read()
    )
    assert stored.decode() == site.on_node(f"cat /fsx/analysis_results/ann/written/{FILE}")
    assert site.receipt("written")["verification"]["mismatches"] == 0


def test_a_misconfigured_association_is_waited_for_until_the_buckets_policy_is_mended(site: Site) -> None:
    fsx, options, made = site.operator.client("fsx"), site.analysis("policy"), site.made()
    role = "arn:aws:iam::*:role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/*"

    def misconfigured() -> list[Any]:
        every = fsx.describe_data_repository_associations()["Associations"]
        return [link for link in every if link["Lifecycle"] == "MISCONFIGURED"]

    with denied(site, "policy", principal=role):
        child = started(site, ("--json", *options))
        (link,) = seen(misconfigured)
        assert link["FileSystemPath"] == "/analysis_results/ann/policy/"
        child.kill()
        child.communicate()
        # The same command takes it up, waits on, and says why.
        child = started(site, ("--json", *options))
        assert child.stderr is not None
        (line,) = itertools.islice((line for line in child.stderr if "MISCONFIGURED" in line), 1)
        assert "Amazon FSx may not access it" in line
        assert (site.receipt("policy")["phase"], site.tasks("policy")) == ("attach", [])
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0, out + err
    proof = site.receipt("policy")
    assert (proof["status"], proof["association_id"]) == ("success", link["AssociationId"])
    assert (proof["verification"]["mode"], proof["verification"]["mismatches"]) == ("checksum", 0)
    assert site.made() - made == Counter(ONE_EXPORT)


def test_an_export_waits_for_a_slot_and_goes_on_when_one_is_free(site: Site) -> None:
    fsx, options = site.operator.client("fsx"), site.analysis("queued")
    every = fsx.describe_data_repository_associations()["Associations"]
    system = every[0]["FileSystemId"]
    taken = [
        fsx.create_data_repository_association(
            FileSystemId=system, FileSystemPath=f"/slots/{number}/",
            DataRepositoryPath=f"s3://{site.operator.buckets.staging}/slots/{number}/",
        )["Association"]["AssociationId"]
        for number in range(SLOTS - len(every))
    ]  # fmt: skip
    full = site.dyec("--json", *options, "--timeout-seconds", "2")
    assert full.code == 1, full.out
    assert (site.receipt("queued")["status"], site.tasks("queued")) == ("error", [])
    child = started(site, options)
    seen(lambda: site.receipt("queued")["phase"] == "attach" and site.receipt("queued")["status"] == "started")
    for one in taken:
        fsx.delete_data_repository_association(AssociationId=one, DeleteDataInFileSystem=False)
    _, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    assert (site.receipt("queued")["status"], len(site.tasks("queued"))) == ("success", 1)


def test_two_exports_of_one_directory_at_once_are_one(site: Site) -> None:
    options = site.analysis("twice")
    folders = ("export-one", "export-two")
    children = [started(site, (*options[:-1], str(site.operator.home / folder))) for folder in folders]
    for child in children:
        out, err = child.communicate(timeout=300)
        assert child.returncode == 0, out + err
    receipts = [site.receipt("twice", folder) for folder in folders]
    assert {(one["status"], one["task_id"], one["verification"]["mismatches"]) for one in receipts} == {
        ("success", site.tasks("twice")[0]["TaskId"], 0)
    }
    assert len(site.tasks("twice")) == 1
    assert not site.links()
