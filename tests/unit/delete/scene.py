"""A world with a cluster to be deleted, over fakes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, cast

from daylily_ec.aws.cloudformation import Stack, StackEvent
from daylily_ec.aws.context import AwsContext, Identity
from daylily_ec.aws.fsx import Task, TaskLifecycle
from daylily_ec.aws.holdings import Holding
from daylily_ec.aws.price_list import PriceQuery, UnitPrice
from daylily_ec.domain.ids import ClusterName
from daylily_ec.fsx.verification import Mode
from daylily_ec.state.models import RunRecord, RunStatus
from daylily_ec.state.store import StateStore
from daylily_ec.util.progress import Silent
from daylily_ec.workflow.delete_cluster import delete_cluster
from daylily_ec.workflow.delete_plan import plan_deletion
from daylily_ec.workflow.deletion import Acknowledged, DeleteRequest, DeletionPlan
from daylily_ec.workflow.export_analysis import export_analysis
from daylily_ec.workflow.export_request import ExportRequest
from daylily_ec.workflow.services import Services
from tests.conftest import FakeClock
from tests.unit.ensure.fakes import FakeBudgets, FakeSchedules, FakeTopics
from tests.unit.fsx.fakes import CLUSTER, FS, REGION, World

NAME = ClusterName(CLUSTER)
ACCOUNT = "123456789012"
STACK = "arn:stack/1"
SOURCE = "/fsx/analysis_results/ubuntu/a1"
TARGET = "s3://results/derived/ubuntu/a1/"


class FakeStacks:
    """A stack that goes through statuses once its deletion has been asked for."""

    def __init__(self) -> None:
        self.after: list[Any] = ["DELETE_IN_PROGRESS", None]
        self.events_after: tuple[StackEvent, ...] = ()
        self.asked_after = ""
        self.stack_id = STACK

    def find(self, name: str) -> Stack | None:
        step = self.after.pop(0) if len(self.after) > 1 else self.after[0]
        if isinstance(step, BaseException):
            raise step
        return Stack(name, self.stack_id, step) if step else None

    def events(self, name: str, after: str = "") -> tuple[StackEvent, ...]:
        self.asked_after = after
        return self.events_after if after else (StackEvent("e1", "", "x", "t", "CREATE_COMPLETE"),)


class FakePcluster:
    """Counts deletions."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.error: Exception | None = None

    def delete(self, name: ClusterName) -> str:
        if self.error is not None:
            raise self.error
        self.deleted.append(name)
        return "DELETE_IN_PROGRESS"


class FakeRetention:
    """Policies as a template would give them."""

    def __init__(self) -> None:
        self.kept = {FS: "Delete"}

    def policies(self, stack: str) -> Mapping[str, str]:
        return self.kept


class FakeHoldings:
    """What the account holds of the cluster, question by question; an exception is an answer too."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[Holding, ...] | Exception] = {}
        self.others: tuple[Holding, ...] = ()

    def questions(self, cluster: str, stack_id: str = "") -> Mapping[str, Callable[[], tuple[Holding, ...]]]:
        def ask(answer: tuple[Holding, ...] | Exception) -> tuple[Holding, ...]:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return {name: lambda answer=answer: ask(answer) for name, answer in self.answers.items()}  # type: ignore[misc]

    def tagged(self, cluster: str) -> tuple[Holding, ...]:
        return self.others


class FakePrices:
    """One dollar an hour for a unit of anything but what has no price."""

    def __init__(self) -> None:
        self.unknown: set[str] = set()

    def prices(self, queries: Collection[PriceQuery]) -> dict[PriceQuery, UnitPrice]:
        return {
            query: UnitPrice(query.usage, query.unit, None, problem="no price")
            if query.usage in self.unknown
            else UnitPrice(query.usage, query.unit, 1.0)
            for query in queries
        }


class Warnings(Silent):
    """Keeps what people are warned of."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        self.texts.append(text)


class Caller(AwsContext):
    """Somebody of an account, who asks AWS nothing."""

    def __init__(self, account: str) -> None:
        super().__init__(None, REGION)
        self.account = account

    def identity(self) -> Identity:
        return Identity(self.account, f"arn:aws:iam::{self.account}:user/ann")


class Scene:
    """A world with a cluster to be deleted."""

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.folder = folder
        self.world = World(clock)
        self.stacks, self.pcluster, self.retention = FakeStacks(), FakePcluster(), FakeRetention()
        self.topics, self.schedules, self.budgets = FakeTopics(), FakeSchedules(), FakeBudgets()
        self.holdings, self.price_list = FakeHoldings(), FakePrices()
        self.store = StateStore(folder)
        self.account = ACCOUNT
        self.warnings = Warnings()
        self.confirmed: list[DeletionPlan] = []

    def services(self) -> Services:
        made = self.world.services()
        made.context, made.reporter = Caller(self.account), self.warnings
        parts = ("stacks", "pcluster", "retention", "topics", "schedules", "budgets", "holdings", "price_list")
        for name in parts:
            setattr(made, name, cast("Any", getattr(self, name)))
        return made

    def delete(
        self, acknowledged: Acknowledged | None = None, confirm: Callable[[DeletionPlan], None] | None = None,
        receipts: tuple[str, ...] = (),
    ) -> Any:  # fmt: skip
        request = DeleteRequest(NAME, acknowledged or Acknowledged(), receipts)
        return delete_cluster(self.services(), request, self.store, confirm or self.confirmed.append)

    def plan(self, receipts: tuple[str, ...] = ()) -> DeletionPlan:
        return plan_deletion(self.services(), DeleteRequest(NAME, receipts=receipts))

    def export_task(self, lifecycle: str) -> None:
        task = Task("task-1", FS, "EXPORT_TO_REPOSITORY", TaskLifecycle(lifecycle), ("/analysis_results/e/a/",))
        self.world.fsx.jobs["task-1"] = task

    def compute(self) -> None:
        """Results in an analysis directory."""
        self.world.tree.write("work", kind="d")
        self.world.tree.write("work/out.vcf", b"variants")

    def export(self, mode: Mode = Mode.CHECKSUM) -> Path:
        """Export them; where the receipt lies."""
        folder = self.folder / "export"
        export_analysis(self.world.services(), ExportRequest(CLUSTER, SOURCE, TARGET, folder, verify=mode))
        return folder

    def record(self, region: str = REGION, cluster: str = CLUSTER) -> Path:
        return self.store.create(
            RunRecord(
                run_id="r", cluster_name=cluster, region=region, region_az=region + "d", aws_profile="p",
                account_id=ACCOUNT, owner="o", config_hash="h", stamp="20260211143722", started_at="t", updated_at="t",
                status=RunStatus.COMPLETE,
            )
        )  # fmt: skip
