"""Contract, sections 7 and 9: check ids, their order, their facts, the report's schema, the gate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.errors import PreflightFailed
from daylily_ec.preflight.context import PreflightOptions
from daylily_ec.preflight.report import PreflightReport, Status
from daylily_ec.preflight.run import VALIDATORS
from daylily_ec.workflow.preflight import run_preflight
from tests.conftest import FakeClock
from tests.unit.preflight.fakes import ZONE, FakeReads, FakeServices, World, aws_error

ORDER = ("toolchain", "identity", "iam", "config", "quota", "s3.role_config", "s3.role_verify", "keypair", "network")

IDS: dict[str, set[str]] = {
    "toolchain.python": {"current", "required"},
    "toolchain.git": {"current", "required"},
    "toolchain.pcluster": {"current", "required"},
    "toolchain.node": {"path"},
    "toolchain.wget": {"path", "required"},
    "toolchain.aws": {"path", "required"},
    "toolchain.session-manager-plugin": {"path", "required"},
    "identity.caller": {"account_id", "caller_arn", "user"},
    "iam.policy.global": {"policy", "user"},
    "iam.policy.regional": {"policy", "user"},
    "iam.pcluster_omics_policy": {"policy", "arn", "action"},
    "iam.permissions": {"principal", "simulated", "denied", "permissions_boundary"},
    "config.values": {"keys", "cluster_name"},
    "config.cluster_template": {"template", "path"},
    "config.repository_catalog": {"path", "command_catalog_version", "default_repository", "repository_count",
                                  "command_count"},
    "quota.ondemand_vcpu": {"quota_code", "service_code", "recommended_min", "current_value", "evaluation"},
    "quota.spot_vcpu": {"quota_code", "service_code", "recommended_min", "current_value", "evaluation",
                        "tot_vcpu_demand", "in_use", "available"},
    "quota.vpcs": {"quota_code", "service_code", "recommended_min", "current_value", "evaluation", "in_use"},
    "quota.elastic_ips": {"quota_code", "service_code", "recommended_min", "current_value", "evaluation", "in_use"},
    "quota.nat_gateways": {"quota_code", "service_code", "recommended_min", "current_value", "evaluation", "in_use"},
    "quota.internet_gateways": {"quota_code", "service_code", "recommended_min", "current_value", "evaluation"},
    "quota.fsx.lustre_scratch_storage": {"current_value", "in_use", "needed", "existing"},
    "quota.fsx.lustre_scratch_filesystems": {"current_value"},
    "quota.instance_type_offerings": {"zone", "instance_types", "not_offered"},
    "s3.role_config": {"region", "roles", "buckets", "issues"},
    "s3.bucket_settings": {"buckets", "issues"},
    "s3.role_verify": {"region", "verified", "roles", "buckets", "issues"},
    "keypair.selection": {"access"},
    "network.zone": {"zone"},
    "network.subnets": {"zone", "public_subnet_id", "private_subnet_id"},
    "network.baseline_stack": {"stack", "status"},
    "cluster.name": {"cluster_name", "existing_status"},
}  # fmt: skip
"""Every id of a passing run in order, and the details that it has at least."""

REFERENCE_IDS = (
    "iam.policy.global", "iam.policy.regional", "iam.pcluster_omics_policy", "config.repository_catalog",
    "quota.ondemand_vcpu", "quota.spot_vcpu", "quota.vpcs", "quota.elastic_ips", "quota.nat_gateways",
    "quota.internet_gateways", "s3.role_config", "s3.role_verify",
)  # fmt: skip
QUOTAS = {
    "quota.ondemand_vcpu": ("ec2", "L-1216C47A", 20),
    "quota.spot_vcpu": ("ec2", "L-34B43A08", 192),
    "quota.vpcs": ("vpc", "L-F678F1CE", 5),
    "quota.elastic_ips": ("ec2", "L-0263D0A3", 5),
    "quota.nat_gateways": ("vpc", "L-FE5A380F", 5),
    "quota.internet_gateways": ("vpc", "L-A4707A72", 5),
}


@pytest.fixture
def world(clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "daylily").mkdir()
    rules = "roles:\n  reference: {marker: {object: version.info, text: '1.0'}, holds: [genomes/]}\n"
    (tmp_path / "daylily" / "storage_roles.yaml").write_text(rules)
    return World(FakeReads(clock))


def preflight(world: World, **options: Any) -> PreflightReport:
    services = FakeServices(world.reads)
    return run_preflight(services, world.config, ZONE, PreflightOptions(**options), machine=world.machine)


def test_nine_validators_in_the_order_of_the_specification() -> None:
    assert tuple(validator.id for validator in VALIDATORS) == ORDER


@pytest.mark.weakness("W-08")
def test_check_ids_and_their_order(world: World) -> None:
    ids = [check.id for check in preflight(world).checks]
    assert ids == list(IDS)
    assert [id for id in ids if id in REFERENCE_IDS] == list(REFERENCE_IDS)


@pytest.mark.parametrize("id", IDS)
def test_details_of_each_check(world: World, id: str) -> None:
    check = preflight(world).check(id)
    assert check is not None
    assert IDS[id] <= set(check.details), set(check.details)


@pytest.mark.parametrize("id", QUOTAS)
def test_quota_codes_and_recommendations(world: World, id: str) -> None:
    check = preflight(world).check(id)
    assert check is not None
    details = check.details
    assert (details["service_code"], details["quota_code"], details["recommended_min"]) == QUOTAS[id]


def test_the_report_has_the_schema_of_the_specification(world: World) -> None:
    report = preflight(world)
    assert report.report_path is not None
    text = report.report_path.read_text()
    kept = json.loads(text)
    assert text == json.dumps(kept, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert set(kept) == {"run_id", "cluster_name", "region", "region_az", "aws_profile", "account_id", "caller_arn",
                         "checks"}  # fmt: skip
    assert kept["run_id"].isdigit()
    assert len(kept["run_id"]) == 14
    for check in kept["checks"]:
        assert set(check) == {"id", "status", "details", "remediation", "seconds"}
        assert check["status"] in {"PASS", "WARN", "FAIL"}
        assert (check["remediation"] == "") is (check["status"] == "PASS")


@pytest.mark.weakness("W-06")
def test_a_failure_hides_what_comes_behind_it(world: World) -> None:
    world.reads.iam.attached.clear()
    with pytest.raises(PreflightFailed) as caught:
        preflight(world, pass_on_warn=True)
    report = caught.value.evidence
    assert isinstance(report, PreflightReport)
    assert {check.id.split(".")[0] for check in report.checks} == {"toolchain", "identity", "iam"}
    assert caught.value.exit_code == 1
    assert world.reads.s3.writes == []


@pytest.mark.parametrize(("pass_on_warn", "passes"), [(False, False), (True, True)])
def test_warnings_and_the_flag_that_lets_them_pass(world: World, pass_on_warn: bool, passes: bool) -> None:
    world.reads.quotas.errors["L-F678F1CE"] = aws_error()
    if passes:
        assert preflight(world, pass_on_warn=pass_on_warn).status is Status.WARN
    else:
        with pytest.raises(PreflightFailed) as caught:
            preflight(world, pass_on_warn=pass_on_warn)
        assert caught.value.exit_code == 1


def test_every_check_is_timed(world: World) -> None:
    assert all(check.seconds >= 0 for check in preflight(world).checks)
