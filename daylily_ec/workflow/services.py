"""What a workflow may use: one AWS context, a clock, a reporter, and the typed service modules made from them.

Each service is made on first use; tests assign fakes to the same names.
"""

from __future__ import annotations

from functools import cached_property

from daylily_ec.aws.boot import BootLogs, BootLogsApi
from daylily_ec.aws.buckets import Buckets, BucketsApi
from daylily_ec.aws.budgets import Budgets, BudgetsApi
from daylily_ec.aws.capacity import Capacity, CapacityApi
from daylily_ec.aws.cloudformation import Stacks, StacksApi
from daylily_ec.aws.clusters import Clusters, ClustersApi
from daylily_ec.aws.context import AwsContext
from daylily_ec.aws.ec2 import Ec2, Ec2Api
from daylily_ec.aws.fsx import Fsx, FsxApi
from daylily_ec.aws.heartbeat import Topics, TopicsApi
from daylily_ec.aws.iam import Iam, IamApi
from daylily_ec.aws.iam_writes import IamWrites, IamWritesApi
from daylily_ec.aws.placement import Placement, PlacementApi
from daylily_ec.aws.price_list import PriceList, PriceListApi
from daylily_ec.aws.pricing import Pricing, PricingApi
from daylily_ec.aws.quotas import Quotas, QuotasApi
from daylily_ec.aws.retention import Retention, RetentionApi
from daylily_ec.aws.s3 import S3, S3Api
from daylily_ec.aws.scheduler import Schedules, SchedulesApi
from daylily_ec.aws.ssm import Ssm, SsmApi
from daylily_ec.headnode.connect import HeadNodes
from daylily_ec.headnode.remote import Remotes
from daylily_ec.pcluster.runner import Pcluster, PclusterApi
from daylily_ec.util.clock import Clock, SystemClock
from daylily_ec.util.progress import Reporter, Silent


class Services:
    """Everything a workflow reaches out with."""

    def __init__(self, context: AwsContext, *, clock: Clock | None = None, reporter: Reporter | None = None) -> None:
        self.context = context
        self.clock: Clock = clock or SystemClock()
        self.reporter: Reporter = reporter or Silent()

    @cached_property
    def s3(self) -> S3Api:
        """Objects and buckets."""
        return S3(self.context)

    @cached_property
    def clusters(self) -> ClustersApi:
        """Look-ups of clusters."""
        return Clusters(self.context)

    @cached_property
    def fsx(self) -> FsxApi:
        """File systems, associations, data repository tasks."""
        return Fsx(self.context)

    @cached_property
    def ssm(self) -> SsmApi:
        """Run Command."""
        return Ssm(self.context)

    @cached_property
    def headnodes(self) -> Remotes:
        """The way to a cluster's head node: `services.headnodes.connect(cluster).run(script, env, timeout)`."""
        return HeadNodes(lambda: self.ssm, self.clock, self.reporter)

    @cached_property
    def iam(self) -> IamApi:
        """Policies, roles, simulation."""
        return Iam(self.context)

    @cached_property
    def quotas(self) -> QuotasApi:
        """Service quotas."""
        return Quotas(self.context)

    @cached_property
    def buckets(self) -> BucketsApi:
        """Buckets' own settings."""
        return Buckets(self.context)

    @cached_property
    def capacity(self) -> CapacityApi:
        """What runs already, and what a zone offers."""
        return Capacity(self.context)

    @cached_property
    def ec2(self) -> Ec2Api:
        """Zones, subnets, key pairs."""
        return Ec2(self.context)

    @cached_property
    def stacks(self) -> StacksApi:
        """CloudFormation stacks."""
        return Stacks(self.context)

    @cached_property
    def pricing(self) -> PricingApi:
        """Spot prices."""
        return Pricing(self.context)

    @cached_property
    def price_list(self) -> PriceListApi:
        """What AWS asks per unit."""
        return PriceList(self.context)

    @cached_property
    def placement(self) -> PlacementApi:
        """Zones and their Spot placement scores."""
        return Placement(self.context)

    @cached_property
    def budgets(self) -> BudgetsApi:
        """Monthly cost budgets."""
        return Budgets(self.context)

    @cached_property
    def boot_logs(self) -> BootLogsApi:
        """What nodes logged while they booted."""
        return BootLogs(self.context)

    @cached_property
    def pcluster(self) -> PclusterApi:
        """The real `pcluster` program."""
        return Pcluster(self.context.profile, self.context.region)

    @cached_property
    def retention(self) -> RetentionApi:
        """What outlives a cluster's stack."""
        return Retention(self.context)

    @cached_property
    def iam_writes(self) -> IamWritesApi:
        """Policies and roles that are made."""
        return IamWrites(self.context)

    @cached_property
    def topics(self) -> TopicsApi:
        """The heartbeat's topic."""
        return Topics(self.context)

    @cached_property
    def schedules(self) -> SchedulesApi:
        """Schedules that write to the topic."""
        return Schedules(self.context)
