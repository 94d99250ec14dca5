"""What a preflight found: one record per check, and the report that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daylily_ec.domain.checks import Status as Status


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check; `details` are JSON-ready, `remediation` says what to do and is empty on PASS; `seconds` it took."""

    id: str
    status: Status
    details: Mapping[str, Any] = field(default_factory=dict)
    remediation: str = ""
    seconds: float = 0.0

    @classmethod
    def passed(cls, id: str, **details: Any) -> CheckResult:
        """A PASS."""
        return cls(id, Status.PASS, details)

    @classmethod
    def warned(cls, id: str, remediation: str, **details: Any) -> CheckResult:
        """A WARN."""
        return cls(id, Status.WARN, details, remediation)

    @classmethod
    def failed(cls, id: str, remediation: str, **details: Any) -> CheckResult:
        """A FAIL."""
        return cls(id, Status.FAIL, details, remediation)


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """Every check that ran, in order; account and caller are empty while nobody asked for them."""

    run_id: str
    cluster_name: str
    region: str
    region_az: str
    aws_profile: str
    account_id: str = ""
    caller_arn: str = ""
    checks: tuple[CheckResult, ...] = ()
    report_path: Path | None = None

    def having(self, status: Status) -> tuple[CheckResult, ...]:
        """The checks that ended so."""
        return tuple(check for check in self.checks if check.status is status)

    def check(self, id: str) -> CheckResult | None:
        """The check of that id, None when it did not run."""
        return next((check for check in self.checks if check.id == id), None)

    @property
    def status(self) -> Status:
        """The worst status of all checks."""
        return Status.FAIL if self.having(Status.FAIL) else Status.WARN if self.having(Status.WARN) else Status.PASS

    def document(self) -> dict[str, Any]:
        """The report as it is kept in a file."""
        return {
            "run_id": self.run_id,
            "cluster_name": self.cluster_name,
            "region": self.region,
            "region_az": self.region_az,
            "aws_profile": self.aws_profile,
            "account_id": self.account_id,
            "caller_arn": self.caller_arn,
            "checks": list(self.checks),
        }

    def to_json(self) -> dict[str, Any]:
        """The report, its status, and where it is kept."""
        return {**self.document(), "status": self.status, "report_path": self.report_path}

    def kept_at(self, path: Path) -> PreflightReport:
        """The same report, knowing its file."""
        return replace(self, report_path=path)
