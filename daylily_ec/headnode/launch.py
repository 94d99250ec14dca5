"""What the node's launch script is told: every identity is parsed, every table is read, every path is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.domain.ids import GitRef, RepositoryKey, WorkflowSession

LINKS = "config/run_dir_links"
"""Directory of the clone with one symbolic link per run directory."""
_TEXTS = {"DYEC_SAMPLES_TSV", "DYEC_UNITS_TSV", "DYEC_RUNS_TSV", "DYEC_METRICS_CSV"}


class InputKind(StrEnum):
    """Where the tables of a workflow come from."""

    STAGE = "stage"
    TABLES = "tables"
    RUNS = "runs"
    TEST = "test"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RunLink:
    """A link below `LINKS` and the run directory it shows; `mounted` when an association has to show that first."""

    name: str
    target: str
    mounted: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """The tables of a launch, as texts or as places on the node; what a kind does not use stays empty.

    `samples_table` and `units_table` are files that the clone's config/samples.tsv and units.tsv are copied from;
    `drop_units` says that a units.tsv of the clone must go because the samples are new, `optional` that a repository
    without test tables is fine.
    """

    kind: InputKind
    stage_dir: str = ""
    samples_tsv: str = ""
    units_tsv: str = ""
    runs_tsv: str = ""
    run_links: tuple[RunLink, ...] = ()
    samples_table: str = ""
    units_table: str = ""
    drop_units: bool = False
    metrics_csv: str = ""
    optional: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """Their part of the launch script's environment."""
        return {
            "DYEC_INPUT": self.kind.value, "DYEC_STAGE_DIR": self.stage_dir, "DYEC_SAMPLES_TSV": self.samples_tsv,
            "DYEC_UNITS_TSV": self.units_tsv, "DYEC_RUNS_TSV": self.runs_tsv, "DYEC_METRICS_CSV": self.metrics_csv,
            "DYEC_RUN_LINKS": "".join(f"{int(link.mounted)}\t{link.name}\t{link.target}\n" for link in self.run_links),
            "DYEC_SAMPLES_TABLE": self.samples_table, "DYEC_UNITS_TABLE": self.units_table,
            "DYEC_DROP_UNITS": str(int(self.drop_units)), "DYEC_OPTIONAL": str(int(self.optional)),
        }  # fmt: skip


class ExportTrigger(StrEnum):
    """When the session exports its analysis directory."""

    NONE = "none"
    ON_SUCCESS = "on-success"
    ON_FAIL = "on-fail"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """The export at the end of a session: when, where to (an S3 URI), and whether the directory goes afterwards."""

    trigger: ExportTrigger = ExportTrigger.NONE
    destination: str = ""
    delete_on_success: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What the command needs of the version that is checked out, which only the session sees.

    `pin` is the catalog's version of the repository; `bclconvert` asks for the native rules and the profile of BCL
    Convert, `bcl_settings` are the command's own settings for it, a JSON object; `repaired_targets` are those of the
    command that fail on some data in versions before the pin.
    """

    pin: str = ""
    bclconvert: bool = False
    bcl_settings: str = "{}"
    repaired_targets: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """Their part of the launch script's environment."""
        return {
            "DYEC_PIN": self.pin, "DYEC_BCLCONVERT": str(int(self.bclconvert)), "DYEC_BCL_SETTINGS": self.bcl_settings,
            "DYEC_REPAIRED_TARGETS": " ".join(self.repaired_targets),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything a launch needs to know."""

    session: WorkflowSession
    analysis: AnalysisDirectory
    analysis_root: str
    repository: RepositoryKey
    repository_url: str
    folder: str
    git_ref: GitRef
    inputs: Inputs
    command: str
    genome: str
    launch_id: str
    activate: bool = True
    project: str = ""
    skip_project_check: bool = True
    replace: bool = False
    cluster: str = ""
    region: str = ""
    export: ExportSettings = field(default_factory=ExportSettings)
    needs: Needs = field(default_factory=Needs)
    stage_wait_s: int = 165
    retry_s: int = 3

    @property
    def repo_path(self) -> PurePosixPath:
        """Where the clone will lie on the node."""
        return clone_path(self.analysis_root, self.analysis, self.folder)

    @property
    def parameters(self) -> dict[str, str]:
        """The environment of the launch script."""
        return {
            "DYEC_SESSION": self.session, "DYEC_ENTITY": self.analysis.entity,
            "DYEC_ANALYSIS_ID": self.analysis.analysis_id, "DYEC_ANALYSIS_ROOT": self.analysis_root,
            "DYEC_REPOSITORY": self.repository, "DYEC_REPOSITORY_URL": self.repository_url,
            "DYEC_FOLDER": self.folder, "DYEC_GIT_REF": self.git_ref, "DYEC_LAUNCH_ID": self.launch_id,
            **self.inputs.parameters,
            "DYEC_STAGE_WAIT_S": str(self.stage_wait_s), "DYEC_RETRY_S": str(self.retry_s),
            "DYEC_COMMAND": self.command, "DYEC_GENOME": self.genome, "DYEC_ACTIVATE": str(int(self.activate)),
            "DYEC_PROJECT": self.project, "DYEC_SKIP_PROJECT_CHECK": str(int(self.skip_project_check)),
            "DYEC_REPLACE": str(int(self.replace)), "DYEC_REGION": self.region, "DYEC_CLUSTER": self.cluster,
            "DYEC_EXPORT_TRIGGER": self.export.trigger.value, "DYEC_EXPORT_DESTINATION": self.export.destination,
            "DYEC_DELETE_ON_EXPORT": str(int(self.export.delete_on_success)), **self.needs.parameters,
        }  # fmt: skip

    @property
    def check_parameters(self) -> dict[str, str]:
        """The same without the tables' texts, which only the launch itself puts into place."""
        return {name: "" if name in _TEXTS else value for name, value in self.parameters.items()}


def clone_path(analysis_root: str, analysis: AnalysisDirectory, folder: str) -> PurePosixPath:
    """Directory of the clone: `<analysis root>/<entity>/<analysis id>/<folder>`."""
    return PurePosixPath(analysis_root) / analysis.entity / analysis.analysis_id / folder
