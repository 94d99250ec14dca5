"""Head nodes without AWS: the node manager alone, boot scripts from a dictionary instead of S3."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daylily_ec.localcloud.nodes.boot import FetchError
from daylily_ec.localcloud.nodes.manager import BoxManager
from daylily_ec.localcloud.seams import BootResult, BootScript, CommandResult, ComputeResource, NodeSpec, Queue

ENDPOINT = "http://127.0.0.1:9"
FILE_SYSTEM = "fs-0123456789abcdef0"
EIGHT = ComputeResource("r8", ("r7i.2xlarge",), 8, 65_536, 0, 4)
BIG = ComputeResource("r128", ("r7i.32xlarge", "r6i.32xlarge"), 128, 1_048_576, 0, 1_000)
QUEUES = (Queue("i8", (EIGHT,)), Queue("i128", (BIG,)))
_numbers = itertools.count(1)


class Scripts:
    """S3 that holds what the test put there."""

    def __init__(self) -> None:
        self.content: dict[str, str] = {}

    def read(self, bucket: str, key: str, region: str) -> bytes:
        try:
            return self.content[f"s3://{bucket}/{key}"].encode()
        except KeyError:
            raise FetchError("An error occurred (404) when calling the HeadObject operation: Not Found") from None


@dataclass
class Nodes:
    """A manager with the scripts that its nodes can fetch."""

    manager: BoxManager
    scripts: Scripts
    root: Path
    lines: list[str] = field(default_factory=list)

    def spec(self, *, queues: tuple[Queue, ...] = (), boot: tuple[BootScript, ...] = ()) -> NodeSpec:
        """A head node of its own."""
        number = next(_numbers)
        return NodeSpec(
            *(f"i-{number:017x}", f"cluster-{number}", "us-west-2", "123456789012", f"10.0.0.{number}", "us-west-2d"),
            *(
                "r7i.2xlarge",
                queues,
                f"Region: us-west-2\nName: cluster-{number}\n",
                {"/fsx": f"{FILE_SYSTEM[:-2]}{number:02d}"},
            ),
            boot,
        )

    def boot(self, spec: NodeSpec) -> BootResult:
        """Boot and keep the lines that the boot reported."""
        self.lines.clear()
        return self.manager.boot(spec, self.lines.append)

    def run(self, instance_id: str, *lines: str, timeout: float = 30, command_id: str = "") -> CommandResult:
        """Run lines as root."""
        command_id = command_id or f"00000000-0000-0000-0000-{next(_numbers):012d}"
        return self.manager.run(instance_id, lines, timeout=timeout, command_id=command_id)


def text(result: CommandResult) -> str:
    """What a command that succeeded printed."""
    assert result.status == "Success", (result.stdout, result.stderr)
    return result.stdout.decode()


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    root = tmp_path_factory.mktemp("nodes")
    scripts = Scripts()
    manager = BoxManager(root, ENDPOINT, objects=scripts)
    why = manager.unavailable()
    assert why is None, why
    yield Nodes(manager, scripts, root)
    manager.close()


@pytest.fixture(scope="module")
def cluster(nodes: Nodes) -> NodeSpec:
    """A head node with two queues, booted once."""
    spec = nodes.spec(queues=QUEUES)
    booted = nodes.boot(spec)
    assert booted.ok, booted.reason
    return spec


@pytest.fixture(scope="module")
def head(cluster: NodeSpec) -> str:
    """Its instance id."""
    return cluster.instance_id
