"""The README's export and delete blocks as they are written there; the words are typed on a pseudo-terminal.

P9: whatever the account has more than before the cluster was made is named on the screen, with its price a day.
"""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.localcloud.daemon import UpOptions
from tests.e2e.prepared import own_command
from tests.integration.create.account import REGION
from tests.integration.create.desk import Operator, operator_at

pytestmark = pytest.mark.e2e
CLUSTER = "day-end"
EXPORT = """\
dyec export \\
  --profile "$AWS_PROFILE" \\
  --region "$REGION" \\
  --cluster "$CLUSTER_NAME" \\
  --source-path "/fsx/analysis_results/$EXECUTING_ENTITY/$ANALYSIS_ID" \\
  --destination-s3-uri "$EXPORT_S3_URI" \\
  --output-dir "$EXPORT_DIR"

cat "$EXPORT_DIR/fsx_export.yaml"
"""
PROVED = """\
jq -e '.fsx_export | .status == "success" and .task_lifecycle == "SUCCEEDED" and .detached
  and .verification.mode == "checksum" and .verification.mismatches == 0
  and .verification.objects > 0 and .inventory.files > 0' "$EXPORT_DIR/fsx_export.yaml"
"""
DELETE = """\
dyec delete --dry-run \\
  --profile "$AWS_PROFILE" \\
  --region "$REGION" \\
  --cluster "$CLUSTER_NAME"

dyec delete \\
  --profile "$AWS_PROFILE" \\
  --region "$REGION" \\
  --cluster "$CLUSTER_NAME"
"""


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with operator_at(tmp_path_factory.mktemp("end"), UpOptions()) as one:
        yield one


def billable(operator: Operator) -> set[str]:
    """Ids of everything in the account that costs money by the hour or the month."""
    ec2, logs = operator.client("ec2"), operator.client("logs")
    instances = [item for group in ec2.describe_instances()["Reservations"] for item in group["Instances"]]
    return {
        *(item["InstanceId"] for item in instances if item["State"]["Name"] not in ("terminated", "shutting-down")),
        *(item["VolumeId"] for item in ec2.describe_volumes()["Volumes"]),
        *(item["AllocationId"] for item in ec2.describe_addresses()["Addresses"]),
        *(item["NatGatewayId"] for item in ec2.describe_nat_gateways()["NatGateways"] if item["State"] != "deleted"),
        *(item["FileSystemId"] for item in operator.client("fsx").describe_file_systems()["FileSystems"]),
        *(item["logGroupName"] for item in logs.describe_log_groups()["logGroups"]),
        *(item["Name"] for item in operator.client("scheduler").list_schedules()["Schedules"]),
        *(item["TopicArn"] for item in operator.client("sns").list_topics()["Topics"]),
    }  # fmt: skip


def typed(argv: list[str], env: dict[str, str], home: Path, words: str) -> tuple[int, str]:
    """Run on a pseudo-terminal and type the words; exit code and screen."""
    leader, follower = pty.openpty()
    child = subprocess.Popen(argv, env=env, cwd=home, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    screen = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        screen += piece
        if words and b"Type 'please delete'" in screen:
            os.write(leader, words.encode())
            words = ""
    os.close(leader)
    return child.wait(), screen.decode(errors="replace")


@pytest.mark.weakness("W-51")
def test_the_blocks_of_the_readme_end_a_cluster_and_leave_nothing_undeclared(operator: Operator) -> None:
    before = billable(operator)
    made = operator.create(CLUSTER)
    assert made.code == 0, made.err
    target = ("--region", REGION, "--cluster", CLUSTER)
    work = "/fsx/analysis_results/ubuntu/a1/work"
    script = f"mkdir -p {work} && echo variants > {work}/out.vcf"
    assert operator.dyec("headnode", "run", *target, "--", "bash", "-c", script).code == 0
    env = {
        **operator.variables, "REGION": REGION, "CLUSTER_NAME": CLUSTER, "EXECUTING_ENTITY": "ubuntu",
        "ANALYSIS_ID": "a1", "EXPORT_S3_URI": f"s3://{operator.buckets.results}/analysis_results/ubuntu/a1/",
        "EXPORT_DIR": str(operator.home / "export"), "COLUMNS": "400",
    }  # fmt: skip
    env["PATH"] = f"{own_command(operator.home / 'bin')}:{env['PATH']}"

    code, screen = typed(["bash", "-euc", DELETE], env, operator.home, "please delete\n")
    assert code == 1, screen
    assert "--lose-results" in screen
    assert operator.stacks()

    exported = subprocess.run(["bash", "-euc", EXPORT], env=env, cwd=operator.home, capture_output=True, text=True)
    assert exported.returncode == 0, exported.stderr
    proved = subprocess.run(["bash", "-euc", PROVED], env=env, cwd=operator.home, capture_output=True, text=True)
    assert (proved.returncode, proved.stdout) == (0, "true\n"), exported.stdout

    code, screen = typed(["bash", "-euc", DELETE], env, operator.home, "Please delete\n")
    assert code == 1, screen
    assert "was not deleted" in screen or "is not deleted" in screen

    code, screen = typed(["bash", "-euc", DELETE], env, operator.home, "please delete\n")
    assert code == 0, screen
    assert f"{CLUSTER} in {REGION} is deleted" in screen
    declared = screen[screen.index("is deleted: its stack") :]
    left: Any = billable(operator) - before
    assert {name for name in left if name not in declared} == set()
    print(f"P9: {len(left)} billable resources are left, all declared with $/day")

    assert operator.dyec("--json", "cluster", "list", "--region", REGION).document["clusters"] == []
    assert operator.dyec("cluster", "describe", *target).code == 1
    records = operator.dyec("--json", "state", "list").out
    assert '"DELETED"' in records
    again = operator.dyec("--json", "delete", "--yes", *target)
    assert again.code == 1
    assert "is deleted already" in again.document["error"]["message"]
