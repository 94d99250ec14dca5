"""What CloudFormation calls, with the operator's permissions, to create and to delete each type of resource.

Source: the `create` and `delete` handlers in the resource schemas that AWS publishes for CloudFormation
(`aws cloudformation describe-type --type RESOURCE --type-name AWS::EC2::EIP`; user guide of the CloudFormation CLI,
"Resource type schema", `handlers`).  A schema lists what any property may need; `unneeded` holds what none of our
templates' properties need, by reason.  `BY_API`: types for which the operations of the
API that make and remove such a thing were taken instead (service authorization reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ACCOUNT = "123456789012"
REGION = "us-west-2"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/majors-queues/0"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/parallelcluster/majors/head-node"
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/parallelcluster/majors/head-node"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/pclusterTagsAndBudget"
BUCKET = "arn:aws:s3:::parallelcluster-0-v1-do-not-delete"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pcluster-CleanupResources-0"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/parallelcluster-slurm-majors"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/parallelcluster/majors"
FSX = f"arn:aws:fsx:{REGION}:{ACCOUNT}:file-system/fs-0123456789abcdef0"
LINKED = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/x"


@dataclass(frozen=True)
class Handlers:
    """Permissions of both handlers; `resources`: on what, by the beginning of the action's name, else `on`."""

    create: str
    delete: str
    on: str = "*"
    resources: Mapping[str, str] = field(default_factory=dict)
    unneeded: Mapping[str, str] = field(default_factory=dict)

    def needed(self) -> dict[str, str]:
        """Action -> the resource it must be allowed on."""
        dropped = {action for actions in self.unneeded.values() for action in actions.split()}
        return {action: self._place(action) for action in self.listed() if action not in dropped}

    def listed(self) -> frozenset[str]:
        """Every action of both handlers."""
        return frozenset(f"{self.create} {self.delete}".split())

    def _place(self, action: str) -> str:
        return next((arn for start, arn in self.resources.items() if action.startswith(start)), self.on)


_NO_SECRET_KEY = "no customer-managed key, Kinesis stream, import or resource policy"
_NO_EXTRAS = "no elastic GPU, inference accelerator, SSM association, placement, credit or DNS option"

TYPES: Mapping[str, Handlers] = {
    "AWS::CloudFormation::Stack": Handlers(
        "cloudformation:DescribeStacks cloudformation:CreateStack iam:PassRole",
        "cloudformation:DescribeStacks cloudformation:DeleteStack",
        STACK, unneeded={"the inner stack has no service role": "iam:PassRole"},
    ),
    "AWS::CloudWatch::Alarm": Handlers(
        "cloudwatch:PutMetricAlarm cloudwatch:DescribeAlarms cloudwatch:TagResource",
        "cloudwatch:DeleteAlarms cloudwatch:DescribeAlarms",
    ),
    "AWS::CloudWatch::CompositeAlarm": Handlers(
        "cloudwatch:DescribeAlarms cloudwatch:PutCompositeAlarm", "cloudwatch:DescribeAlarms cloudwatch:DeleteAlarms"
    ),
    "AWS::CloudWatch::Dashboard": Handlers(
        "cloudwatch:PutDashboard cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards cloudwatch:GetDashboard"
    ),
    "AWS::DynamoDB::Table": Handlers(
        "dynamodb:CreateTable dynamodb:DescribeImport dynamodb:DescribeTable dynamodb:DescribeTimeToLive "
        "dynamodb:UpdateTimeToLive dynamodb:UpdateContributorInsights dynamodb:UpdateContinuousBackups "
        "dynamodb:DescribeContinuousBackups dynamodb:DescribeContributorInsights "
        "dynamodb:EnableKinesisStreamingDestination dynamodb:DisableKinesisStreamingDestination "
        "dynamodb:DescribeKinesisStreamingDestination dynamodb:ImportTable dynamodb:ListTagsOfResource "
        "dynamodb:TagResource dynamodb:UpdateTable dynamodb:GetResourcePolicy dynamodb:PutResourcePolicy "
        "kinesis:DescribeStream kinesis:PutRecords iam:CreateServiceLinkedRole kms:CreateGrant kms:Decrypt "
        "kms:DescribeKey kms:ListAliases kms:Encrypt kms:RevokeGrant logs:CreateLogGroup logs:CreateLogStream "
        "logs:DescribeLogGroups logs:DescribeLogStreams logs:PutLogEvents logs:PutRetentionPolicy s3:GetObject "
        "s3:GetObjectMetadata s3:ListBucket",
        "dynamodb:DeleteTable dynamodb:DescribeTable",
        TABLE,
        unneeded={
            _NO_SECRET_KEY: "dynamodb:DescribeImport dynamodb:ImportTable dynamodb:EnableKinesisStreamingDestination "
            "dynamodb:DisableKinesisStreamingDestination dynamodb:DescribeKinesisStreamingDestination "
            "dynamodb:GetResourcePolicy dynamodb:PutResourcePolicy kinesis:DescribeStream kinesis:PutRecords "
            "iam:CreateServiceLinkedRole kms:CreateGrant kms:Decrypt kms:DescribeKey kms:ListAliases kms:Encrypt "
            "kms:RevokeGrant logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogGroups logs:DescribeLogStreams "
            "logs:PutLogEvents logs:PutRetentionPolicy s3:GetObject s3:GetObjectMetadata s3:ListBucket",
            "no time to live, contributor insights or point-in-time recovery; not in the published policies": (
                "dynamodb:DescribeTimeToLive dynamodb:UpdateTimeToLive dynamodb:UpdateContributorInsights "
                "dynamodb:UpdateContinuousBackups dynamodb:DescribeContinuousBackups "
                "dynamodb:DescribeContributorInsights dynamodb:UpdateTable"
            ),
        },
    ),
    "AWS::EC2::EIP": Handlers(
        "ec2:AllocateAddress ec2:AcceptAddressTransfer ec2:DescribeAddresses ec2:AssociateAddress ec2:CreateTags",
        "ec2:ReleaseAddress ec2:DescribeAddresses ec2:DisassociateAddress",
        unneeded={"no address is transferred from another account": "ec2:AcceptAddressTransfer"},
    ),
    "AWS::EC2::EIPAssociation": Handlers(
        "ec2:DescribeAddresses ec2:AssociateAddress", "ec2:DisassociateAddress ec2:DescribeAddresses"
    ),
    "AWS::EC2::Instance": Handlers(
        "iam:PassRole ec2:ModifyPrivateDnsNameOptions ec2:DescribeElasticGpus ec2:DescribeNetworkInterfaces "
        "ec2:DescribeVolumes ec2:RunInstances ec2:AssociateIamInstanceProfile "
        "ec2:DescribeIamInstanceProfileAssociations ec2:DescribeInstances ec2:DescribeSubnets ec2:DescribeKeyPairs "
        "ec2:DescribeSecurityGroups ec2:DescribeVpcs ec2:DescribeInstanceAttribute "
        "ec2:DescribeInstanceCreditSpecifications ec2:DescribeLaunchTemplates ec2:DescribeLaunchTemplateVersions "
        "ec2:DetachVolume ec2:DisassociateIamInstanceProfile ec2:ModifyInstanceAttribute "
        "ec2:ModifyInstanceCreditSpecification ec2:ModifyInstancePlacement ec2:MonitorInstances ec2:AttachVolume "
        "ec2:CreateTags ec2:ReplaceIamInstanceProfileAssociation ec2:StartInstances "
        "elastic-inference:DescribeAccelerators ssm:CreateAssociation ssm:DescribeAssociation ssm:ListAssociations",
        "ec2:DescribeInstances ec2:TerminateInstances ec2:DescribeElasticGpus ec2:DescribeNetworkInterfaces "
        "ec2:DescribeVolumes ec2:DescribeInstanceAttribute ec2:DescribeInstanceCreditSpecifications "
        "ec2:DescribeLaunchTemplates elastic-inference:DescribeAccelerators ssm:DescribeAssociation "
        "ssm:ListAssociations",
        resources={"iam:PassRole": ROLE},
        unneeded={
            _NO_EXTRAS: "ec2:ModifyPrivateDnsNameOptions ec2:ModifyInstanceCreditSpecification "
            "ec2:ModifyInstancePlacement elastic-inference:DescribeAccelerators ssm:CreateAssociation "
            "ssm:DescribeAssociation ssm:ListAssociations",
            "profile and volumes come with the launch template; nothing is changed after the launch": (
                "ec2:AssociateIamInstanceProfile ec2:DetachVolume ec2:DisassociateIamInstanceProfile "
                "ec2:ModifyInstanceAttribute ec2:MonitorInstances ec2:AttachVolume "
                "ec2:ReplaceIamInstanceProfileAssociation ec2:StartInstances"
            ),
        },
    ),
    "AWS::EC2::InternetGateway": Handlers("ec2:CreateInternetGateway ec2:CreateTags", "ec2:DeleteInternetGateway"),
    "AWS::EC2::NatGateway": Handlers(
        "ec2:CreateNatGateway ec2:DescribeNatGateways ec2:CreateTags", "ec2:DeleteNatGateway ec2:DescribeNatGateways"
    ),
    "AWS::EC2::NetworkInterface": Handlers(
        "ec2:CreateNetworkInterface ec2:DescribeNetworkInterfaces ec2:CreateTags ec2:ModifyNetworkInterfaceAttribute",
        "ec2:DescribeNetworkInterfaces ec2:DeleteNetworkInterface",
    ),
    "AWS::EC2::Route": Handlers("ec2:CreateRoute ec2:DescribeRouteTables", "ec2:DeleteRoute ec2:DescribeRouteTables"),
    "AWS::EC2::RouteTable": Handlers(
        "ec2:CreateRouteTable ec2:CreateTags ec2:DescribeRouteTables", "ec2:DescribeRouteTables ec2:DeleteRouteTable"
    ),
    "AWS::EC2::SecurityGroup": Handlers(
        "ec2:CreateSecurityGroup ec2:DescribeSecurityGroups ec2:RevokeSecurityGroupEgress "
        "ec2:AuthorizeSecurityGroupEgress ec2:AuthorizeSecurityGroupIngress ec2:CreateTags",
        "ec2:DescribeSecurityGroups ec2:DeleteSecurityGroup ec2:DescribeInstances",
    ),
    "AWS::EC2::SecurityGroupEgress": Handlers(
        "ec2:AuthorizeSecurityGroupEgress ec2:RevokeSecurityGroupEgress ec2:DescribeSecurityGroupRules",
        "ec2:RevokeSecurityGroupEgress ec2:DescribeSecurityGroupRules",
    ),
    "AWS::EC2::SecurityGroupIngress": Handlers(
        "ec2:DescribeSecurityGroupRules ec2:AuthorizeSecurityGroupIngress",
        "ec2:DescribeSecurityGroupRules ec2:RevokeSecurityGroupIngress",
    ),
    "AWS::EC2::Subnet": Handlers(
        "ec2:DescribeSubnets ec2:CreateSubnet ec2:CreateTags ec2:ModifySubnetAttribute",
        "ec2:DescribeSubnets ec2:DeleteSubnet",
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Handlers(
        "ec2:AssociateRouteTable ec2:ReplaceRouteTableAssociation ec2:DescribeSubnets ec2:DescribeRouteTables",
        "ec2:DisassociateRouteTable ec2:DescribeSubnets ec2:DescribeRouteTables",
    ),
    "AWS::EC2::VPC": Handlers(
        "ec2:CreateTags ec2:CreateVpc ec2:CreateVpcEncryptionControl ec2:DescribeVpcAttribute ec2:DescribeVpcs "
        "ec2:ModifyVpcAttribute",
        "ec2:DeleteVpc ec2:DescribeVpcs",
        unneeded={"the network sets no encryption control": "ec2:CreateVpcEncryptionControl"},
    ),
    "AWS::EC2::VPCEndpoint": Handlers("ec2:CreateVpcEndpoint ec2:DescribeVpcEndpoints", "ec2:DeleteVpcEndpoints"),
    "AWS::FSx::DataRepositoryAssociation": Handlers(
        "fsx:CreateDataRepositoryAssociation fsx:DescribeDataRepositoryAssociations fsx:TagResource s3:ListBucket "
        "s3:GetBucketPolicy s3:PutBucketPolicy iam:CreateServiceLinkedRole iam:PutRolePolicy",
        "fsx:DescribeDataRepositoryAssociations fsx:DeleteDataRepositoryAssociation",
        FSX, {"s3:ListBucket": "arn:aws:s3:::references", "iam:": LINKED},
        {"only a bucket of another account needs its policy changed": "s3:GetBucketPolicy s3:PutBucketPolicy"},
    ),
    "AWS::IAM::InstanceProfile": Handlers(
        "iam:CreateInstanceProfile iam:PassRole iam:AddRoleToInstanceProfile iam:GetInstanceProfile",
        "iam:GetInstanceProfile iam:RemoveRoleFromInstanceProfile iam:DeleteInstanceProfile",
        PROFILE, {"iam:PassRole": ROLE},
    ),
    "AWS::IAM::ManagedPolicy": Handlers(
        "iam:CreatePolicy iam:AttachGroupPolicy iam:AttachUserPolicy iam:AttachRolePolicy",
        "iam:DetachRolePolicy iam:GetPolicy iam:ListPolicyVersions iam:DetachGroupPolicy iam:DetachUserPolicy "
        "iam:DeletePolicyVersion iam:DeletePolicy iam:ListEntitiesForPolicy",
        POLICY,
        unneeded={
            "the network's policy is attached to nobody by its stack": (
                "iam:AttachGroupPolicy iam:AttachUserPolicy iam:AttachRolePolicy iam:DetachRolePolicy "
                "iam:DetachGroupPolicy iam:DetachUserPolicy"
            ),
        },
    ),
    "AWS::IAM::Role": Handlers(
        "iam:CreateRole iam:PutRolePolicy iam:AttachRolePolicy iam:GetRole iam:ListAttachedRolePolicies "
        "iam:ListRolePolicies iam:GetRolePolicy",
        "iam:DeleteRole iam:DetachRolePolicy iam:DeleteRolePolicy iam:GetRole iam:ListAttachedRolePolicies "
        "iam:ListRolePolicies",
        ROLE,
    ),
    "AWS::Lambda::Function": Handlers(
        "lambda:CreateFunction lambda:GetFunction lambda:PutFunctionConcurrency iam:PassRole s3:GetObject "
        "s3:GetObjectVersion ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs "
        "elasticfilesystem:DescribeMountTargets kms:CreateGrant kms:Decrypt kms:Encrypt kms:GenerateDataKey "
        "lambda:GetCodeSigningConfig lambda:GetFunctionCodeSigningConfig lambda:GetLayerVersion "
        "lambda:GetRuntimeManagementConfig lambda:PutRuntimeManagementConfig lambda:TagResource",
        "lambda:DeleteFunction lambda:GetFunction ec2:DescribeNetworkInterfaces",
        FUNCTION, {"iam:PassRole": ROLE, "s3:": f"{BUCKET}/code.zip", "ec2:": "*"},
        {
            "no reserved concurrency, file system, own key, signature, layer or pinned runtime": (
                "lambda:PutFunctionConcurrency elasticfilesystem:DescribeMountTargets kms:CreateGrant kms:Decrypt "
                "kms:Encrypt kms:GenerateDataKey lambda:GetCodeSigningConfig lambda:GetFunctionCodeSigningConfig "
                "lambda:GetLayerVersion lambda:GetRuntimeManagementConfig lambda:PutRuntimeManagementConfig"
            ),
        },
    ),
    "AWS::Logs::LogGroup": Handlers(
        "logs:DescribeLogGroups logs:CreateLogGroup logs:PutRetentionPolicy logs:TagResource "
        "logs:GetDataProtectionPolicy logs:PutDataProtectionPolicy logs:CreateLogDelivery s3:REST.PUT.OBJECT "
        "firehose:TagDeliveryStream logs:PutResourcePolicy logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups logs:DeleteLogGroup logs:DeleteDataProtectionPolicy",
        LOGS,
        unneeded={
            "no data protection policy and no delivery elsewhere": (
                "logs:GetDataProtectionPolicy logs:PutDataProtectionPolicy logs:CreateLogDelivery "
                "s3:REST.PUT.OBJECT firehose:TagDeliveryStream logs:PutResourcePolicy logs:DescribeResourcePolicies "
                "logs:DeleteDataProtectionPolicy"
            ),
        },
    ),
    "AWS::Logs::MetricFilter": Handlers(
        "logs:PutMetricFilter logs:DescribeMetricFilters", "logs:DeleteMetricFilter", LOGS
    ),
    "AWS::Route53::HostedZone": Handlers(
        "route53:CreateHostedZone route53:CreateQueryLoggingConfig route53:ChangeTagsForResource route53:GetChange "
        "route53:AssociateVPCWithHostedZone ec2:DescribeVpcs",
        "route53:DeleteHostedZone route53:DeleteQueryLoggingConfig route53:ListQueryLoggingConfigs route53:GetChange",
        unneeded={
            "queries are not logged, and the only VPC is given when the zone is made": (
                "route53:CreateQueryLoggingConfig route53:DeleteQueryLoggingConfig route53:AssociateVPCWithHostedZone"
            ),
        },
    ),
}  # fmt: skip

BY_API: Mapping[str, Handlers] = {
    "AWS::CloudFormation::CustomResource": Handlers("lambda:InvokeFunction", "lambda:InvokeFunction", FUNCTION),
    "AWS::CloudFormation::WaitCondition": Handlers("", ""),
    "AWS::CloudFormation::WaitConditionHandle": Handlers("", ""),
    "AWS::EC2::LaunchTemplate": Handlers(
        "ec2:CreateLaunchTemplate ec2:DescribeLaunchTemplates ec2:CreateTags", "ec2:DeleteLaunchTemplate"
    ),
    "AWS::EC2::VPCGatewayAttachment": Handlers("ec2:AttachInternetGateway", "ec2:DetachInternetGateway"),
    "AWS::FSx::FileSystem": Handlers(
        "fsx:CreateFileSystem fsx:DescribeFileSystems fsx:TagResource ec2:DescribeSubnets",
        "fsx:DeleteFileSystem fsx:DescribeFileSystems",
        FSX, {"ec2:": "*"},
    ),
    "AWS::IAM::Policy": Handlers("iam:PutRolePolicy", "iam:DeleteRolePolicy", ROLE),
}  # fmt: skip
HANDLERS = {**TYPES, **BY_API}
