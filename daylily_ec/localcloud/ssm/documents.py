"""Documents that an account has from the beginning.

`AWS-RunShellScript` belongs to AWS; its parameters are those that GetDocument shows in the user guide's example.
`SSM-SessionManagerRunShell` holds the session preferences of an account and region.  AWS makes it when an operator sets
preferences; here it stands as an operator of clusters sets it: sessions run as ubuntu, in a login shell, at home.
"""

from __future__ import annotations

import json
from typing import Any

from moto.ssm.models import Document, Documents, SimpleSystemManagerBackend

from daylily_ec.localcloud.patches.patching import replace

RUN_SHELL_SCRIPT = "AWS-RunShellScript"
SESSION_PREFERENCES = "SSM-SessionManagerRunShell"
TIMEOUT_PATTERN = "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)"

_RUN_SHELL_SCRIPT: dict[str, Any] = {
    "schemaVersion": "1.2",
    "description": "Run a shell script or specify the commands to run.",
    "parameters": {
        "commands": {
            "type": "StringList",
            "description": "(Required) Specify a shell script or a command to run.",
            "minItems": 1,
            "displayType": "textarea",
        },
        "workingDirectory": {
            "type": "String",
            "default": "",
            "description": "(Optional) The path to the working directory on your instance.",
            "maxChars": 4096,
        },
        "executionTimeout": {
            "type": "String",
            "default": "3600",
            "description": "(Optional) The time in seconds for a command to complete before it is considered to have"
            " failed. Default is 3600 (1 hour). Maximum is 172800 (48 hours).",
            "allowedPattern": TIMEOUT_PATTERN,
        },
    },
    "runtimeConfig": {
        "aws:runShellScript": {
            "properties": [
                {
                    "id": "0.aws:runShellScript",
                    "runCommand": "{{ commands }}",
                    "workingDirectory": "{{ workingDirectory }}",
                    "timeoutSeconds": "{{ executionTimeout }}",
                }
            ]
        }
    },
}
_SESSION_PREFERENCES: dict[str, Any] = {
    "schemaVersion": "1.0",
    "description": "Document to hold regional settings for Session Manager",
    "sessionType": "Standard_Stream",
    "inputs": {
        "s3BucketName": "",
        "s3KeyPrefix": "",
        "s3EncryptionEnabled": True,
        "cloudWatchLogGroupName": "",
        "cloudWatchEncryptionEnabled": True,
        "cloudWatchStreamingEnabled": False,
        "kmsKeyId": "",
        "runAsEnabled": True,
        "runAsDefaultUser": "ubuntu",
        "idleSessionTimeout": "20",
        "maxSessionDuration": "",
        "shellProfile": {"linux": "cd ~ && exec bash -l", "windows": ""},
    },
}


def install() -> None:
    """Give every account and region both documents."""

    def extended(original: Any) -> Any:
        def create(self: Any, region_name: str, account_id: str) -> None:
            original(self, region_name, account_id)
            self._documents[RUN_SHELL_SCRIPT] = Documents(_document("Amazon", RUN_SHELL_SCRIPT))
            self._documents[SESSION_PREFERENCES] = Documents(_document(account_id, SESSION_PREFERENCES))

        return create

    replace(SimpleSystemManagerBackend, "__init__", extended)


def content(name: str) -> str:
    """The text of one of the documents."""
    return json.dumps(_RUN_SHELL_SCRIPT if name == RUN_SHELL_SCRIPT else _SESSION_PREFERENCES, indent=2)


def _document(owner: str, name: str) -> Any:
    make: Any = Document  # moto's class leaves abstract what only its CloudFormation needs
    document = make(
        account_id=owner,
        name=name,
        version_name="",
        content=content(name),
        document_type="Command" if name == RUN_SHELL_SCRIPT else "Session",
        document_format="JSON",
        requires=[],
        attachments=[],
        target_type="",
    )
    document.platform_types = ["Linux", "MacOS"] if name == RUN_SHELL_SCRIPT else ["Windows", "Linux", "MacOS"]
    return document
