"""AWS-RunShellScript on a box."""

from __future__ import annotations

import threading
import time

import pytest

from daylily_ec.localcloud.seams import CommandResult
from tests.integration.localcloud_nodes.conftest import Nodes, eventually, text

pytestmark = pytest.mark.e2e


def test_lines_are_one_script_and_its_exit_code_counts(nodes: Nodes, head: str) -> None:
    result = nodes.run(head, "a=1", "echo out$a; echo err >&2", "exit 7")
    assert result == CommandResult("Failed", 7, b"out1\n", b"err\n")


def test_output_is_kept_whole_as_bytes(nodes: Nodes, head: str) -> None:
    result = nodes.run(head, "head -c 100000 /dev/zero | tr '\\0' x; printf '\\377'", "seq 3000 >&2")
    assert result.stdout == b"x" * 100_000 + b"\xff"
    assert result.stderr.endswith(b"\n3000\n")


def test_a_shebang_chooses_the_interpreter(nodes: Nodes, head: str) -> None:
    assert text(nodes.run(head, "#!/usr/bin/python3", "import sys", "print(sys.version_info.major)")) == "3\n"


def test_there_is_no_standard_input(nodes: Nodes, head: str) -> None:
    assert text(nodes.run(head, "cat; echo done")) == "done\n"


def test_a_timeout_kills_the_whole_group(nodes: Nodes, head: str) -> None:
    started = time.monotonic()
    result = nodes.run(head, "echo begun; sh -c 'sleep 654 & sleep 655'", timeout=0.5)
    assert (result.status, result.exit_code, result.stdout) == ("TimedOut", -1, b"begun\n")
    assert time.monotonic() - started < 5
    eventually(lambda: text(nodes.run(head, "ps -eo args | grep -c 'sleep 65[45]$' || true")) == "0\n")


def test_background_processes_survive_and_do_not_delay_the_result(nodes: Nodes, head: str) -> None:
    started = time.monotonic()
    text(nodes.run(head, "sudo -iu ubuntu tmux new-session -d -s survivor 'sleep 500'", "nohup sleep 501 &"))
    assert time.monotonic() - started < 5
    assert "survivor" in text(nodes.run(head, "sudo -iu ubuntu tmux ls"))
    assert text(nodes.run(head, "ps -eo args | grep -c '^sleep 50[01]$'")) == "2\n"


def test_a_cancelled_command_says_so(nodes: Nodes, head: str) -> None:
    results: list[CommandResult] = []
    worker = threading.Thread(
        target=lambda: results.append(nodes.run(head, "touch /tmp/started; sleep 600", command_id="to-cancel"))
    )
    worker.start()
    eventually(lambda: nodes.run(head, "test -e /tmp/started").exit_code == 0)
    nodes.manager.cancel("unknown")
    nodes.manager.cancel("to-cancel")
    worker.join(10)
    assert [result.status for result in results] == ["Cancelled"]


def test_commands_run_side_by_side(nodes: Nodes, head: str) -> None:
    both = "[ -e /tmp/side-a ] && [ -e /tmp/side-b ] && exit 0"
    line = f'touch "/tmp/side-$0"; for i in $(seq 100); do {both}; sleep 0.05; done; exit 1'
    results: list[CommandResult] = []
    workers = [
        threading.Thread(target=lambda name=name: results.append(nodes.run(head, f"sh -c '{line}' {name}")))
        for name in "ab"
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert [result.status for result in results] == ["Success", "Success"]
