"""An operator who holds exactly the two policies passes preflight's simulation; without one of them, not."""

from __future__ import annotations

import json

import pytest

from daylily_ec.aws.iam import Iam
from daylily_ec.config.policies import Place, policy_document
from daylily_ec.preflight.permissions import QUESTIONS
from daylily_ec.workflow.services import Services
from tests.integration.ensure.test_ensurers import ACCOUNT, client

PLACE = Place("aws", "us-west-2", ACCOUNT)
NAMES = ("DaylilyGlobalEClusterPolicy", "DaylilyRegionalEClusterPolicy")


@pytest.mark.weakness("W-36")
def test_the_two_policies_are_enough_and_both_are_needed(services: Services) -> None:
    iam, arn = client("iam"), f"arn:aws:iam::{ACCOUNT}:user/olive"
    iam.create_user(UserName="olive")
    for number, name in enumerate(NAMES):
        document = json.dumps(policy_document(name, PLACE))
        made = iam.create_policy(PolicyName=f"{name}-test", PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_user_policy(UserName="olive", PolicyArn=made)
        place = {"partition": "aws", "region": "us-west-2", "account": ACCOUNT, "cluster": "majors", "bucket": "refs"}
        denied = [
            denial.action
            for resource, actions in QUESTIONS.items()
            for denial in Iam(services.context).denials(arn, actions, (resource.format_map(place),))
        ]
        assert (denied == []) is (number == 1), denied
