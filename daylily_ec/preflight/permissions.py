"""Validator 3: the caller has the operator's policies, and a simulation lets it do what `create` will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from threading import Lock

from daylily_ec.aws.iam import AttachedPolicy, Denial, Entity, PrincipalKind
from daylily_ec.errors import AwsError
from daylily_ec.preflight.context import Check, PreflightContext, run_checks
from daylily_ec.preflight.report import CheckResult, Status
from daylily_ec.util.pool import gather, together

GLOBAL_POLICY = "DaylilyGlobalEClusterPolicy"
REGIONAL_POLICY = "DaylilyRegionalEClusterPolicy-{region}"
SPOT_LINK_POLICY = "pcluster-omics-analysis"
_ADMINISTRATOR = ":iam::aws:policy/AdministratorAccess"

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "*": ("ec2:CreateVpc", "ec2:DescribeSpotPriceHistory", "ec2:RunInstances"),
    "arn:{partition}:budgets::{account}:budget/daylily-global": ("budgets:ModifyBudget",),
    "arn:{partition}:cloudformation:{region}:{account}:stack/{cluster}/0": (
        "cloudformation:CreateStack",
        "cloudformation:DescribeStacks",
    ),
    "arn:{partition}:dynamodb:{region}:{account}:table/parallelcluster-slurm-{cluster}": ("dynamodb:CreateTable",),
    "arn:{partition}:ec2:{region}:{account}:instance/i-0123456789abcdef0": ("ssm:SendCommand",),
    "arn:{partition}:fsx:{region}:{account}:file-system/fs-0123456789abcdef0": ("fsx:CreateFileSystem",),
    "arn:{partition}:fsx:{region}:{account}:association/dra-0123456789abcdef0": (
        "fsx:CreateDataRepositoryAssociation",
    ),
    "arn:{partition}:iam::{account}:policy/pclusterTagsAndBudget": ("iam:CreatePolicy",),
    "arn:{partition}:iam::{account}:role/parallelcluster/{cluster}/head-node": ("iam:CreateRole", "iam:PassRole"),
    "arn:{partition}:lambda:{region}:{account}:function:pcluster-CleanupResources-0": ("lambda:CreateFunction",),
    "arn:{partition}:logs:{region}:{account}:log-group:/aws/parallelcluster/{cluster}": ("logs:CreateLogGroup",),
    "arn:{partition}:s3:::parallelcluster-0-v1-do-not-delete": ("s3:CreateBucket",),
    "arn:{partition}:s3:::{bucket}/runtime_assets/object": ("s3:PutObject",),
}
"""What `create` and ParallelCluster do first, by the resource they do it to: policies may be limited to such ones."""


@dataclass(frozen=True, slots=True)
class IamValidator:
    """Attachment by name for users, groups and roles; then the policy simulation."""

    id: str = "iam"

    def run(self, context: PreflightContext) -> tuple[CheckResult, ...]:
        attached = _Attached(context)
        regional = REGIONAL_POLICY.format(region=context.zone.region)
        return run_checks(
            context,
            [
                Check("iam.policy.global", partial(attached.check, "iam.policy.global", GLOBAL_POLICY)),
                Check("iam.policy.regional", partial(attached.check, "iam.policy.regional", regional)),
                Check("iam.pcluster_omics_policy", partial(_spot_link_policy, context)),
                Check("iam.permissions", partial(_simulation, context)),
            ],
        )


class _Attached:
    """The caller's policies, read once for both checks while the simulation runs beside them."""

    def __init__(self, context: PreflightContext) -> None:
        self._context = context
        self._lock = Lock()
        self._answer: tuple[AttachedPolicy, ...] | AwsError | None = None

    def _policies(self) -> tuple[AttachedPolicy, ...]:
        with self._lock:
            if self._answer is None:
                try:
                    self._answer = self._context.reads.iam.attached_policies(self._context.principal)
                except AwsError as error:
                    self._answer = error
        if isinstance(self._answer, AwsError):
            raise self._answer
        return self._answer

    def check(self, id: str, policy: str) -> CheckResult:
        principal = self._context.principal
        details = {"policy": policy, "user": principal.name, "kind": principal.kind.value}
        if principal.kind is PrincipalKind.ROOT:
            return CheckResult.passed(id, **details, note="the root user may do everything")
        attached = self._policies()
        holder = next((item for item in attached if item.name == policy), None)
        full = next((item for item in attached if item.arn.endswith(_ADMINISTRATOR)), None)
        if holder is not None:
            return CheckResult.passed(id, **details, attached_to=holder.via)
        if full is not None:
            return CheckResult.passed(id, **details, attached_to=full.via, note="covered by AdministratorAccess")
        status = Status.WARN if self._context.options.interactive else Status.FAIL
        what = f"Have an administrator attach {policy} to {principal.kind} {principal.name}."
        return CheckResult(id, status, details, what)


def _spot_link_policy(context: PreflightContext) -> CheckResult:
    found = context.reads.iam.local_policies(SPOT_LINK_POLICY)
    return CheckResult.passed(
        "iam.pcluster_omics_policy",
        policy=SPOT_LINK_POLICY,
        arn=found[0] if found else None,
        action="already_exists" if found else "absent",
        note="" if found else "absent: preflight makes nothing; EC2 Spot makes its linked role at first use",
    )


def _simulation(context: PreflightContext) -> CheckResult:
    principal = context.principal
    if principal.kind in (PrincipalKind.ROOT, PrincipalKind.FEDERATED):
        return CheckResult.passed(
            "iam.permissions", kind=principal.kind.value, simulated=0, note="this kind of caller cannot be simulated"
        )
    iam, questions = context.reads.iam, _questions(context)

    def denials(arn: str) -> list[Denial]:
        answers = gather(lambda asked: iam.denials(arn, asked[0], asked[1]), questions)
        return [denial for answer in answers for denial in answer]

    entity: Entity
    denied: list[Denial]
    if principal.kind is PrincipalKind.USER:  # the caller's ARN is the user's own; a session's is not its role's
        entity, denied = together(lambda: iam.entity(principal), lambda: denials(principal.caller_arn))
    else:
        entity = iam.entity(principal)
        denied = denials(entity.arn)
    details = {
        "principal": entity.arn,
        "permissions_boundary": entity.boundary or None,
        "simulated": sum(len(actions) for actions, _ in questions),
    }
    if not denied:
        return CheckResult.passed("iam.permissions", **details, denied=[])
    names = [f"{denial.action} ({denial.decision})" for denial in denied]
    return CheckResult.failed(
        "iam.permissions",
        f"Have an administrator allow: {', '.join(d.action for d in denied)}.",
        **details,
        denied=names,
    )


def _questions(context: PreflightContext) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    place = {
        "partition": context.identity.arn.split(":")[1],
        "region": str(context.zone.region),
        "account": context.identity.account_id,
        "cluster": str(context.config.cluster_name),
        "bucket": context.config.reference_s3_uri.bucket,
    }
    return [(actions, (resource.format_map(place),)) for resource, actions in QUESTIONS.items()]
