"""The run: order, gate, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daylily_ec.cli.render import text
from daylily_ec.errors import NoCredentials, PreflightFailed, ToolchainError
from daylily_ec.preflight.context import PreflightOptions
from daylily_ec.preflight.report import PreflightReport, Status
from daylily_ec.preflight.run import VALIDATORS
from daylily_ec.workflow.preflight import run_preflight
from tests.unit.preflight.fakes import ZONE, FakeContext, FakeServices, World, aws_error


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "daylily"
    directory.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (directory / "storage_roles.yaml").write_text(
        "roles:\n  reference: {marker: {object: version.info, text: '1.0'}, holds: [genomes/]}\n"
    )


def preflight(world: World, **options: Any) -> PreflightReport:
    services = FakeServices(world.reads)
    return run_preflight(services, world.config, ZONE, PreflightOptions(**options), machine=world.machine)


def test_the_order_is_fixed() -> None:
    assert [validator.id for validator in VALIDATORS] == [
        "toolchain", "identity", "iam", "config", "quota", "s3.role_config", "s3.role_verify", "keypair", "network",
    ]  # fmt: skip


def test_a_passing_run_keeps_a_report_of_the_agreed_shape(world: World, tmp_path: Path) -> None:
    report = preflight(world)
    assert report.status is Status.PASS
    assert report.report_path == tmp_path / "daylily" / "preflight_day-demo_20260211143722.json"
    kept = json.loads(report.report_path.read_text())
    assert sorted(kept) == [
        "account_id", "aws_profile", "caller_arn", "checks", "cluster_name", "region", "region_az", "run_id",
    ]  # fmt: skip
    assert {tuple(sorted(check)) for check in kept["checks"]} == {("details", "id", "remediation", "seconds", "status")}
    assert all(check["remediation"] == "" for check in kept["checks"])
    assert report.report_path.stat().st_mode & 0o777 == 0o600
    ids = [check["id"] for check in kept["checks"]]
    wanted = [
        "toolchain.python", "identity.caller", "iam.policy.global", "iam.policy.regional", "iam.pcluster_omics_policy",
        "config.values", "quota.ondemand_vcpu", "quota.spot_vcpu", "quota.vpcs", "quota.elastic_ips",
        "quota.nat_gateways", "quota.internet_gateways", "s3.role_config", "s3.role_verify", "keypair.selection",
        "network.subnets",
    ]  # fmt: skip
    assert [id for id in ids if id in wanted] == wanted


def test_two_runs_in_one_second_keep_two_reports(world: World) -> None:
    first, second = preflight(world), preflight(world)
    assert first.report_path != second.report_path
    assert second.report_path is not None
    assert second.report_path.name == "preflight_day-demo_20260211143722-2.json"


def test_a_failure_stops_the_run_and_says_which_report(world: World) -> None:
    world.reads.iam.attached.clear()
    world.reads.s3.regions.clear()
    with pytest.raises(PreflightFailed) as caught:
        preflight(world)
    assert caught.value.exit_code == 1
    document = caught.value.details
    ids = [check.id for check in document["checks"]]  # type: ignore[attr-defined]
    assert "iam.policy.regional" in ids
    assert not any(id.startswith(("quota.", "s3.")) for id in ids)
    assert Path(str(document["report_path"])).exists()


def test_keep_going_reports_everything(world: World) -> None:
    world.reads.iam.attached.clear()
    world.reads.s3.regions.clear()
    with pytest.raises(PreflightFailed) as caught:
        preflight(world, keep_going=True)
    report = caught.value.evidence
    assert isinstance(report, PreflightReport)
    failed = [check.id for check in report.having(Status.FAIL)]
    assert failed == ["iam.policy.global", "iam.policy.regional", "s3.role_config"]
    assert report.check("cluster.name") is not None


@pytest.mark.weakness("W-33")
def test_a_wrong_toolchain_has_its_own_exit_code_and_asks_aws_nothing(world: World) -> None:
    world.machine.distributions.clear()
    world.reads.context = FakeContext(error=AssertionError("asked"))
    with pytest.raises(ToolchainError) as caught:
        preflight(world)
    assert caught.value.exit_code == 4


def test_warnings_close_the_gate_unless_accepted(world: World) -> None:
    world.reads.quotas.errors["L-F678F1CE"] = aws_error()
    with pytest.raises(PreflightFailed) as caught:
        preflight(world)
    assert caught.value.code == "preflight_warned"
    assert preflight(world, pass_on_warn=True).status is Status.WARN


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_at_the_terminal_decides_about_warnings(world: World, answer: bool) -> None:
    world.reads.iam.attached.clear()
    asked: list[tuple[str, ...]] = []

    def confirm(warnings: tuple[str, ...]) -> bool:
        asked.append(warnings)
        return answer

    if answer:
        assert preflight(world, confirm=confirm).status is Status.WARN
    else:
        with pytest.raises(PreflightFailed) as caught:
            preflight(world, confirm=confirm)
        assert (caught.value.code, caught.value.exit_code) == ("preflight_warned", 1)
    ((first, second),) = asked
    assert first.startswith("iam.policy.global: Have an administrator attach")
    assert second.startswith("iam.policy.regional: ")


def test_nobody_is_asked_about_a_failure_or_when_warnings_may_pass(world: World) -> None:
    def confirm(warnings: tuple[str, ...]) -> bool:
        raise AssertionError(warnings)

    world.reads.quotas.errors["L-F678F1CE"] = aws_error()
    assert preflight(world, confirm=confirm, pass_on_warn=True).status is Status.WARN
    world.reads.s3.regions.clear()
    with pytest.raises(PreflightFailed, match=r"s3\.role_config"):
        preflight(world, confirm=confirm)


def test_pass_on_warn_never_overrides_a_failure(world: World) -> None:
    world.reads.iam.attached.clear()
    with pytest.raises(PreflightFailed):
        preflight(world, pass_on_warn=True)


def test_no_credentials_is_the_error_itself(world: World) -> None:
    world.reads.context = FakeContext(error=NoCredentials("none"))
    with pytest.raises(NoCredentials):
        preflight(world)


def test_the_table_shows_every_check_and_the_report(world: World) -> None:
    import daylily_ec.cli.preflight  # noqa: F401 (registers the view)

    shown = text(preflight(world))
    assert "PASS" in shown
    assert "network.subnets" in shown
    assert "preflight_day-demo_20260211143722.json" in shown
