"""What was asked of `workflow launch`, and the rules by which its options go together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from daylily_ec.errors import Refused, UsageError
from daylily_ec.headnode.launch import ExportTrigger

TARGET = "produce_snv_concordances"
GENOME = "hg38"


@dataclass(frozen=True, slots=True)
class DefaultCommand:
    """The choices that make `bin/day_run …` when no command is given; lists are comma-separated."""

    target: str = TARGET
    jobs: int = 6
    aligners: str = "bwa2a"
    dedupers: str = "dmd"
    snv_callers: str = "deep"
    sv_callers: str = ""
    snakemake_extra: str = ""
    containerized: bool = True


@dataclass(frozen=True, slots=True)
class Registration:
    """Registration of what an export left in S3; the trio names its analysis, run and record elsewhere."""

    command_id: str | None = None
    url: str | None = None
    token_env: str | None = None
    trio: tuple[str | None, str | None, str | None] = (None, None, None)

    @property
    def is_asked(self) -> bool:
        """Whether any of its options was given."""
        return any((self.command_id, self.url, self.token_env, *self.trio))

    def broken_rules(self, trigger: ExportTrigger) -> Iterator[str]:
        """Why its options do not go together."""
        if self.is_asked and not all((self.command_id, self.url, self.token_env)):
            yield "--artifact-registration-command-id, --dewey-url and --dewey-token-env belong together"
        if any(self.trio) and not all(self.trio):
            yield ("--dewey-analysis-dir-external-object-id, --dewey-run-artifact-euid and --dewey-ursa-analysis-euid "
                   "belong together")  # fmt: skip
        if self.is_asked and trigger is ExportTrigger.NONE:
            yield "a registration needs --export-trigger"


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """`dyec workflow launch` as it was typed."""

    cluster: str
    analysis_id: str
    executing_entity: str
    stage_dir: str | None = None
    stage_base: str | None = None
    stage_s3_uri: str | None = None
    samples_file: Path | None = None
    units_file: Path | None = None
    run_context_file: Path | None = None
    bootstrap_test_config: bool = False
    input_staging: bool = True
    activation: bool = True
    session_name: str | None = None
    repository: str | None = None
    git_tag: str | None = None
    command_id: str | None = None
    features: tuple[str, ...] = ()
    engine_dry_run: bool = False
    project: str | None = None
    skip_project_check: bool = True
    genome: str | None = None
    dy_command: str | None = None
    default_command: DefaultCommand = DefaultCommand()
    export_trigger: ExportTrigger = ExportTrigger.NONE
    export_destination: str | None = None
    delete_on_export_success: bool = False
    registration: Registration = field(default_factory=Registration)
    replace_existing: bool = False
    dry_run: bool = False


def check_options(request: LaunchRequest) -> None:
    """`UsageError` with every broken rule; `Refused` for a registration, which is not available."""
    broken = [*_inputs(request), *_command(request), *_export(request)]
    if broken:
        raise UsageError(f"These options do not go together: {'; '.join(broken)}.", details={"rules": broken})
    if request.registration.is_asked:
        raise Refused(
            "Registering artifacts at the end of a workflow is not available in this release.",
            code="option_unavailable", hint="Leave out the registration options; the export itself is made.",
        )  # fmt: skip


def _inputs(request: LaunchRequest) -> Iterator[str]:
    tables = (request.samples_file, request.units_file)
    sources = {
        "--run-context-file": request.run_context_file,
        "--stage-dir": request.stage_dir,
        "--samples-file": request.samples_file or request.units_file,
        "--bootstrap-test-config": request.bootstrap_test_config,
    }
    given = [name for name, value in sources.items() if value]
    if len(given) > 1:
        yield f"{' and '.join(given)} exclude each other"
    if not request.input_staging and {"--run-context-file", "--stage-dir", "--samples-file"} & set(given):
        yield f"{given[0]} and --no-input-staging exclude each other"
    if any(tables) and not all(tables):
        yield "--samples-file and --units-file belong together"
    if request.stage_base and (not request.input_staging or given):
        yield f"--stage-base and {given[0] if given else '--no-input-staging'} exclude each other"


def _command(request: LaunchRequest) -> Iterator[str]:
    if request.command_id and request.dy_command:
        yield "--command-id and --dy-command exclude each other"
    for option, given in (("--feature", request.features), ("--engine-dry-run", request.engine_dry_run)):
        if given and not request.command_id:
            yield f"{option} needs --command-id"
    if request.command_id and request.default_command != DefaultCommand():
        yield "--command-id fixes targets, jobs and tools, so no other option may"


def _export(request: LaunchRequest) -> Iterator[str]:
    if (request.export_trigger is ExportTrigger.NONE) != (request.export_destination is None):
        yield "--export-trigger and --export-destination-s3-uri belong together"
    if request.delete_on_export_success and request.export_destination is None:
        yield "--delete-on-export-success needs --export-destination-s3-uri"
    yield from request.registration.broken_rules(request.export_trigger)
