"""An account in memory, as far as `create` looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from daylily_ec.aws.clusters import ClusterView
from daylily_ec.aws.ec2 import KeyPair, Subnet
from daylily_ec.aws.iam import AttachedPolicy, Denial, Entity, Principal
from daylily_ec.aws.s3 import ObjectInfo, ObjectText
from daylily_ec.config.models import ClusterConfig
from daylily_ec.config.resolve import resolve
from daylily_ec.config.triplets import Triplet, TripletFile
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.domain.zones import AvailabilityZone

ZONE = AvailabilityZone("us-west-2d")
POLICY = "arn:aws:iam::123456789012:policy/pclusterTagsAndBudget"


def config(**values: str) -> ClusterConfig:
    """A complete configuration."""
    settings = {
        "cluster_name": "majors", "reference_s3_uri": "s3://ref", "control_data_s3_uri": "s3://ctl",
        "stage_s3_uri": "s3://stg/staged", "export_destination_s3_uri": "s3://out/derived",
        "budget_email": "ops@example.org", **values,
    }  # fmt: skip
    triplets = {key: Triplet("USESETVALUE", "", value) for key, value in settings.items()}
    found = resolve(TripletFile(Path("c.yaml"), triplets, {}), {}, {})
    assert found.values is not None, found.problems
    return found.values


@dataclass
class FakeEc2:
    found: tuple[Subnet, ...] = ()

    def zones(self) -> tuple[str, ...]:
        return (ZONE,)

    def subnets(self, zone: AvailabilityZone) -> tuple[Subnet, ...]:
        return self.found

    def key_pair(self, name: str) -> KeyPair | None:
        return None


@dataclass
class FakeIam:
    policies: tuple[str, ...] = (POLICY,)

    def attached_policies(self, principal: Principal) -> tuple[AttachedPolicy, ...]:
        return ()

    def entity(self, principal: Principal) -> Entity:
        return Entity(principal.caller_arn)

    def denials(self, arn: str, actions: object, resources: object) -> tuple[Denial, ...]:
        return ()

    def local_policies(self, name: str) -> tuple[str, ...]:
        return self.policies

    def role_arn(self, name: str) -> str | None:
        return None


@dataclass
class FakeS3:
    stored: dict[str, bytes] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def bucket_region(self, bucket: str) -> str | None:
        return "us-west-2"

    def objects(self, prefix: S3Prefix, *, limit: int | None = None) -> Iterator[ObjectInfo]:
        yield from ()

    def head(self, bucket: str, key: str) -> ObjectInfo | None:
        body = self.stored.get(f"{bucket}/{key}")
        return None if body is None else ObjectInfo(key, len(body))

    def read_text(self, bucket: str, key: str) -> ObjectText | None:
        return None

    def put(self, bucket: str, key: str, body: bytes) -> None:
        raise AssertionError("an unconditional write")

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        self.writes.append(f"{bucket}/{key}")
        return self.stored.setdefault(f"{bucket}/{key}", body) is body

    def put_if_match(self, bucket: str, key: str, body: bytes, etag: str) -> bool:
        raise AssertionError("a replacement")

    def upload(self, path: Path, bucket: str, key: str) -> None:
        raise AssertionError("an unconditional write")

    def copy(self, source: tuple[str, str], bucket: str, key: str) -> None:
        raise AssertionError("an unconditional write")

    def delete(self, bucket: str, key: str) -> None:
        raise AssertionError("a deletion")


@dataclass
class FakeClusters:
    """One answer after another; the last one repeats, errors are raised."""

    answers: list[ClusterView | Exception | None]
    polls: int = 0

    def find(self, name: ClusterName) -> ClusterView | None:
        answer = self.answers[min(self.polls, len(self.answers) - 1)]
        self.polls += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def every(self) -> tuple[ClusterView, ...]:
        return tuple(answer for answer in self.answers if isinstance(answer, ClusterView))


def view(status: str = "CREATE_COMPLETE", name: str = "majors", **tags: str) -> ClusterView:
    """A cluster as AWS shows it."""
    return ClusterView(name, "us-west-2", status, f"arn:stack/{name}", "2026-02-11T14:37:22Z", tags=tags)
