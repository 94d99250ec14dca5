"""What is missing, and how it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from daylily_ec.localcloud import doctor
from daylily_ec.localcloud.doctor import CannotInstall, Report, check, install, install_command


def everything(name: str) -> str:
    return f"/usr/bin/{name}"


def without(*names: str) -> Report:
    return check(lambda name: None if name in names else f"/usr/bin/{name}", lambda: True)


def test_nothing_missing_needs_no_command() -> None:
    report = check(everything, lambda: True)
    assert report.missing == ()
    assert report.command == ""
    assert {row.group for row in report.rows} == {"nodes", "demo"}


def test_one_command_installs_all_that_is_missing_each_package_once() -> None:
    report = without("nsenter", "unshare", "slurmd", "bwa")
    assert [row.name for row in report.missing] == ["nsenter", "unshare", "slurmd", "bwa"]
    assert report.command == "apt-get update && apt-get install --no-install-recommends -y bwa slurmd util-linux"


def test_user_namespaces_that_do_not_work_are_reported_and_no_package_cures_them() -> None:
    report = check(everything, lambda: False)
    assert [row.name for row in report.missing] == ["user namespaces"]
    assert install_command(report.rows) == ""


def test_without_bubblewrap_user_namespaces_are_not_tried() -> None:
    report = check(lambda name: None if name == "bwrap" else name, lambda: pytest.fail("tried"))
    assert [row.name for row in report.missing] == ["bwrap", "user namespaces"]


class Apt:
    """Runs nothing, remembers what policy held while it ran."""

    def __init__(self, policy: Path) -> None:
        self.policy = policy
        self.calls: list[tuple[str, str]] = []

    def __call__(self, command: Sequence[str]) -> None:
        held = self.policy.read_text(encoding="utf-8") if self.policy.exists() else ""
        self.calls.append((" ".join(word for word in command if not word.startswith(("-o", "DPkg"))), held))


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


def test_installing_starts_no_daemon_and_leaves_the_policy_as_it_was(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    apt, reports = Apt(policy), iter([without("slurmd"), without()])
    install(apt, lambda: next(reports), policy)
    assert apt.calls[:2] == [
        ("apt-get update", doctor.DENY),
        ("apt-get install --no-install-recommends -y slurmd", doctor.DENY),
    ]
    assert policy.read_text(encoding="utf-8") == "#!/bin/sh\nexit 0\n"


def test_the_policy_is_removed_when_there_was_none_even_after_a_failure(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"

    def fail(_command: Sequence[str]) -> None:
        raise CannotInstall("no network")

    with pytest.raises(CannotInstall, match="no network"):
        install(fail, lambda: without("slurmd"), policy)
    assert not policy.exists()


def test_nothing_is_run_when_nothing_is_missing(tmp_path: Path) -> None:
    install(lambda _command: pytest.fail("ran"), without, tmp_path / "policy-rc.d")


def test_what_is_still_missing_afterwards_is_an_error(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with pytest.raises(CannotInstall, match="still missing after the installation: slurmd"):
        install(Apt(policy), lambda: without("slurmd"), policy)


def test_only_root_can_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(CannotInstall) as refused:
        install(Apt(tmp_path / "p"), lambda: without("slurmd"), tmp_path / "p")
    assert refused.value.hint == "as root: apt-get update && apt-get install --no-install-recommends -y slurmd"


def test_another_system_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(CannotInstall, match="neither Debian nor Ubuntu; missing: slurmd"):
        install(Apt(tmp_path / "p"), lambda: without("slurmd"), tmp_path / "p")
