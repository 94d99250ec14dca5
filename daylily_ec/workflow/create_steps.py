"""The steps of `create` after the network: the boot configuration and the cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.aws.clusters import ClustersApi, ClusterView
from daylily_ec.aws.s3 import S3Api
from daylily_ec.domain.ids import ClusterName
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import ClusterFailed, Refused, ValidationError
from daylily_ec.pcluster.runner import PclusterApi
from daylily_ec.plan.steps import Action, Bindings, Observed, Output
from daylily_ec.workflow.create_network import NODE_POLICY, PRIVATE_SUBNET, PUBLIC_SUBNET

BOOT = "boot-config"
CLUSTER = "cluster"
BOOT_URI = Output(BOOT, "boot_uri")

RUN_TAG = "dyec:run-id"
OWNER_TAG = "dyec:owner"
HASH_TAG = "dyec:config-hash"
ADOPTED = "adopted"
"""Output of the cluster step when another process was faster: whose cluster it went on with."""
BOOT_FILES = ("post_install_ubuntu_combined.sh", "sbatch", "sleep_test.sh")
"""The boot script, and what it installs on the head node."""
SUMS = "SHA256SUMS"
"""Published beside them; the boot script checks what it installs against it."""
_COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True, slots=True)
class BootStep:
    """The boot files in S3, under a prefix named by release and content; published once, never overwritten."""

    s3: S3Api
    reference: S3Prefix
    release: str
    files: Mapping[str, bytes]
    name: str = BOOT
    needs: tuple[Output, ...] = ()

    @property
    def prefix(self) -> S3Prefix:
        """`<reference>/runtime_assets/cluster_boot_config/<release>-<first 12 digits of the content's SHA-256>/`."""
        digest = hashlib.sha256()
        for name, body in sorted(self.files.items()):
            digest.update(f"{name}\0{len(body)}\0".encode() + body)
        return self.reference.child(
            "runtime_assets", "cluster_boot_config", f"{self.release}-{digest.hexdigest()[:12]}"
        )

    @property
    def published(self) -> tuple[tuple[str, bytes], ...]:
        """Every object's name and content, the sums last: whoever sees them sees all that they speak of."""
        files = sorted(self.files.items())
        sums = "".join(f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in files)
        return (*files, (SUMS, sums.encode()))

    def describe(self, bindings: Bindings) -> str:
        """The prefix."""
        return f"Boot configuration {self.prefix}"

    def observe(self, bindings: Bindings) -> Observed:
        """Which files are there; one of another size than ours was tampered with and is refused."""
        missing = []
        for name, body in self.published:
            found = self.s3.head(self.prefix.bucket, self.prefix.object_key(name))
            if found is None:
                missing.append(name)
            elif found.size != len(body):
                uri = self.prefix.object_uri(name)
                raise Refused(f"{uri} has {found.size} bytes instead of {len(body)}.", code="boot_config_changed",
                              hint="Somebody replaced it; look at it and remove it.")  # fmt: skip
        outputs = {"boot_uri": self.prefix.bare}
        if missing:
            return Observed(Action.CREATE, f"to publish: {', '.join(missing)}", outputs)
        return Observed(Action.UNCHANGED, "published already", outputs)

    def is_done(self, observed: Observed) -> bool:
        """Whether every file is there."""
        return observed.action is Action.UNCHANGED

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Store what is missing with conditional writes: whoever comes second changes nothing."""
        for name, body in self.published:
            self.s3.put_if_absent(self.prefix.bucket, self.prefix.object_key(name), body)
        return observed.outputs


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants the cluster: the tags that decide between adopting and refusing.

    `finished_run` is a run that this machine has recorded as complete: its cluster is not made again.
    """

    run_id: str
    owner: str
    config_hash: str
    finished_run: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the create call."""
        return {RUN_TAG: self.run_id, OWNER_TAG: self.owner, HASH_TAG: self.config_hash}


def judge(view: ClusterView | None, claim: Claim, region: str) -> Observed:
    """CREATE when there is no such cluster, ADOPT one that the same caller began with the same configuration.

    UNCHANGED when the finished run made it and it is still complete.  Anything else is `Refused`, naming the cluster's
    owner, ARN and start.
    """
    if view is None:
        return Observed(Action.CREATE)
    outputs = {"stack_id": view.stack_id}
    same = view.tags.get(OWNER_TAG) == claim.owner and view.tags.get(HASH_TAG) == claim.config_hash
    run_id = view.tags.get(RUN_TAG, "")
    known = f"{view.stack_id}, owner {claim.owner}, started {view.created_at}, {view.status}, run {run_id}"
    if run_id and run_id == claim.finished_run:
        if same and view.status in _COMPLETE:
            return Observed(Action.UNCHANGED, known, outputs)
    elif same and (view.status in ("CREATE_IN_PROGRESS", *_COMPLETE) or run_id == claim.run_id):
        return Observed(Action.ADOPT, known, outputs)
    owner = view.tags.get(OWNER_TAG, "somebody without dyec")
    why = "with this configuration" if same else "with another configuration" if owner == claim.owner else "not by you"
    place = f"--region {region} --cluster {view.name}"
    broken = "FAILED" in view.status or "ROLLBACK" in view.status
    raise Refused(
        f"Cluster {view.name} exists already in {region}, made {why}: owner {owner}, started {view.created_at}, "
        f"status {view.status}, {view.stack_id}",
        code="cluster_exists",
        hint=f"dyec delete {place}, then repeat." if broken
        else f"dyec cluster describe {place}, or choose another cluster_name.",
        details={"stack_id": view.stack_id, "owner": owner, "started_at": view.created_at, "status": view.status},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClusterStep:
    """The cluster itself: submitted to ParallelCluster, whose stack name is unique in the region."""

    cluster: ClusterName
    region: str
    claim: Claim
    clusters: ClustersApi
    pcluster: PclusterApi
    config: Path | None = None
    name: str = CLUSTER
    needs: tuple[Output, ...] = (PUBLIC_SUBNET, PRIVATE_SUBNET, NODE_POLICY, BOOT_URI)

    def describe(self, bindings: Bindings) -> str:
        """Name and subnets."""
        place = f"head node in {bindings.show(PUBLIC_SUBNET)}, compute in {bindings.show(PRIVATE_SUBNET)}"
        return f"Cluster {self.cluster} in {self.region}: {place}"

    def observe(self, bindings: Bindings) -> Observed:
        """See `judge`."""
        return judge(self.clusters.find(self.cluster), self.claim, self.region)

    def is_done(self, observed: Observed) -> bool:
        """Whether it has been submitted."""
        return observed.action in (Action.ADOPT, Action.UNCHANGED)

    def apply(self, bindings: Bindings, observed: Observed) -> Mapping[str, str]:
        """Submit; when another process was faster, its cluster is judged like any other that exists."""
        if self.config is None:
            raise LookupError("the cluster's configuration has not been rendered")
        try:
            # A cluster that fails stays until its evidence is in a support bundle; see create_wait.
            return {"stack_id": self.pcluster.create(self.cluster, self.config, rollback=False)}
        except (ClusterFailed, ValidationError):
            again = self.observe(bindings)
            if again.action is not Action.ADOPT:
                raise
            return {**again.outputs, ADOPTED: again.detail}
