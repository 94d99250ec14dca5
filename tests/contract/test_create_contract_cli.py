"""Flags and exit codes that operators and scripts of the reference release rely on."""

from __future__ import annotations

import pytest

from daylily_ec import errors
from daylily_ec.errors import DyecError
from tests.contract.commands import leaves

LEAVES = {leaf.name: leaf for leaf in leaves()}
FLAGS = {
    "create": {"--region-az", "--profile", "--config", "--pass-on-warn", "--debug", "--repo-override",
               "--non-interactive"},
    "preflight": {"--region-az", "--profile", "--config", "--pass-on-warn", "--debug", "--non-interactive"},
    "delete": {"--cluster-name", "--cluster", "--region", "--profile", "--state-file", "--yes", "--dry-run"},
    "cluster list": {"--region", "--profile"},
    "cluster describe": {"--region", "--cluster", "--cluster-name", "--profile"},
    "cluster wait": {"--region", "--cluster", "--cluster-name", "--profile", "--status", "--timeout",
                     "--poll-interval"},
    "state show": {"--state-file", "--cluster-name", "--cluster"},
}  # fmt: skip
NEW_FLAGS = {
    "create": {"--dry-run", "--rollback-on-failure"},
    "preflight": {"--keep-going", "--probe-writes"},
}
EXIT_CODES = {
    1: ("ValidationError", "InvalidValue", "MissingInput", "Refused", "NotFound", "PreflightFailed", "CorruptFile",
        "Busy"),
    2: ("AwsError", "AccessDenied", "CredentialsExpired", "NoCredentials", "Throttled", "Unreachable",
        "ClusterFailed", "DeadlinePassed", "RemoteCommandFailed"),
    4: ("ToolchainError",),
    64: ("UsageError",),
    130: ("Interrupted",),
}  # fmt: skip
"""0 success, 1 validation, 2 AWS operation, 4 toolchain; 3 (drift) is raised by no error class of this path."""


@pytest.mark.weakness("W-12")
@pytest.mark.weakness("W-30")
@pytest.mark.parametrize(("command", "flag"), [(name, flag) for name in FLAGS for flag in sorted(FLAGS[name])])
def test_flags_of_the_reference_release_exist(command: str, flag: str) -> None:
    assert flag in LEAVES[command].options


@pytest.mark.parametrize(("command", "flag"), [(name, flag) for name in NEW_FLAGS for flag in sorted(NEW_FLAGS[name])])
def test_flags_beyond_it_exist(command: str, flag: str) -> None:
    assert flag in LEAVES[command].options


def test_booleans_default_to_false() -> None:
    for command in ("create", "preflight"):
        for param in LEAVES[command].params:
            if param.opts[0] in {"--pass-on-warn", "--non-interactive", "--dry-run", "--keep-going", "--probe-writes"}:
                assert param.default is False, param.opts


def test_only_the_zone_is_required() -> None:
    for command in ("create", "preflight"):
        assert [param.opts[0] for param in LEAVES[command].params if param.required] == ["--region-az"]


@pytest.mark.weakness("W-27")
@pytest.mark.parametrize(("name", "code"), [(name, code) for code, names in EXIT_CODES.items() for name in names])
def test_exit_codes(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code


def test_every_error_class_has_a_documented_exit_code_and_a_code_of_its_own() -> None:
    classes = [one for one in vars(errors).values()
               if isinstance(one, type) and issubclass(one, DyecError) and one is not DyecError]  # fmt: skip
    assert {one.__name__ for one in classes} >= {name for names in EXIT_CODES.values() for name in names}
    assert {one.exit_code for one in classes} <= {1, 2, 3, 4, 64, 130}
    assert len({one.code for one in classes}) == len(classes)
