"""What the ParallelCluster project publishes for its users, statement by statement, and why we grant less.

Source: `cloudformation/policies/parallelcluster-policies.yaml` of https://github.com/aws/aws-parallelcluster
(release line 3.13).  Statements for Batch, login nodes, EFS, images and the Lambda of its own API are not listed: no
template of ours uses them.
"""

from __future__ import annotations

from collections.abc import Mapping

STATEMENTS: Mapping[str, str] = {
    "EC2ReadAndWrite": "ec2:Describe* ec2:AllocateAddress ec2:AssociateAddress ec2:AttachNetworkInterface "
    "ec2:AuthorizeSecurityGroupEgress ec2:AuthorizeSecurityGroupIngress ec2:CreateFleet ec2:CreateLaunchTemplate "
    "ec2:CreateLaunchTemplateVersion ec2:CreateNetworkInterface ec2:CreatePlacementGroup ec2:CreateSecurityGroup "
    "ec2:CreateSnapshot ec2:CreateTags ec2:DeleteTags ec2:CreateVolume ec2:DeleteLaunchTemplate "
    "ec2:DeleteNetworkInterface ec2:DeletePlacementGroup ec2:DeleteSecurityGroup ec2:DeleteVolume "
    "ec2:DisassociateAddress ec2:ModifyLaunchTemplate ec2:ModifyNetworkInterfaceAttribute ec2:ModifyVolume "
    "ec2:ModifyVolumeAttribute ec2:ReleaseAddress ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress "
    "ec2:RunInstances ec2:TerminateInstances",
    "DynamoDB": "dynamodb:DescribeTable dynamodb:ListTagsOfResource dynamodb:CreateTable dynamodb:DeleteTable "
    "dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem dynamodb:Query dynamodb:TagResource dynamodb:UntagResource",
    "Route53HostedZones": "route53:ChangeResourceRecordSets route53:ChangeTagsForResource route53:CreateHostedZone "
    "route53:DeleteHostedZone route53:GetChange route53:GetHostedZone route53:ListResourceRecordSets "
    "route53:ListQueryLoggingConfigs",
    "CloudFormationCreateAndUpdate": "cloudformation:CreateStack cloudformation:UpdateStack",
    "CloudFormationReadAndDelete": "cloudformation:DeleteStack cloudformation:DescribeStacks "
    "cloudformation:DescribeStackEvents cloudformation:DescribeStackResources cloudformation:GetTemplate "
    "cloudformation:ListStacks",
    "CloudWatch": "cloudwatch:PutDashboard cloudwatch:ListDashboards cloudwatch:DeleteDashboards "
    "cloudwatch:GetDashboard cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms cloudwatch:DescribeAlarms "
    "cloudwatch:PutCompositeAlarm",
    "IamRead": "iam:GetRole iam:GetRolePolicy iam:GetPolicy iam:SimulatePrincipalPolicy iam:GetInstanceProfile",
    "IamRole": "iam:CreateServiceLinkedRole iam:DeleteRole iam:TagRole iam:UntagRole",
    "IamInlinePolicyAndCreateRole": "iam:CreateRole iam:PutRolePolicy iam:DeleteRolePolicy",
    "IamPolicy": "iam:AttachRolePolicy iam:DetachRolePolicy",
    "IamInstanceProfile": "iam:CreateInstanceProfile iam:DeleteInstanceProfile iam:AddRoleToInstanceProfile "
    "iam:RemoveRoleFromInstanceProfile",
    "IamPassRole": "iam:PassRole",
    "Cluster policy 2": "iam:CreateServiceLinkedRole iam:DeleteServiceLinkedRole",
    "Lambda": "lambda:CreateFunction lambda:TagResource lambda:DeleteFunction lambda:GetFunctionConfiguration "
    "lambda:GetFunction lambda:InvokeFunction lambda:AddPermission lambda:RemovePermission "
    "lambda:UpdateFunctionConfiguration lambda:ListTags lambda:UntagResource",
    "S3ResourcesBucket": "s3:*",
    "S3ParallelClusterReadOnly": "s3:Get* s3:List*",
    "FSxS3PoliciesAttach": "iam:CreateServiceLinkedRole iam:AttachRolePolicy iam:PutRolePolicy",
    "FSx": "fsx:*",
    "CloudWatchLogs": "logs:DeleteLogGroup logs:PutRetentionPolicy logs:DescribeLogGroups logs:CreateLogGroup "
    "logs:TagResource logs:UntagResource logs:DescribeMetricFilters logs:PutMetricFilter logs:DeleteMetricFilter "
    "logs:ListTagsForResource",
    "ResourceGroupRead": "resource-groups:ListGroupResources resource-groups:GetGroupConfiguration",
}
LEFT_OUT: Mapping[str, str] = {
    "s3:*": "granted action by action, on the same buckets",
    "s3:Get*": "of AWS's own bucket only objects are read",
    "s3:List*": "of AWS's own bucket only objects are read",
    "fsx:*": "granted action by action",
    "ec2:CreateSnapshot": "our templates keep no EBS volume as a snapshot",
    "ec2:ModifyVolume": "our templates share no EBS volume that an update could enlarge",
    "iam:DeleteServiceLinkedRole": "a service's linked role serves the whole account; no cluster removes it",
}
