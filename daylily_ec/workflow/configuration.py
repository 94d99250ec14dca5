"""Reading the cluster configuration: complete and correct before AWS is asked anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.config.models import KEYS, LISTED_KEYS, ClusterConfig
from daylily_ec.config.resolve import Question, Resolution, resolve
from daylily_ec.config.resources import resource
from daylily_ec.config.settings import config_dir
from daylily_ec.config.triplets import TripletFile, add_missing_keys, load_config
from daylily_ec.errors import MissingInput, Refused, ValidationError
from daylily_ec.util.files import write_atomic
from daylily_ec.util.progress import Reporter, Silent

TEMPLATE = "config/daylily_ephemeral_cluster_template.yaml"

_NAMED = 6
"""As many added keys are named; more are counted."""
_KNOWN = {key.name for key in KEYS}

Ask = Callable[[tuple[Question, ...]], Mapping[str, str]]
"""Asks a person all questions in one sitting and returns the answers by key."""


@dataclass(frozen=True, slots=True)
class ConfigurationRequest:
    """Where the configuration lies and what overrides it; `ask` is None when nobody can be asked.

    `completes`: keys that the file lacks are written into it as `[PROMPTUSER, "", ""]`.
    """

    path: Path
    overrides: Mapping[str, str]
    ask: Ask | None = None
    completes: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value and where it came from."""

    key: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Every effective value of a file, and what is missing or wrong."""

    path: Path
    settings: tuple[Setting, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigurationChecked:
    """A configuration without faults."""

    path: Path
    cluster_name: str
    status: str = "valid"
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigurationWritten:
    """A new configuration file."""

    path: Path
    next: str


def default_path() -> Path:
    """Where the configuration lies when nobody names a file."""
    return config_dir() / "daylily_ephemeral_cluster.yaml"


def read_configuration(
    request: ConfigurationRequest, *, env: Mapping[str, str] | None = None, reporter: Reporter | None = None
) -> ClusterConfig:
    """The effective configuration, or one error that lists everything missing or wrong."""
    environment, told = os.environ if env is None else env, reporter or Silent()
    file = load_config(request.path)
    if request.completes and not file.triplets.keys() >= set(LISTED_KEYS):
        _complete(request.path, told)
        file = load_config(request.path)
    if unknown := unknown_keys(file):
        told.warn(f"{request.path} has keys that mean nothing here: {', '.join(unknown)}.")
    found = resolve(file, request.overrides, environment)
    if found.questions and request.ask is not None:
        found = resolve(file, request.overrides, environment, request.ask(found.questions))
    return require(found, request.path)


def unknown_keys(file: TripletFile) -> tuple[str, ...]:
    """Keys of the file that no setting has, in its order: misspelt, or of another release.  They are kept, not used."""
    return tuple(key for key in file.triplets if key not in _KNOWN)


def require(found: Resolution, path: Path) -> ClusterConfig:
    """The values; `MissingInput` lists every missing key, `ValidationError` every broken rule."""
    if found.problems:
        raise ValidationError(
            f"{path}: " + "; ".join(map(str, found.problems)) + ".",
            code="invalid_config",
            details={"path": str(path), "problems": found.problems, "missing": [item.key for item in found.missing]},
            hint=f"Correct the file, then check it with: dyec config validate --config {path}",
        )
    if found.values is None:
        keys = [item.key for item in found.missing]
        raise MissingInput(
            f"{path} gives no value for: {', '.join(keys)}.",
            details={"path": str(path), "missing": keys},
            hint=f'Set each in the file, such as {keys[0]}: [USESETVALUE, "", "..."], or run on a terminal.',
        )
    return found.values


def _complete(path: Path, reporter: Reporter) -> None:
    try:
        added = add_missing_keys(path, LISTED_KEYS)
    except OSError as exc:
        reporter.warn(f"{path} lacks keys, and they could not be added: {exc.strerror}.")
    else:
        if added:
            named = ", ".join(added) if len(added) <= _NAMED else f"{len(added)} keys that it lacked"
            reporter.note(f"Added to {path}: {named}.")


def show_configuration(path: Path) -> Settings:
    """Every effective value with its origin; changes nothing."""
    file = load_config(path)
    found = resolve(file, {}, os.environ)
    rows = tuple(Setting(key, value.text, value.origin) for key, value in found.effective.items())
    missing = tuple(item.key for item in found.missing)
    return Settings(path, rows, missing, tuple(map(str, found.problems)), unknown_keys(file))


def validate_configuration(path: Path) -> ConfigurationChecked:
    """Check a file as `create` would; changes nothing."""
    file = load_config(path)
    values = require(resolve(file, {}, os.environ), path)
    return ConfigurationChecked(path, values.cluster_name, unknown=unknown_keys(file))


def init_configuration(path: Path, *, force: bool = False) -> ConfigurationWritten:
    """Write the commented template; an existing file is only replaced with `force`."""
    if path.exists() and not force:
        raise Refused(f"{path} exists already.", code="file_exists", hint="Edit it, or replace it with --force.")
    write_atomic(path, resource(TEMPLATE).read_text(encoding="utf-8"))
    return ConfigurationWritten(path, f"Fill in the S3 URIs, then: dyec config validate --config {path}")
