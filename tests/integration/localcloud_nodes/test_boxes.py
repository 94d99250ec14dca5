"""What a head node looks like from inside, and that nothing of it stays behind."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from daylily_ec.localcloud.nodes.manager import BoxManager
from daylily_ec.localcloud.nodes.records import records, shell_argv
from daylily_ec.localcloud.nodes.sandbox import Box, BoxError, Sandbox, start_time
from daylily_ec.localcloud.seams import NodeMount, NodeSpec
from tests.integration.localcloud_nodes.conftest import ENDPOINT, QUEUES, Nodes, eventually, text

pytestmark = pytest.mark.e2e

DAEMON = """
import sys, time
from pathlib import Path, PurePosixPath
from daylily_ec.localcloud.nodes.manager import create_manager
from daylily_ec.localcloud.seams import ComputeResource, NodeSpec, Queue
queue = Queue("q", (ComputeResource("r", ("m5.large",), 2, 8192, 0, 2),))
spec = NodeSpec("i-1", "doomed", "us-west-2", "1", "10.0.9.9", "us-west-2d", "m5.large", (queue,), "", {"/fsx": "fs-1"})
manager = create_manager(Path(sys.argv[1]), "http://127.0.0.1:9", ())
assert manager.boot(spec, lambda line: None).ok
manager.run("i-1", ("sudo -u ubuntu tmux new-session -d 'sleep 1000'; nohup sleep 1001 &",), timeout=20, command_id="c")
print("up", flush=True)
time.sleep(1000)
"""


def test_commands_run_as_root_and_can_become_ubuntu_and_root_again(nodes: Nodes, head: str) -> None:
    assert (
        text(nodes.run(head, "id -un; sudo -u ubuntu id -un; sudo -iu ubuntu sudo -n id -un")) == "root\nubuntu\nroot\n"
    )
    for command in (
        "su - ubuntu -c",
        "su ubuntu -c",
        "runuser -l ubuntu -c",
        "sudo -iu ubuntu bash -lc",
        "sudo -Hu ubuntu sh -c",
    ):
        assert text(nodes.run(head, f"{command} 'id -u; echo $HOME $USER'")) == "1000\n/home/ubuntu ubuntu\n", command


def test_sudo_reads_the_options_that_scripts_use(nodes: Nodes, head: str) -> None:
    assert text(nodes.run(head, "A=1 sudo sh -c 'echo $A$HOME'; sudo B=2 sh -c 'echo $B'")) == "/root\n2\n"
    assert text(nodes.run(head, "C=3 sudo -E sh -c 'echo $C'; sudo -nu ubuntu env D=4 sh -c 'echo $D'")) == "3\n4\n"
    failed = nodes.run(head, "sudo -u ubuntu sh -c 'exit 23'")
    assert (failed.status, failed.exit_code) == ("Failed", 23)
    assert nodes.run(head, "sudo --nonsense true").exit_code != 0
    assert nodes.run(head, "sudo -u nobody-there true").exit_code == 1


def test_the_python_of_parallelcluster_is_there_and_the_conda_installer_is_not(nodes: Nodes, head: str) -> None:
    version = "import platform; print(platform.python_version())"
    found = text(nodes.run(head, f"sudo -iu ubuntu /opt/parallelcluster/pyenv/versions/3.*/bin/python3 -c '{version}'"))
    assert found == f"{platform.python_version()}\n"
    refused = nodes.run(head, "curl -sS --connect-timeout 5 https://repo.anaconda.com/miniconda/ 2>&1; echo $?")
    assert "Failed to connect to repo.anaconda.com port 443" in text(refused)


def test_a_payload_file_runs_as_ubuntu_in_a_login_shell(nodes: Nodes, head: str) -> None:
    payload = 'echo "$(id -un) $PWD $AWS_REGION"; shopt -q login_shell && echo login; exit 5'
    result = nodes.run(
        head, f"cat > /tmp/p.sh <<'X'\n{payload}\nX", "chown ubuntu /tmp/p.sh && chmod 700 /tmp/p.sh",
        "sudo -iu ubuntu bash -l /tmp/p.sh; rc=$?; rm /tmp/p.sh; exit $rc",
    )  # fmt: skip
    assert (result.stdout, result.exit_code) == (b"ubuntu /home/ubuntu us-west-2\nlogin\n", 5)


def test_the_node_carries_the_facts_of_its_cluster(nodes: Nodes, cluster: NodeSpec) -> None:
    head, name = cluster.instance_id, f"ip-{cluster.private_ip.replace('.', '-')}"
    assert text(nodes.run(head, "hostname; hostname -f")) == f"{name}\n{name}.us-west-2.compute.internal\n"
    facts = text(nodes.run(head, "cat /etc/parallelcluster/cfnconfig")).splitlines()
    assert {f"stack_name={cluster.cluster}", "cfn_region=us-west-2", "cfn_node_type=HeadNode"} <= set(facts)
    assert text(nodes.run(head, "cat /opt/parallelcluster/shared/cluster-config.yaml")) == cluster.cluster_config


def test_fsx_is_a_mount_that_both_sides_see(nodes: Nodes, cluster: NodeSpec) -> None:
    head, host = cluster.instance_id, nodes.root / "fsx" / cluster.file_systems["/fsx"]
    (host / "from-s3").write_text("imported", encoding="utf-8")
    seen = text(
        nodes.run(head, "sudo -u ubuntu sh -c 'mountpoint -q /fsx && cat /fsx/from-s3 && echo ok > /fsx/result'")
    )
    assert seen == "imported"
    assert (host / "result").read_text(encoding="utf-8") == "ok\n"


def test_programs_that_change_the_machine_are_written_down_and_succeed(nodes: Nodes, head: str) -> None:
    text(
        nodes.run(
            head, "apt-get -y install cowsay", "/usr/bin/apt-get update", "systemctl restart x", "sudo sysctl -w vm.a=1"
        )
    )
    log = text(nodes.run(head, "cat /var/log/dyec-shims.log"))
    for call in ("apt-get -y install cowsay", "apt-get update", "systemctl restart x", "sysctl -w vm.a=1"):
        assert call in log


def test_ownership_of_users_without_an_id_is_forgiven_and_other_failures_are_not(nodes: Nodes, head: str) -> None:
    text(nodes.run(head, "touch /tmp/f && chown ubuntu:ubuntu /tmp/f && chown 4711 /tmp/f && chgrp nogroup /tmp/f"))
    made = "install -o ubuntu -g ubuntu -m 640 /etc/hosts /tmp/installed && stat -c %a /tmp/installed"
    assert text(nodes.run(head, made)) == "640\n"
    assert nodes.run(head, "chown no-such-user /tmp/f").exit_code == 1
    assert nodes.run(head, "chown ubuntu /tmp/absent").exit_code == 1
    assert nodes.run(head, "install -o ubuntu /tmp/absent /tmp/x").exit_code == 1


def test_the_aws_client_is_on_the_path_and_speaks_to_the_endpoint(nodes: Nodes, head: str) -> None:
    shown = text(nodes.run(head, "sudo -iu ubuntu bash -lc 'command -v aws; echo $AWS_ENDPOINT_URL; aws --version'"))
    assert shown.splitlines()[:2] == ["/usr/local/bin/aws", "http://127.0.0.1:9"]
    assert shown.splitlines()[2].startswith("aws-cli/")


def test_orphans_are_reaped(nodes: Nodes, head: str) -> None:
    text(nodes.run(head, "for i in 1 2 3 4 5; do (sleep 0.01 & exec true) & done; sleep 0.3"))
    zombies = "ps -eo stat=,ppid= | awk '$1 ~ /^Z/ && $2 == 1' | wc -l"
    eventually(lambda: text(nodes.run(head, zombies)).strip() == "0")


def test_a_login_shell_has_a_terminal_of_the_box(nodes: Nodes, cluster: NodeSpec) -> None:
    argv = shell_argv(nodes.root, cluster.cluster)
    typed = b"tty; id -un; pwd; tmux new-session -d -s t 'sleep 9'; tmux ls\nexit 5\n"
    environment = {**os.environ, "SHELL": "/bin/no-such-shell"}
    done = subprocess.run(argv, input=typed, capture_output=True, timeout=20, check=False, env=environment)
    shown = done.stdout.decode()
    assert done.returncode == 5
    assert "/dev/pts/" in shown
    assert "\nubuntu\r\n/home/ubuntu\r\nt: 1 windows" in shown
    with pytest.raises(BoxError, match="no head node no-such-cluster"):
        shell_argv(nodes.root, "no-such-cluster")


def test_two_boxes_have_nothing_in_common_but_the_machine(nodes: Nodes, cluster: NodeSpec) -> None:
    second = nodes.spec(queues=QUEUES)
    assert nodes.boot(second).ok
    try:
        for spec, other in ((cluster, second), (second, cluster)):
            job = "sudo -iu ubuntu timeout 20 srun -p i8 sh -c 'touch /fsx/mine-$SLURM_JOB_ID; cat /etc/hostname'"
            assert text(nodes.run(spec.instance_id, job)).strip() == f"ip-{spec.private_ip.replace('.', '-')}"
            assert list((nodes.root / "fsx" / spec.file_systems["/fsx"]).glob("mine-*"))
            assert text(nodes.run(spec.instance_id, f"ps -ef | grep -c '[i]p-{other.private_ip}' || true")) == "0\n"
    finally:
        nodes.manager.terminate(second.instance_id)
    assert nodes.manager.is_online(cluster.instance_id)
    assert not nodes.manager.is_online(second.instance_id)


def test_terminating_leaves_no_process_and_no_file(nodes: Nodes) -> None:
    spec = nodes.spec()
    assert nodes.boot(spec).ok
    text(nodes.run(spec.instance_id, "mkdir -m 0 /tmp/closed; sudo -u ubuntu tmux new-session -d 'sleep 1000'"))
    record = next(record for record in records(nodes.root) if record.instance_id == spec.instance_id)
    nodes.manager.terminate(spec.instance_id)
    assert not record.box.alive
    assert not (nodes.root / "boxes" / spec.instance_id).exists()
    assert nodes.run(spec.instance_id, "true").status == "Undeliverable"


def test_a_box_is_stopped_when_its_first_process_is_gone() -> None:
    with subprocess.Popen(["sleep", "1000"]) as holder, subprocess.Popen(["sleep", "0.5"]) as first:
        started = start_time(first.pid)
        assert started is not None
        box = Box(first.pid, started)
        Sandbox(box, holder).stop()
        assert holder.returncode == -signal.SIGKILL
        assert not box.alive


def test_directories_of_the_machine_can_be_lent_read_only(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "greet").write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    (tools / "greet").chmod(0o755)
    manager = BoxManager(tmp_path / "root", ENDPOINT, (NodeMount(tools, PurePosixPath("/opt/tools")),))
    spec = NodeSpec("i-1", "lent", "us-west-2", "1", "10.0.7.7", "us-west-2d", "m5.large", (), "")
    assert manager.boot(spec, lambda line: None).ok
    lent = manager.run("i-1", (f"/opt/tools/greet; {tools}/greet; touch /opt/tools/x",), timeout=20, command_id="c")
    assert (lent.stdout, lent.status) == (b"hello\nhello\n", "Failed")
    manager.close()


def test_kernel_settings_of_the_machine_cannot_be_written(nodes: Nodes, head: str) -> None:
    before = Path("/proc/sys/kernel/pid_max").read_text(encoding="utf-8")
    assert nodes.run(head, "cat /proc/sys/kernel/pid_max > /proc/sys/kernel/pid_max").status == "Failed"
    assert nodes.run(head, "touch /usr/bin/x || touch /sys/x").status == "Failed"
    assert Path("/proc/sys/kernel/pid_max").read_text(encoding="utf-8") == before


def test_killing_the_daemon_kills_its_boxes(tmp_path: Path) -> None:
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path.cwd())
    with daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"up\n"
        box = next(records(tmp_path)).box
        inside = Path(f"/proc/{box.pid}/ns/pid").readlink()
        assert len(_members(str(inside))) > 5
        os.kill(daemon.pid, signal.SIGKILL)
    eventually(lambda: not _members(str(inside)))
    assert not box.alive
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    assert str(tmp_path) not in mounts


def _members(namespace: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str((entry / "ns/pid").readlink()) == namespace:
                found.append(int(entry.name))
        except OSError:
            continue
    return found
