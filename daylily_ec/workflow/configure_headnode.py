"""`headnode configure`: dyec, day-clone, the site's YAML files and the login hook on a cluster's head node."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.aws.clusters import ClusterView, require
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import CredentialsExpired, DyecError, NoCredentials, NotFound, ValidationError
from daylily_ec.headnode import bootstrap
from daylily_ec.headnode.bootstrap import StepReport
from daylily_ec.headnode.bundle import Pins, make_bundle
from daylily_ec.headnode.identity import NodeInstall
from daylily_ec.headnode.readiness import check, failures
from daylily_ec.headnode.site_files import SiteFiles
from daylily_ec.plan.executor import JournalSink
from daylily_ec.util.clock import timestamp
from daylily_ec.version import __version__
from daylily_ec.workflow.repo_overrides import override_map, read_overrides
from daylily_ec.workflow.services import Services

_OPTIONAL = ("unreachable", "failed")


@dataclass(frozen=True, slots=True)
class ConfigureRequest:
    """What the operator asks for.

    `overrides` are canonical `key:ref` texts, None keeps those that the node has; `catalog` is a catalog file for the
    node instead of the packaged one.
    """

    cluster: str
    overrides: tuple[str, ...] | None = None
    overrides_file: Path | None = None
    catalog: Path | None = None
    conda: bool = True


@dataclass(frozen=True, slots=True)
class Configured:
    """What configure did; `seconds` in all, `published` objects stored in S3, `warnings` what does not hold yet."""

    cluster: str
    outcome: Outcome
    release: str
    bundle: str
    python: str
    published: int
    seconds: float
    steps: tuple[StepReport, ...]
    warnings: tuple[str, ...] = ()


def configure_head_node(services: Services, request: ConfigureRequest) -> Configured:
    """Configure the head node of a cluster by name; safe to repeat, at any time and beside running workflows."""
    wanted, catalog = _checked(request)
    view = require(services.clusters, ClusterName.parse(request.cluster), services.context.region)
    return _configure(services, view, wanted, catalog, request.conda)


def configure_created(
    services: Services, view: ClusterView, overrides: tuple[str, ...], journal: JournalSink
) -> tuple[str, ...]:
    """Configure the head node of a cluster that has just been made; the warnings.

    Nothing but lost credentials fails the run: the cluster works, and the command can be given by hand.
    """
    journal.append("apply", "headnode")
    try:
        done = _configure(services, view, override_map(overrides) or None, None, True)
    except (CredentialsExpired, NoCredentials):
        raise
    except DyecError as error:
        words = ["dyec", "headnode", "configure", "--region", view.region, "--cluster", view.name,
                 *(word for one in overrides for word in ("--repo-override", one))]  # fmt: skip
        text = f"The head node was not configured: {error.message} Repeat with: {shlex.join(words)}"
        journal.append("warning", text=text)
        services.reporter.warn(text)
        return (text,)
    journal.append("applied", "headnode", outputs={"release": done.release, "bundle": done.bundle})
    return done.warnings


def _checked(request: ConfigureRequest) -> tuple[dict[str, str] | None, str | None]:
    """Overrides and catalog text, refused before anything is asked of AWS."""
    if request.overrides is not None and request.overrides_file is not None:
        raise ValidationError("Give --repo-override or --repo-overrides, not both.", code="usage")
    text = _catalog_text(request.catalog)
    if request.overrides_file is not None:
        return override_map(read_overrides(request.overrides_file, request.catalog)), text
    return (None if request.overrides is None else override_map(request.overrides)), text


def _catalog_text(path: Path | None) -> str | None:
    if path is None:
        return None
    from daylily_ec.catalog.loader import parse_catalog

    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"There is no catalog file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"The catalog file {path} cannot be read: {error}") from error
    parse_catalog(text, str(path))
    return text


def _configure(
    services: Services, view: ClusterView, overrides: dict[str, str] | None, catalog: str | None, conda: bool
) -> Configured:
    clock, began = services.clock, services.clock.monotonic()
    services.reporter.step(f"Configuring the head node of {view.name}")
    remote = services.headnodes.connect(view)
    facts = bootstrap.probe(remote)
    pins = Pins.packaged()
    bundle = make_bundle(services.wheels.wheels(facts.target, pins), pins)
    prefix, published = bootstrap.publish(services.s3, facts.boot_folder, bundle)
    wanted = NodeInstall(bundle.release, bundle.digest, str(prefix), facts.python, timestamp(clock.now()))
    steps = bootstrap.install(remote, facts, SiteFiles(wanted, catalog, overrides), conda=conda)
    warnings = (*_optional(steps), *(f"head node: {item.name}: {item.found}" for item in failures(check(remote))))
    for text in warnings:
        services.reporter.warn(text)
    changed = any(step.status == "done" for step in steps)
    outcome = Outcome.CREATED if not facts.release else Outcome.UPDATED if changed else Outcome.UNCHANGED
    services.reporter.note(f"head node: dyec {__version__} ({bundle.release}): {outcome.value}")
    return Configured(view.name, outcome, bundle.release, str(prefix), facts.python, published,
                      round(clock.monotonic() - began, 1), steps, warnings)  # fmt: skip


def _optional(steps: tuple[StepReport, ...]) -> list[str]:
    return [f"head node: optional step {step.name}: {step.status}: {step.found}"
            for step in steps if step.status in _OPTIONAL]  # fmt: skip
