"""How to look at the screen of a running session."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from daylily_ec.aws import clusters
from daylily_ec.domain.ids import ClusterName
from daylily_ec.errors import Refused
from daylily_ec.headnode.remote import CLUSTER_USER
from daylily_ec.workflow.services import Services
from daylily_ec.workflow.workflow_status import StatusRequest, workflow_status

DOCUMENT = "AWS-StartInteractiveCommand"
"""AWS's own document: a Session Manager session that runs one command in a terminal."""


@dataclass(frozen=True, slots=True)
class AttachCommand:
    """The command that shows the session's screen; `local` when this machine is the head node."""

    session_name: str
    argv: tuple[str, ...]
    local: bool

    @property
    def line(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.argv)

    def to_json(self) -> dict[str, object]:
        """Its fields and the line."""
        return {"session_name": self.session_name, "argv": list(self.argv), "local": self.local, "command": self.line}


def attach_command(services: Services, request: StatusRequest) -> AttachCommand:
    """How to attach to the session's tmux; `Refused` when it has none any more.

    The screen shows the log from its beginning.  Leave it with Ctrl-B D: the session goes on.
    """
    status = workflow_status(services, request)
    name = request.directory().name
    if status.state.is_final:
        raise Refused(f"Session {name} is {status.state}; it has no screen any more.", code="session_ended",
                      hint=f"dyec workflow logs --cluster {request.cluster} --session {name}")  # fmt: skip
    tmux = ("tmux", "attach-session", "-t", f"={name}")
    cluster = ClusterName.parse(request.cluster)
    if services.headnodes.here(cluster) is not None:
        return AttachCommand(name, tmux, local=True)
    context = services.context
    instance = clusters.require(services.clusters, cluster, context.region).running_head_node.instance_id
    profile = ("--profile", context.profile) if context.profile else ()
    remote = shlex.join(("sudo", "-iu", CLUSTER_USER, *tmux))
    argv = ("aws", "ssm", "start-session", *profile, "--region", context.region, "--target", instance,
            "--document-name", DOCUMENT, "--parameters", json.dumps({"command": [remote]}))  # fmt: skip
    return AttachCommand(name, argv, local=False)
