"""Validator 4: the configuration is complete, and the files it names exist.

Its values were checked when it was read, before AWS was asked anything.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial

from daylily_ec.catalog.facts import catalog_facts
from daylily_ec.catalog.source import PACKAGED
from daylily_ec.config.models import LISTED_KEYS
from daylily_ec.config.resources import locate
from daylily_ec.errors import NotFound, ValidationError
from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.report import CheckResult
from daylily_ec.preflight.template import draft


@dataclass(frozen=True, slots=True)
class ConfigValidator:
    """Values, the cluster template, the catalog of workflow repositories."""

    id: str = "config"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        return run_checks(
            context,
            [
                Check("config.values", partial(_values, context)),
                Check("config.cluster_template", partial(_template, context)),
                Check("config.repository_catalog", _catalog),
            ],
        )


def _values(context: PreflightContext) -> CheckResult:
    config = context.config
    return CheckResult.passed(
        "config.values",
        keys=len(LISTED_KEYS),
        cluster_name=config.cluster_name,
        fsx_fs_size=config.fsx_fs_size,
        headnode_instance_type=config.headnode_instance_type,
        region_az=context.zone,
    )


def _template(context: PreflightContext) -> CheckResult:
    name = context.config.cluster_template_yaml
    try:
        path = locate(name)
        context.once("template", lambda: draft(context.config))
    except (NotFound, ValidationError) as error:
        return CheckResult.failed(
            "config.cluster_template", f"Correct cluster_template_yaml: {error.message}", template=name
        )
    return CheckResult.passed("config.cluster_template", template=name, path=str(path))


def _catalog() -> CheckResult:
    try:
        facts = catalog_facts()
    except ValidationError as error:
        return CheckResult.failed(
            "config.repository_catalog", f"Correct the catalog: {error.message}", path=PACKAGED, error=error.message
        )
    return CheckResult.passed("config.repository_catalog", path=PACKAGED, **asdict(facts))
