"""What a catalog command asks of a launch: `command_launch` turns a command and the given inputs into its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from daylily_ec.catalog import command_line
from daylily_ec.catalog.selection import command as find_command
from daylily_ec.catalog.tables import RunMount, check_runs, check_units
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.ids import GitRef
from daylily_ec.errors import MissingInput, NotFound, UsageError

if TYPE_CHECKING:  # the models load pydantic, which only a launch needs
    from daylily_ec.catalog.models import AnalysisCommand, Catalog, TestDataProfile

_OPTIONS = {
    "sample_manifest": "--stage-dir, or --samples-file and --units-file",
    "run_context": "--run-context-file",
}


@dataclass(frozen=True, slots=True)
class GivenInputs:
    """The inputs of a launch: tables as texts, None for one that was not given.

    `stage` says that samples.tsv and units.tsv lie in a stage on the node; they are checked with `check_units` once
    they have been read.
    """

    stage: bool = False
    samples_tsv: str | None = None
    units_tsv: str | None = None
    runs_tsv: str | None = None


@dataclass(frozen=True, slots=True)
class CommandLaunch:
    """The fields of a launch that the catalog decides.

    `startup_mounts` must be attached already (they come with the cluster); `run_mounts` must be found or made before
    the launch.  `is_pinned` says that the command has a tag of its own.  `bootstrap_test_config` copies the
    repository's own small tables when it has some.  `pin` is the reference that the catalog has, whatever was asked
    for.
    """

    command_id: str
    command_class: str
    repository: str
    git_ref: str
    genome: str
    command: str
    input_contract: str
    source_mount_mode: str
    activation: bool
    bootstrap_test_config: bool
    startup_mounts: tuple[FsxPath, ...] = ()
    run_mounts: tuple[RunMount, ...] = ()
    pin: str = ""
    is_pinned: bool = False


def command_launch(
    catalog: Catalog,
    command_id: str,
    given: GivenInputs,
    *,
    git_ref: str | None = None,
    features: tuple[str, ...] = (),
    engine_dry_run: bool = False,
) -> CommandLaunch:
    """What `command_id` asks of a launch with these inputs, or the first rule they break.  Pure.

    `git_ref` overrides the catalog's pin; `features` are ids of the command's optional features; `engine_dry_run`
    takes the command that makes the engine show its plan.  The fields map to a launch request like this: `repository`,
    `git_ref`, `genome` and `command` (as `dy_command`) as they are; `activation` and `bootstrap_test_config` for
    `--default-activation` and `--bootstrap-test-config`; contract `none` means no input staging.
    """
    chosen = find_command(catalog, command_id)
    profile = catalog.test_data_profiles[chosen.test_data_profile]
    _check_kind(chosen, given)
    run_mounts: tuple[RunMount, ...] = ()
    if given.runs_tsv is not None:
        run_mounts = check_runs(catalog, chosen, given.runs_tsv)
    if given.samples_tsv is not None and given.units_tsv is not None:
        check_units(chosen, given.samples_tsv, given.units_tsv)
    without_inputs = chosen.input_contract == "none"
    return CommandLaunch(
        command_id=chosen.command_id,
        command_class=chosen.command_class,
        repository=chosen.repository,
        git_ref=GitRef.parse(git_ref or _pin(catalog, chosen)),
        genome=chosen.genome,
        command=_line(chosen, features, engine_dry_run),
        input_contract=chosen.input_contract,
        source_mount_mode=profile.source_mount_mode,
        activation=not without_inputs,
        bootstrap_test_config=without_inputs,
        startup_mounts=_startup_mounts(catalog, profile),
        run_mounts=run_mounts if profile.source_mount_mode == "run_dra_required" else (),
        pin=_pin(catalog, chosen),
        is_pinned=_is_pinned(chosen),
    )


def _pin(catalog: Catalog, chosen: AnalysisCommand) -> str:
    """The command's own tag when the file gives one, else its repository's pin; never an implied branch."""
    return chosen.git_tag if _is_pinned(chosen) else catalog.repositories[chosen.repository].default_ref


def _is_pinned(chosen: AnalysisCommand) -> bool:
    return "git_tag" in chosen.model_fields_set


def _check_kind(chosen: AnalysisCommand, given: GivenInputs) -> None:
    tables = given.samples_tsv is not None, given.units_tsv is not None
    present = {"sample_manifest": given.stage or any(tables), "run_context": given.runs_tsv is not None}
    contract = chosen.input_contract
    for kind, options in _OPTIONS.items():
        if present[kind] and kind != contract:
            takes = _OPTIONS.get(contract, "no inputs")
            raise UsageError(f"Command {chosen.command_id} takes {takes}, not {options}.")
    if not present.get(contract, True):
        raise MissingInput(f"Command {chosen.command_id} needs inputs.", hint=f"Give {_OPTIONS[contract]}.")
    if any(tables) and not all(tables):
        raise UsageError("--samples-file and --units-file belong together.")
    if given.stage and any(tables):
        raise UsageError("--stage-dir and --samples-file exclude each other.")


def _startup_mounts(catalog: Catalog, profile: TestDataProfile) -> tuple[FsxPath, ...]:
    if profile.source_mount_mode != "default_mounted":
        return ()
    places = {one.location_id: one.mount_path for one in catalog.test_data_locations}
    return tuple(sorted({_top(places[name]) for name in profile.locations}))


def _top(mount_path: str) -> FsxPath:
    """The association that shows a path: those of the cluster's start are its first component."""
    path = FsxPath.parse(mount_path, "mount_path")
    return FsxPath(f"/{path.value.split('/')[1]}/")


def _line(chosen: AnalysisCommand, features: tuple[str, ...], engine_dry_run: bool) -> str:
    line = chosen.dryrun_dy_command if engine_dry_run else chosen.dy_command
    targets, callers = _features(chosen, features)
    line = command_line.with_targets(line, targets, chosen.targets)
    settings = dict(chosen.runtime_parameters)
    if callers:
        settings["sv_callers"] = command_line.as_list([*chosen.sv_callers, *callers])
    line = command_line.with_settings(line, settings)
    return command_line.without_containers(line) if chosen.no_containerized else line


def _features(chosen: AnalysisCommand, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Targets and callers of the features, each once."""
    targets: dict[str, None] = {}
    callers: dict[str, None] = {}
    for name in names:
        if name not in chosen.optional_features:
            known = ", ".join(sorted(chosen.optional_features)) or "none"
            raise NotFound(f"Command {chosen.command_id} has no feature {name!r}.", code="unknown_feature",
                           hint=f"Known: {known}.")  # fmt: skip
        targets |= dict.fromkeys(chosen.optional_features[name].targets)
        callers |= dict.fromkeys(chosen.optional_features[name].sv_callers)
    return list(targets), [one for one in callers if one not in chosen.sv_callers]
