"""What a new AWS account has before anyone creates anything: one person who may sign requests.

Default VPCs and AWS managed policies come from moto.  Buckets, policies and key pairs of an operator are made by those
who need them, through the API.
"""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends

from daylily_ec.localcloud.profile import ACCESS_KEY_ID, SECRET_ACCESS_KEY, USER

ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID


def seed() -> None:
    """Create the operator's IAM user, an administrator, with the access key of the local profile."""
    iam = iam_backends[ACCOUNT_ID]["aws"]
    iam.create_user("us-east-1", USER)
    iam.attach_user_policy("arn:aws:iam::aws:policy/AdministratorAccess", USER)
    key = iam.create_access_key(USER)
    iam.access_keys.pop(key.access_key_id, None)
    key.access_key_id, key.secret_access_key = ACCESS_KEY_ID, SECRET_ACCESS_KEY
    iam.access_keys[key.access_key_id] = key
