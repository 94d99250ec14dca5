"""Paths that other tests do not take to their end, so that their calls are seen; each test names those it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.create.account import REGION, USER, ZONE
from tests.integration.create.desk import ROOT, Ended, Operator

pytestmark = pytest.mark.e2e
CLUSTER = "paths"
SAMPLE = {
    "RUN_ID": "R1", "SAMPLE_ID": "S1", "EXPERIMENTID": "E1", "SAMPLE_TYPE": "isolate", "LIB_PREP": "X",
    "SEQ_VENDOR": "ILMN", "SEQ_PLATFORM": "GAII", "LANE": "6", "SEQBC_ID": "B1",
}  # fmt: skip
READ = b"@r\nACGT\n+\nIIII\n"
LARGE = 65 * 1024 * 1024
"""More than a single upload or copy takes."""


def actions(operator: Operator) -> list[str]:
    """The product's calls since the log was emptied, in order."""
    return [f"{row['service']}:{row['action']}" for row in operator.rows() if row["client"] == "dyec"]


def preflight(operator: Operator, *flags: str, **values: str) -> Ended:
    operator.control("DELETE", "requests")
    return operator.dyec("preflight", "--region-az", ZONE, "--config", operator.config("looked-at", **values),
                         "--non-interactive", "--pass-on-warn", "--json", *flags)  # fmt: skip


def test_a_member_of_a_group_with_a_key_pair(operator: Operator) -> None:
    iam = operator.client("iam")
    iam.create_group(GroupName="lab")
    iam.add_user_to_group(GroupName="lab", UserName=USER)
    operator.client("ec2").create_key_pair(KeyName="omics")
    preflight(operator, "--probe-writes", "--keep-going", ssh_key_name="omics")
    wanted = {"iam:ListGroupsForUser", "iam:ListAttachedGroupPolicies", "ec2:DescribeKeyPairs", "s3:DeleteObject"}
    assert wanted <= set(actions(operator))


def test_a_quota_that_the_account_never_changed(operator: Operator, tmp_path: Path) -> None:
    text = (ROOT / "config/day_cluster/prod_cluster_dragen.yaml").read_text()
    template = tmp_path / "p.yaml"
    template.write_text(text.replace("f2.6xlarge", "p3.2xlarge"))
    assert template.read_text() != text
    preflight(operator, "--keep-going", cluster_template_yaml=str(template))
    assert "service-quotas:GetAWSDefaultServiceQuota" in actions(operator)


def test_the_account_lacks_a_policy_and_has_an_old_schedule(operator: Operator) -> None:
    """The schedule of a cluster of that name says something else."""
    iam = operator.client("iam")
    policies = iam.list_policies(Scope="Local")["Policies"]
    (arn,) = (policy["Arn"] for policy in policies if policy["PolicyName"] == "pcluster-omics-analysis")
    iam.detach_user_policy(UserName=USER, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    old = iam.create_role(RoleName="old", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    operator.client("scheduler").create_schedule(
        Name=f"daylily-{CLUSTER}-heartbeat", ScheduleExpression="rate(7 days)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": f"arn:aws:sns:{REGION}:123456789012:old", "RoleArn": old},
    )  # fmt: skip
    operator.control("DELETE", "requests")
    made = operator.dyec(*operator.command(CLUSTER, heartbeat_email="ops@example.org"))
    assert made.code == 0, made.out
    assert {"iam:CreatePolicy", "scheduler:UpdateSchedule"} <= set(actions(operator))


def test_a_command_whose_end_is_never_heard_of_is_cancelled(operator: Operator) -> None:
    words = ("headnode", "run", "--timeout", "1", "--region", REGION, "--cluster", CLUSTER, "--", "true")
    operator.control("POST", "ssm", {"answer": {"exit_code": 0, "stdout": "", "stderr": ""}})
    try:
        operator.control("DELETE", "requests")
        operator.dyec(*words)
        first = actions(operator).index("ssm:GetCommandInvocation") + 1
        operator.control("DELETE", "requests")
        operator.control("POST", "fault", {"kind": "throttle", "call": first, "for_good": True})
        ended = operator.dyec(*words)
    finally:
        operator.control("DELETE", "fault")
        operator.control("POST", "ssm", {"answer": None})
    assert ended.code != 0
    assert "ssm:CancelCommand" in actions(operator)


def test_large_files_are_staged_in_parts_and_a_refused_part_ends_the_upload(operator: Operator, tmp_path: Path) -> None:
    buckets, names = operator.buckets, ("large_R1.fastq", "large_R2.fastq", "twin_R2.fastq")
    large, small, twin = (tmp_path / name for name in names)
    for path, reads in ((large, LARGE // len(READ) + 1), (small, 1), (twin, LARGE // len(READ) + 1)):
        path.write_bytes(READ * reads)
    folder, s3 = "genomic_data/organism_reads", operator.client("s3")
    for path in (large, small):
        s3.upload_file(str(path), buckets.control, f"{folder}/{path.name}")

    def stage(name: str, first: str, second: str) -> Ended:
        row = {**SAMPLE, "RUN_ID": name, "ILMN_R1_FQ": first, "ILMN_R2_FQ": second}
        sheet = tmp_path / f"{name}.tsv"
        sheet.write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
        operator.control("DELETE", "requests")
        return operator.dyec(
            "--json", "samples", "stage", str(sheet), "--region", REGION,
            "--reference-s3-uri", f"s3://{buckets.reference}", "--control-data-s3-uri", f"s3://{buckets.control}",
            "--stage-s3-uri", f"s3://{buckets.staging}/staged_external_data", "--config-dir", str(tmp_path),
        )  # fmt: skip

    copied = stage("copied", *(f"s3://{buckets.control}/{folder}/{path.name}" for path in (large, small)))
    assert copied.code == 0, copied.out
    operator.control("POST", "fault", {"kind": "denied", "call": 1, "action": "s3:UploadPart", "for_good": True})
    try:
        refused = stage("refused", str(large), str(twin))
    finally:
        operator.control("DELETE", "fault")
    assert refused.code != 0
    assert {"s3:UploadPart", "s3:AbortMultipartUpload"} <= set(actions(operator)), refused.out
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=buckets.staging), (
        "parts that are never completed are billed"
    )
    uploaded = stage("uploaded", str(large), str(small))
    assert uploaded.code == 0, uploaded.out
    assert "s3:CompleteMultipartUpload" in actions(operator)


def test_deletion_of_a_cluster_that_has_everything(operator: Operator) -> None:
    operator.control("DELETE", "requests")
    target = ("--region", REGION, "--cluster", CLUSTER)
    # No box stands behind this cluster's head node, so nobody can tell what would be lost.
    assert operator.dyec("delete", "--dry-run", *target).code == 1
    accepted = ("--node-unreachable-ok", "--lose-results")
    assert operator.dyec("delete", "--dry-run", *accepted, *target).code == 0
    gone = operator.dyec("delete", "--yes", *accepted, *target)
    assert gone.code == 0, gone.err
    assert {"sns:DeleteTopic", "scheduler:DeleteSchedule"} <= set(actions(operator))
