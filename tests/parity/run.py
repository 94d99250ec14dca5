"""Runs both programs with one configuration, each on a fresh local cloud, and observes what they leave."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from daylily_ec.config.resources import resource
from daylily_ec.localcloud.storage import ROLES, SETTINGS
from tests.parity.observe import CLUSTER, Observation, observe
from tests.parity.site import ROOT, ZONE, fresh_site

FLAGS = ("create", "--region-az", ZONE, "--profile", "daylily-local", "--non-interactive", "--pass-on-warn", "--config")
OWN = (sys.executable, "-P", "-m", "daylily_ec")


class RunFailed(Exception):
    """A program did not end with success."""


def configuration() -> str:
    """The configuration that both get: the packaged template with an operator's answers in its `set_value` slots."""
    answers = {
        "cluster_name": CLUSTER,
        **{SETTINGS[role]: str(prefix) for role, prefix in ROLES.items()},
        "budget_email": "ops@example.org",
        "heartbeat_email": "beat@example.org",
    }
    text = resource("config/daylily_ephemeral_cluster_template.yaml").read_text()
    for key, value in answers.items():
        text, count = re.subn(rf'(?m)^(    {key}: \[\w+, "[^"]*", )""\]', rf'\g<1>"{value}"]', text)
        assert count == 1, key
    return text


def created(name: str, program: Sequence[str], directory: Path, *, answer_commands: bool) -> Observation:
    """What `program` leaves behind on a cloud of its own; with `answer_commands`, no remote command is run there."""
    with fresh_site(name, directory) as site:
        file = site.home / "cluster.yaml"
        file.write_text(configuration())
        if answer_commands:
            site.control("POST", "ssm", {"answer": {"exit_code": 0}})
        done = site.run(program, *FLAGS, str(file), PYTHONPATH=str(ROOT) if program is OWN else "")
        if done.returncode != 0:
            raise RunFailed(
                f"{name} ended with exit code {done.returncode}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return observe(site)


def both(reference: Path, directory: Path) -> tuple[Observation, Observation]:
    """Observations of the reference and of this checkout."""
    theirs = created("reference", (str(reference),), directory, answer_commands=True)
    return theirs, created("dyec", OWN, directory, answer_commands=False)
