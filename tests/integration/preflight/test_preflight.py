"""`dyec preflight` against the local cloud: what an operator sees, and that nothing was changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.preflight.conftest import Account, Operator

ZONE = ("--region-az", "us-west-2d")
READS = ("Get", "List", "Describe", "Head", "Simulate")


def changes(calls: list[str]) -> list[str]:
    return [call for call in calls if not call.startswith(READS)]


def test_a_complete_account_passes_and_the_report_is_kept(operator: Operator) -> None:
    ran = operator.run("preflight", *ZONE, "--config", operator.config(), "--json")
    assert ran.code == 0, ran.stderr
    assert ran.document["status"] == "PASS"
    kept = json.loads(Path(ran.document["report_path"]).read_text())
    assert kept["checks"] == ran.document["checks"]
    assert (kept["account_id"], kept["region_az"]) == ("123456789012", "us-west-2d")
    assert changes(operator.calls) == []


def test_people_get_a_table_and_the_path_of_the_report(operator: Operator) -> None:
    ran = operator.run("preflight", *ZONE, "--config", operator.config())
    assert ran.code == 0
    assert "network.subnets" in ran.stdout
    assert "preflight_day-demo_" in ran.stdout.splitlines()[-1]


def test_the_write_probe_writes_only_when_asked(operator: Operator, account: Account) -> None:
    assert operator.run("preflight", *ZONE, "--config", operator.config(), "--probe-writes").code == 0
    assert sorted(changes(operator.calls)) == ["DeleteObject", "PutObject"]
    assert "Contents" not in account.client("s3").list_objects_v2(Bucket="lab-usw2", Prefix="derived/")


@pytest.mark.parametrize(
    ("arguments", "values", "code", "error"),
    [
        (("--region-az", "us-west-2d", "--profile", "nobody"), {}, 1, "unknown_profile"),
        (("--region-az", "us-west-2"), {}, 1, "invalid_value"),
        (("--region-az", "us-west-2z"), {}, 1, "preflight_failed"),
        (ZONE, {"stage_s3_uri": "https://lab/x"}, 1, "invalid_config"),
        (ZONE, {"cluster_name": "abcdefghijklmnopqrstuvwxyz"}, 1, "invalid_config"),
        (ZONE, {"budget_email": "", "reference_s3_uri": ""}, 1, "missing_input"),
        ((*ZONE, "--non-interactive"), {"cluster_name": ""}, 1, "missing_input"),
        (ZONE, {"reference_s3_uri": "s3://refs-use1/"}, 1, "preflight_failed"),
        (ZONE, {"reference_s3_uri": "s3://nowhere-at-all/"}, 1, "preflight_failed"),
        (ZONE, {"control_data_s3_uri": "s3://lab-usw2/empty"}, 1, "preflight_failed"),
    ],
)
def test_each_mistake_is_one_clear_error_and_changes_nothing(
    operator: Operator, arguments: tuple[str, ...], values: dict[str, str], code: int, error: str
) -> None:
    config = operator.config(**values)
    ran = operator.run("preflight", *arguments, "--config", config, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (code, error)
    assert changes(operator.calls) == []
    if error == "preflight_failed":
        return
    assert operator.calls == []
    told = operator.run("preflight", *arguments, "--config", config)
    assert (told.code, told.stdout, told.stderr.count("Error: ")) == (code, "", 1)
    assert "Traceback" not in told.stderr


def test_a_failing_preflight_shows_the_table_and_then_one_error(operator: Operator) -> None:
    ran = operator.run("preflight", *ZONE, "--config", operator.config(reference_s3_uri="s3://refs-use1/"))
    assert (ran.code, ran.stdout, ran.stderr.count("Error: ")) == (1, "", 1)
    assert ran.stderr.index("toolchain.python") < ran.stderr.index("Error: Preflight failed: s3.role_config")
    assert "Report: " in ran.stderr


def test_a_missing_configuration_file(operator: Operator, tmp_path: Path) -> None:
    ran = operator.run("preflight", *ZONE, "--config", tmp_path / "absent.yaml", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "config_not_found")
    assert operator.calls == []


def test_no_credentials(operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("[profile bare]\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty))
    ran = operator.run("preflight", *ZONE, "--config", operator.config(), "--profile", "bare", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (2, "no_credentials")
    assert operator.calls == []


LACKING = '    fsx_fs_size: [PROMPTUSER, "", ""]'


@pytest.mark.parametrize("command", [("preflight",), ("plan",), ("create", "--dry-run")])
def test_what_changes_nothing_leaves_the_configuration_alone(operator: Operator, command: tuple[str, ...]) -> None:
    config = operator.config()
    before = config.read_text()
    ran = operator.run(*command, *ZONE, "--config", config)
    assert (ran.code, config.read_text() == before, LACKING in before) == (0, True, False)


@pytest.mark.weakness("W-09")
def test_a_creation_writes_the_keys_that_the_file_lacks_into_it_first(operator: Operator) -> None:
    config = operator.config(max_count_192I="9")
    ran = operator.run("create", *ZONE, "--config", config, "--non-interactive")
    assert ran.code == 1, "more than the quota allows: refused before anything is made"
    assert LACKING in config.read_text().splitlines()


@pytest.mark.weakness("W-02")
def test_set_values_count_in_preflight_as_they_do_in_create(operator: Operator) -> None:
    ran = operator.run("preflight", *ZONE, "--config", operator.config(max_count_192I="9"), "--json")
    checks = {check["id"]: check for check in ran.document["error"]["details"]["checks"]}
    assert checks["quota.spot_vcpu"]["status"] == "FAIL"
    assert checks["quota.spot_vcpu"]["details"]["tot_vcpu_demand"] == 16 + 384 + 9 * 576


@pytest.mark.weakness("W-03")
def test_an_assumed_role_is_judged_by_the_policies_of_the_role(
    operator: Operator, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    iam = account.client("iam")
    trust = '{"Version": "2012-10-17", "Statement": []}'
    arns = [
        iam.create_role(RoleName=f"sso-{name}", Path="/aws-reserved/", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for name in ("admin", "guest")
    ]
    iam.attach_role_policy(RoleName="sso-admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    config = operator.config()
    found = []
    for arn in arns:
        keys = account.client("sts").assume_role(RoleArn=arn, RoleSessionName="jane@example.org")["Credentials"]
        credentials = tmp_path / "credentials"
        credentials.write_text(
            f"[daylily-local]\naws_access_key_id = {keys['AccessKeyId']}\n"
            f"aws_secret_access_key = {keys['SecretAccessKey']}\naws_session_token = {keys['SessionToken']}\n"
        )
        with monkeypatch.context() as patch:
            patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
            ran = operator.run("preflight", *ZONE, "--config", config, "--json", "--keep-going")
        report = ran.document if ran.code == 0 else ran.document["error"]["details"]
        assert ":assumed-role/sso-" in report["caller_arn"]
        found.append({check["id"]: check["status"] for check in report["checks"] if check["id"].startswith("iam.")})
    assert set(found[0].values()) == {"PASS"}
    assert found[1]["iam.policy.global"] == found[1]["iam.permissions"] == "FAIL"


def test_half_a_network_fails(operator: Operator, account: Account) -> None:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24", AvailabilityZone="us-west-2d")["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[subnet], Tags=[{"Key": "Name", "Value": "lab Public Subnet"}])
    try:
        ran = operator.run("preflight", *ZONE, "--config", operator.config())
    finally:
        ec2.delete_subnet(SubnetId=subnet)
    assert ran.code == 1
    assert "no 'Private Subnet'" in ran.stderr


def test_a_customer_managed_key_is_recognised(operator: Operator, account: Account) -> None:
    s3 = account.client("s3")
    key = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    s3.put_bucket_encryption(Bucket="refs-usw2", ServerSideEncryptionConfiguration=rules)
    try:
        ran = operator.run("preflight", *ZONE, "--config", operator.config(), "--json")
    finally:
        s3.delete_bucket_encryption(Bucket="refs-usw2")
    assert (ran.code, ran.document["error"]["code"]) == (1, "preflight_warned")
    checks = {check["id"]: check for check in ran.document["error"]["details"]["checks"]}
    buckets = checks["s3.bucket_settings"]["details"]["buckets"]
    assert [name for name, facts in buckets.items() if facts["kms_key"] == key] == ["refs-usw2"]


@pytest.mark.weakness("W-18")
def test_instances_that_run_count(operator: Operator, account: Account) -> None:
    ec2 = account.client("ec2")
    market = {"MarketType": "spot"}
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    started = ec2.run_instances(ImageId=image, InstanceType="c6i.32xlarge", MinCount=2, MaxCount=2,
                                InstanceMarketOptions=market)["Instances"]  # fmt: skip
    try:
        ran = operator.run("preflight", *ZONE, "--config", operator.config(), "--json")
    finally:
        ec2.terminate_instances(InstanceIds=[item["InstanceId"] for item in started])
    assert ran.code == 0, ran.document["error"]["message"]
    spot = {check["id"]: check for check in ran.document["checks"]}["quota.spot_vcpu"]["details"]
    assert (spot["in_use"], spot["tot_vcpu_demand"], spot["available"]) == (256, 976, 3000 - 256)


@pytest.mark.weakness("W-60")
def test_a_scratch_file_system_that_exists_counts(operator: Operator, account: Account) -> None:
    ec2, fsx = account.client("ec2"), account.client("fsx")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = fsx.create_file_system(FileSystemType="LUSTRE", StorageCapacity=96_000, SubnetIds=[subnet],
                                  LustreConfiguration={"DeploymentType": "SCRATCH_2"})["FileSystem"]  # fmt: skip
    try:
        ran = operator.run("preflight", *ZONE, "--config", operator.config(fsx_fs_size="7200"), "--json")
    finally:
        fsx.delete_file_system(FileSystemId=made["FileSystemId"])
    assert ran.code == 1
    checks = {check["id"]: check for check in ran.document["error"]["details"]["checks"]}
    assert checks["quota.fsx.lustre_scratch_storage"]["details"]["in_use"] == 96_000


def test_a_bucket_whose_readers_pay_is_a_warning(operator: Operator, account: Account) -> None:
    s3 = account.client("s3")
    for payer, status in (("Requester", "WARN"), ("BucketOwner", "PASS")):
        s3.put_bucket_request_payment(Bucket="control-usw2", RequestPaymentConfiguration={"Payer": payer})
        ran = operator.run("preflight", "--region-az", "us-west-2d", "--config", operator.config(), "--pass-on-warn",
                           "--json")  # fmt: skip
        (check,) = (check for check in ran.document["checks"] if check["id"] == "s3.bucket_settings")
        assert (ran.code, check["status"]) == (0, status)
        assert check["details"]["buckets"]["control-usw2"]["requester_pays"] is (payer == "Requester")
    assert "GetBucketRequestPayment" in operator.calls
