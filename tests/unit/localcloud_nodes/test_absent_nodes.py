"""A local cloud on a machine that cannot run head nodes."""

from __future__ import annotations

import re
from pathlib import Path

from daylily_ec.config.resources import resource
from daylily_ec.localcloud.nodes import needs
from daylily_ec.localcloud.nodes.manager import BoxManager
from daylily_ec.localcloud.seams import NodeSpec

WHY = "not installed: slurmd (as root: apt-get update && apt-get install --no-install-recommends -y slurmd)"
SPEC = NodeSpec("i-1", "demo", "us-west-2", "1", "10.0.0.7", "us-west-2d", "m5.large", (), "")


class NoBoxes(BoxManager):
    """A manager on such a machine."""

    def unavailable(self) -> str | None:
        return WHY


def test_the_control_plane_goes_on_and_commands_say_why_they_cannot(tmp_path: Path) -> None:
    manager = NoBoxes(tmp_path, "http://127.0.0.1:9")
    lines: list[str] = []
    assert manager.boot(SPEC, lines.append).ok
    assert lines == [f"head node not booted: {WHY}"]
    assert manager.is_online("i-1")
    result = manager.run("i-1", ("true",), timeout=1, command_id="c")
    assert (result.status, result.exit_code) == ("Failed", 1)
    assert WHY in result.stderr.decode()
    manager.terminate("i-1")
    assert not manager.is_online("i-1")


def test_missing_programs_come_with_the_command_that_installs_them() -> None:
    assert {program.package for program in needs.PROGRAMS} >= {
        "bubblewrap",
        "slurmctld",
        "slurmd",
        "munge",
        "tmux",
        "git",
    }
    assert needs.find("no-such-program-anywhere") is None


def test_a_machine_that_lacks_nothing_has_what_the_scripts_of_a_head_node_call() -> None:
    essential = {"flock", "setsid", "sha256sum", "gzip", "base64", "awk", "realpath"}  # of Debian's essential packages
    ready = resource("config/headnode/readiness.sh").read_text()
    (tools,) = (line.split()[3:] for line in ready.splitlines() if line.startswith("check tools on_path "))
    scripts = "".join(path.read_text() for path in resource("config/headnode").glob("*.sh"))
    called = {name for name in ("jq", "ps", "curl") if re.search(rf"[ |(]{name} ", scripts)}
    assert called == {"jq", "ps", "curl"}
    assert set(tools) - essential | called <= {program.name for program in needs.PROGRAMS}
