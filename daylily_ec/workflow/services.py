"""What a workflow may use: one AWS context, a clock, a reporter, and the typed service modules made from them.

Each service is made, and its module loaded, on first use; tests assign fakes to the same names.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from daylily_ec.util.clock import Clock, SystemClock
from daylily_ec.util.progress import Reporter, Silent

if TYPE_CHECKING:
    from daylily_ec.aws.boot import BootLogsApi
    from daylily_ec.aws.buckets import BucketsApi
    from daylily_ec.aws.budgets import BudgetsApi
    from daylily_ec.aws.capacity import CapacityApi
    from daylily_ec.aws.cloudformation import StacksApi
    from daylily_ec.aws.clusters import ClustersApi
    from daylily_ec.aws.context import AwsContext
    from daylily_ec.aws.ec2 import Ec2Api
    from daylily_ec.aws.fsx import FsxApi
    from daylily_ec.aws.heartbeat import TopicsApi
    from daylily_ec.aws.holdings import HoldingsApi
    from daylily_ec.aws.iam import IamApi
    from daylily_ec.aws.iam_writes import IamWritesApi
    from daylily_ec.aws.lending import LendingApi
    from daylily_ec.aws.placement import PlacementApi
    from daylily_ec.aws.price_list import PriceListApi
    from daylily_ec.aws.pricing import PricingApi
    from daylily_ec.aws.quotas import QuotasApi
    from daylily_ec.aws.retention import RetentionApi
    from daylily_ec.aws.s3 import ContentApi
    from daylily_ec.aws.scheduler import SchedulesApi
    from daylily_ec.aws.session_documents import SessionDocumentsApi
    from daylily_ec.aws.ssm import SsmApi
    from daylily_ec.headnode.remote import Remotes
    from daylily_ec.headnode.wheels import WheelSource
    from daylily_ec.pcluster.runner import PclusterApi


class Services:
    """Everything a workflow reaches out with."""

    def __init__(self, context: AwsContext, *, clock: Clock | None = None, reporter: Reporter | None = None) -> None:
        self.context = context
        self.clock: Clock = clock or SystemClock()
        self.reporter: Reporter = reporter or Silent()

    @cached_property
    def s3(self) -> ContentApi:
        """Objects and buckets."""
        from daylily_ec.aws.s3 import S3

        return S3(self.context)

    @cached_property
    def clusters(self) -> ClustersApi:
        """Look-ups of clusters."""
        from daylily_ec.aws.clusters import Clusters

        return Clusters(self.context)

    @cached_property
    def fsx(self) -> FsxApi:
        """File systems, associations, data repository tasks."""
        from daylily_ec.aws.fsx import Fsx

        return Fsx(self.context)

    @cached_property
    def ssm(self) -> SsmApi:
        """Run Command."""
        from daylily_ec.aws.ssm import Ssm

        return Ssm(self.context)

    @cached_property
    def session_documents(self) -> SessionDocumentsApi:
        """Session Manager's preferences."""
        from daylily_ec.aws.session_documents import SessionDocuments

        return SessionDocuments(self.context)

    @cached_property
    def headnodes(self) -> Remotes:
        """The way to a cluster's head node: `services.headnodes.connect(cluster).run(script, env, timeout)`."""
        from daylily_ec.headnode.connect import HeadNodes

        return HeadNodes(lambda: self.ssm, self.clock, self.reporter, lending=lambda: self.lending)

    @cached_property
    def lending(self) -> LendingApi:
        """Objects that a head node reads or hands over during one call."""
        from daylily_ec.aws.lending import Lending

        return Lending(self.context)

    @cached_property
    def wheels(self) -> WheelSource:
        """What dyec needs on a head node."""
        from daylily_ec.headnode.wheels import PipWheels

        return PipWheels()

    @cached_property
    def iam(self) -> IamApi:
        """Policies, roles, simulation."""
        from daylily_ec.aws.iam import Iam

        return Iam(self.context)

    @cached_property
    def quotas(self) -> QuotasApi:
        """Service quotas."""
        from daylily_ec.aws.quotas import Quotas

        return Quotas(self.context)

    @cached_property
    def buckets(self) -> BucketsApi:
        """Buckets' own settings."""
        from daylily_ec.aws.buckets import Buckets

        return Buckets(self.context)

    @cached_property
    def capacity(self) -> CapacityApi:
        """What runs already, and what a zone offers."""
        from daylily_ec.aws.capacity import Capacity

        return Capacity(self.context)

    @cached_property
    def ec2(self) -> Ec2Api:
        """Zones, subnets, key pairs."""
        from daylily_ec.aws.ec2 import Ec2

        return Ec2(self.context)

    @cached_property
    def stacks(self) -> StacksApi:
        """CloudFormation stacks."""
        from daylily_ec.aws.cloudformation import Stacks

        return Stacks(self.context)

    @cached_property
    def pricing(self) -> PricingApi:
        """Spot prices."""
        from daylily_ec.aws.pricing import Pricing

        return Pricing(self.context)

    @cached_property
    def price_list(self) -> PriceListApi:
        """What AWS asks per unit."""
        from daylily_ec.aws.price_list import PriceList

        return PriceList(self.context)

    @cached_property
    def placement(self) -> PlacementApi:
        """Zones and their Spot placement scores."""
        from daylily_ec.aws.placement import Placement

        return Placement(self.context)

    @cached_property
    def budgets(self) -> BudgetsApi:
        """Monthly cost budgets."""
        from daylily_ec.aws.budgets import Budgets

        return Budgets(self.context)

    @cached_property
    def boot_logs(self) -> BootLogsApi:
        """What nodes logged while they booted."""
        from daylily_ec.aws.boot import BootLogs

        return BootLogs(self.context)

    @cached_property
    def pcluster(self) -> PclusterApi:
        """The real `pcluster` program."""
        from daylily_ec.pcluster.runner import Pcluster

        return Pcluster(self.context.profile, self.context.region)

    @cached_property
    def retention(self) -> RetentionApi:
        """What outlives a cluster's stack."""
        from daylily_ec.aws.retention import Retention

        return Retention(self.context)

    @cached_property
    def holdings(self) -> HoldingsApi:
        """Everything that carries a cluster's tag."""
        from daylily_ec.aws.holdings import Holdings

        return Holdings(self.context)

    @cached_property
    def iam_writes(self) -> IamWritesApi:
        """Policies and roles that are made."""
        from daylily_ec.aws.iam_writes import IamWrites

        return IamWrites(self.context)

    @cached_property
    def topics(self) -> TopicsApi:
        """The heartbeat's topic."""
        from daylily_ec.aws.heartbeat import Topics

        return Topics(self.context)

    @cached_property
    def schedules(self) -> SchedulesApi:
        """Schedules that write to the topic."""
        from daylily_ec.aws.scheduler import Schedules

        return Schedules(self.context)
