"""The command line of a launch: from choices, as typed, or completed with what a run needs."""

from __future__ import annotations

import json
import re
import shlex

from daylily_ec.catalog import command_line
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import InvalidValue
from daylily_ec.samples.run_context import RunRow
from daylily_ec.workflow.launch_request import DefaultCommand

METRICS = "config/ultima_run_qc_metrics.csv"
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_BCL_TARGETS = {
    "produce_bclconvert_fastqs", "produce_bclconvert_fastqs_and_metrics", "produce_illumina_run_qc_and_bclconvert",
    "run_bclconvert",
}  # fmt: skip
_ULTIMA_TARGETS = {"produce_ultima_run_qc"}
_REPAIRED = re.compile(
    "produce_(?:ont_run_qc|alignstats|multiqc_all|relatedness|snv_concordances|vep|global_contam_check)"
    "|(?:.*haplocheck_|.*read_haps_)?contam_identity"
)
"""Targets that need repairs of the workflow's own files before the version that the catalog pins."""


def word(field: str, text: str) -> str:
    """A single plain word, which no shell and no option parser could misread."""
    if not _WORD.fullmatch(text):
        raise InvalidValue(field, text, "must be letters, digits, '_', '.' or '-' and not start with '-' or '.'")
    return text


def default_line(chosen: DefaultCommand, genome: str) -> str:
    """The command line of the choices, safe for the shell that evaluates it."""
    lists = {"aligners": chosen.aligners, "dedupers": chosen.dedupers, "snv_callers": chosen.snv_callers,
             "sv_callers": chosen.sv_callers}  # fmt: skip
    settings = [f"genome_build={genome}"]
    for name, text in lists.items():
        tools = [word(name, tool.strip()) for tool in text.split(",") if tool.strip()]
        if tools:
            settings.append(f"{name}={json.dumps(tools, separators=(',', ':'))}")
    targets = [word("target", target) for target in chosen.target.split()]
    words = ["bin/day_run", *targets, "-p", "-k", "-j", str(chosen.jobs), "--config", *settings]
    try:
        words += shlex.split(chosen.snakemake_extra)
    except ValueError as error:
        raise InvalidValue("snakemake extra", chosen.snakemake_extra, str(error)) from None
    return f"DAY_CONTAINERIZED={str(chosen.containerized).lower()} {shlex.join(words)}"


def own_line(text: str) -> str:
    """A command line as it was typed: any text for a shell, but no control characters."""
    if any(ord(char) < 32 and char not in "\n\t" for char in text) or not text.strip():
        raise InvalidValue("command", text, "must be a command line without control characters")
    return text


def converts_bcl(line: str) -> bool:
    """Whether the command demultiplexes a run, which needs the samples of its sample sheet."""
    return _names(line, _BCL_TARGETS)


def checks_ultima(line: str) -> bool:
    """Whether the command makes the QC of an Ultima run, which needs the run's metrics."""
    return _names(line, _ULTIMA_TARGETS)


def _names(line: str, targets: set[str]) -> bool:
    return not targets.isdisjoint(_names_in(line))


def _names_in(line: str) -> list[str]:
    return re.findall(r"[\w.-]+", line)


def repaired_targets(line: str) -> tuple[str, ...]:
    """The targets of the command that versions before the catalog's pin may fail to make, each once."""
    return tuple(dict.fromkeys(name for name in _names_in(line) if _REPAIRED.fullmatch(name)))


def bcl_settings(line: str) -> str:
    """The command's own settings of BCL Convert, `--config 'bclconvert={"partition": "i8"}'`, as a JSON object."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = command_line.setting(line, "bclconvert")
    try:
        found = YAML(typ="safe", pure=True).load(text) if text is not None else {}
    except YAMLError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise InvalidValue("bclconvert", text or "", "must be settings as a JSON object")
    return json.dumps(found, default=str)


def named_tables(line: str) -> tuple[str, str]:
    """The tables that the command's settings samples_table and units_table name, empty without them."""
    samples, units = (_table(key, command_line.setting(line, key) or "") for key in ("samples_table", "units_table"))
    return samples, units


def _table(key: str, text: str) -> str:
    if ".." in text.split("/"):
        raise InvalidValue(key, text, "must not contain '..'")
    return text


def with_ultima(line: str, row: RunRow, source: S3Prefix, *, copied: bool) -> str:
    """The command with the settings of an Ultima run in the one `--config` that it has."""
    metrics = METRICS if copied else row.get("METRICS_PATH")
    settings = {"ultima": {"run_s3_uri": str(source), "metrics_path": metrics}}
    return command_line.with_settings(line, {"run_qc": json.dumps(settings, separators=(",", ":"))})
