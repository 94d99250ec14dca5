"""The catalog, schema version 2.  Every level forbids unknown keys, so a misspelt one is never ignored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic import ValidationError as ModelError
from pydantic_core import InitErrorDetails, PydanticCustomError

from daylily_ec.catalog.registration import ArtifactRegistration
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.ids import GitRef, RepositoryKey
from daylily_ec.errors import InvalidValue

CommandClass = Literal["sample_analysis", "run_analysis", "utility"]
ContractName = Literal["sample_manifest", "run_context", "none"]
CommandType = Literal["prod", "test", "dev"]
SourceMountMode = Literal["none", "default_mounted", "run_dra_required"]
RunStatus = Literal["success", "failed", "blocked", "not_run"]

_CLONE_URL = re.compile(r"(https?|ssh|git|file)://[^\s-][^\s]*|git@[A-Za-z0-9.-]+:[^\s-][^\s]*")


def _unique(values: list[str]) -> list[str]:
    twice = sorted(value for value, number in Counter(values).items() if number > 1)
    if twice:
        raise ValueError(f"listed twice: {', '.join(twice)}")
    return values


def _git_ref(value: str) -> str:
    return _as_value(GitRef.parse, value)


def _key(value: str) -> str:
    return _as_value(RepositoryKey.parse, value)


def _as_value(parse: Callable[[str], str], value: str) -> str:
    try:
        return str(parse(value))
    except InvalidValue as error:
        raise ValueError(error.message) from error


def _clone_url(value: str) -> str:
    if not _CLONE_URL.fullmatch(value):
        raise ValueError("must be an https, http, ssh, git or file URL, or git@host:path")
    return value


def _on_file_system(value: str) -> str:
    if not value.startswith("/fsx/") or FsxPath.parse(value).value == "/":
        raise ValueError("must be a directory below /fsx")
    return value


Text = Annotated[str, Field(min_length=1)]
OnFileSystem = Annotated[str, AfterValidator(lambda value: _as_value(_on_file_system, value))]
UniqueTexts = Annotated[list[Text], AfterValidator(_unique)]
Ref = Annotated[str, AfterValidator(_git_ref)]
CloneUrl = Annotated[str, AfterValidator(_clone_url)]
FolderName = Annotated[str, AfterValidator(_key)]


Finding = tuple[tuple[str | int, ...], str]
"""Where something is wrong, as the path of keys from the model that says so, and what."""

_CLASS_RULES = {
    "sample_analysis": ("sample_manifest", True, False),
    "run_analysis": ("run_context", False, True),
    "utility": ("none", False, False),
}


def _refuse(findings: Iterable[Finding]) -> None:
    """All findings at once, each with its place, as pydantic reports them."""
    rule = partial(PydanticCustomError, "catalog_rule", "{text}")
    errors = [InitErrorDetails(type=rule({"text": text}), loc=place, input=None) for place, text in findings]
    if errors:
        raise ModelError.from_exception_data("Catalog", errors)


def _repeated(values: Sequence[str]) -> Iterator[tuple[int, str]]:
    return ((index, value) for index, value in enumerate(values) if value in values[:index])


class Model(BaseModel):
    """Frozen, and strict about keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Table(Model):
    """A table of the workflow's contract."""

    path: Text
    required_columns: UniqueTexts = []


class InputContract(Model):
    """What a class of commands reads, and which tables are generated from it."""

    description: str = ""
    source_table: Table | None = None
    generated_tables: dict[str, Table] = {}


class TestDataLocation(Model):
    """Where test data lies on the file system and in S3."""

    location_id: Text
    description: str = ""
    mount_path: OnFileSystem
    data_root: str = ""
    s3_uri: str = ""
    applies_to_command_classes: list[CommandClass] = []


class TestDataProfile(Model):
    """How source data is expected to appear on the file system."""

    description: str = ""
    source_mount_mode: SourceMountMode
    source_s3_uri_template: str = ""
    source_fsx_prefix: str = ""
    locations: UniqueTexts = []
    run_context_source_s3_column: str = ""
    run_context_mount_id_column: str = ""
    source_notes: list[str] = []

    @model_validator(mode="after")
    def _agrees_with_its_mode(self) -> TestDataProfile:
        sources = bool(self.source_s3_uri_template and self.source_fsx_prefix)
        columns = (self.run_context_source_s3_column, self.run_context_mount_id_column)
        any_source = self.source_s3_uri_template or self.source_fsx_prefix or self.locations or any(columns)
        if self.source_mount_mode == "none" and any_source:
            raise ValueError("source_mount_mode none takes no sources")
        if self.source_mount_mode == "default_mounted" and (not sources or not self.locations or any(columns)):
            raise ValueError("source_mount_mode default_mounted needs locations, template and prefix, no run columns")
        if self.source_mount_mode == "run_dra_required" and not (sources and all(columns)):
            raise ValueError("source_mount_mode run_dra_required needs template, prefix and both run columns")
        return self


class InputRequirements(Model):
    """What the input tables of a command must carry."""

    required_source_columns: UniqueTexts = []
    accepted_source_column_sets: list[UniqueTexts] = []
    required_run_context_values: dict[str, str] = {}


class OptionalFeature(Model):
    """Targets that may be added to a command."""

    display_name: Text
    description: str = ""
    targets: UniqueTexts = []
    sv_callers: UniqueTexts = []


class ValidationRun(Model):
    """A recorded run of a command on a real cluster."""

    run_id: Text
    generated_at: Text
    report_path: Text
    ledger_path: Text
    cluster: Text
    region: Text
    region_az: Text
    dayec_tag: Text
    dayec_commit: Text
    dayoa_tag: Text
    dayoa_commit: Text
    tested_command: Text
    status: RunStatus
    dryrun_status: RunStatus
    live_status: RunStatus
    dryrun_analysis_id: str = ""
    live_analysis_id: str = ""
    stage_or_context: str = ""
    failure_cause: str = ""
    notes: str = ""


class AnalysisCommand(Model):
    """One blessed command of a repository."""

    command_id: Text
    repository: str = ""
    type: CommandType
    validated_version: Ref
    test_data_profile: Text
    display_name: Text
    description: str = ""
    datasource: Text
    launcher: Literal["workflow_launch"] = "workflow_launch"
    command_class: CommandClass
    input_contract: ContractName
    requires_staging: bool
    requires_run_mount: bool
    runtime_parameters: dict[str, str] = {}
    input_requirements: InputRequirements = InputRequirements()
    targets: list[Text]
    genome: Text
    jobs: Annotated[int, Field(gt=0)]
    aligners: list[Text]
    dedupers: list[Text]
    snv_callers: list[Text]
    sv_callers: list[Text] = []
    dy_command: Text
    dryrun_dy_command: Text
    compatible_platforms: Annotated[list[Text], Field(min_length=1)]
    compatible_data_modes: Annotated[list[Text], Field(min_length=1)]
    git_tag: Ref = "main"
    no_containerized: bool = False
    optional_features: dict[str, OptionalFeature] = {}
    validation_runs: list[ValidationRun] = []
    artifact_registration: ArtifactRegistration | None = None

    @model_validator(mode="after")
    def _agrees_with_its_class(self) -> AnalysisCommand:
        contract, staging, run_mount = _CLASS_RULES[self.command_class]
        wanted = {"input_contract": contract, "requires_staging": staging, "requires_run_mount": run_mount}
        _refuse(
            ((key,), f"a {self.command_class} command needs {key} {str(value).lower()}")
            for key, value in wanted.items()
            if getattr(self, key) != value
        )
        return self


class Repository(Model):
    """A workflow repository: where to clone it from, which reference is pinned, the folder it is cloned into."""

    display_name: str = ""
    description: str = ""
    https_url: CloneUrl
    ssh_url: str = ""
    default_ref: Ref
    relative_path: FolderName
    analysis_commands: list[AnalysisCommand] = []


class Catalog(Model):
    """The whole file."""

    command_catalog_version: Literal[2]
    default_repository: str
    input_contracts: dict[ContractName, InputContract] = {}
    test_data_locations: list[TestDataLocation] = []
    test_data_profiles: dict[str, TestDataProfile] = {}
    repositories: Annotated[dict[FolderName, Repository], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_consistent(self) -> Catalog:
        _refuse(self._findings())
        return self

    def _findings(self) -> Iterator[Finding]:
        if self.default_repository not in self.repositories:
            yield ("default_repository",), f"{self.default_repository!r} is not among the repositories"
        places = [one.location_id for one in self.test_data_locations]
        for index, name in _repeated(places):
            yield ("test_data_locations", index, "location_id"), f"listed twice: {name}"
        for name, profile in self.test_data_profiles.items():
            if lost := sorted(set(profile.locations) - set(places)):
                yield ("test_data_profiles", name, "locations"), f"unknown locations {', '.join(lost)}"
        where = [("repositories", key, "analysis_commands", index) for key, one in self.repositories.items()
                 for index in range(len(one.analysis_commands))]  # fmt: skip
        commands = self.commands()
        for index, name in _repeated([one.command_id for one in commands]):
            yield (*where[index], "command_id"), f"listed twice: {name}"
        for location, command in zip(where, commands, strict=True):
            for key, text in self._command_findings(location[1], command):
                yield (*location, key), text

    def _command_findings(self, repository: str, command: AnalysisCommand) -> Iterator[tuple[str, str]]:
        if command.repository not in ("", repository):
            yield "repository", f"is {command.repository!r}, but the command stands below {repository!r}"
        profile = self.test_data_profiles.get(command.test_data_profile)
        if profile is None:
            yield "test_data_profile", f"{command.test_data_profile!r} is not defined"
            return
        mode = profile.source_mount_mode
        wrong = {
            "sample_analysis": mode == "run_dra_required",
            "run_analysis": mode != "run_dra_required",
            "utility": mode != "none",
        }[command.command_class]
        if wrong:
            yield "test_data_profile", f"a {command.command_class} command cannot use a profile of mode {mode}"
        elif command.command_class == "run_analysis":
            contract = self.input_contracts.get("run_context")
            columns = contract.source_table.required_columns if contract and contract.source_table else []
            for column in (profile.run_context_source_s3_column, profile.run_context_mount_id_column):
                if column not in columns:
                    yield "test_data_profile", f"its column {column} is not required by input_contracts.run_context"

    def commands(self) -> list[AnalysisCommand]:
        """Every command, in the order of the file."""
        return [command for repository in self.repositories.values() for command in repository.analysis_commands]
