"""A private Slurm in a throw-away box: its own user, processes and `/etc/slurm`; nothing outlives it.

The network is the machine's: in a namespace with loopback alone, Slurm's address look-ups (AI_ADDRCONFIG) fail.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

HOST = "ip-10-0-0-10"
USER = "ubuntu"
ETC = ("alternatives", "ld.so.cache", "nsswitch.conf", "protocols", "services", "localtime")
SLURM_CONF = """\
ClusterName=demo
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=/slurm/munge.sock
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmctldPidFile=/slurm/slurmctld.pid
SlurmdPidFile=/slurm/slurmd-%n.pid
SlurmctldLogFile=/slurm/slurmctld.log
SlurmdLogFile=/slurm/slurmd-%n.log
StateSaveLocation=/slurm/state
SlurmdSpoolDir=/slurm/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=i8-dy-c8-1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=8 RealMemory=16000
NodeName=i8-dy-c8-2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=8 RealMemory=16000
PartitionName=i8 Nodes=i8-dy-c8-[1-2] Default=YES MaxTime=INFINITE State=UP
"""
START = """\
set -eu
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
munged --force --key-file=/slurm/munge.key --socket=/slurm/munge.sock --pid-file=/slurm/munged.pid \
    --log-file=/slurm/munged.log --seed-file=/slurm/munged.seed
slurmctld -i
for node in i8-dy-c8-1 i8-dy-c8-2; do mkdir -p "/slurm/spool-$node"; slurmd -N "$node"; done
cd /home/ubuntu
exec bash -l /slurm/payload.sh
"""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


@dataclass(frozen=True)
class SlurmBox:
    """A box that sees `fsx` as /fsx, `home` as the user's home, `shared` read-only at their own paths, and `links`."""

    root: Path
    fsx: Path
    shared: tuple[Path, ...]
    links: tuple[tuple[Path, str], ...]

    def _write(self) -> None:
        slurm = self.root / "slurm"
        for directory in (slurm / "state", self.root / "etc", self.root / "home"):
            directory.mkdir(parents=True, exist_ok=True)
        (slurm / "slurm.conf").write_text(SLURM_CONF.format(host=HOST, user=USER, ports=free_ports(3)))
        (slurm / "cgroup.conf").write_text("CgroupAutomount=no\n")
        (slurm / "munge.key").write_bytes(secrets.token_bytes(128))
        (slurm / "munge.key").chmod(0o400)
        (slurm / "start.sh").write_text(START)
        etc = self.root / "etc"
        (etc / "passwd").write_text(f"root:x:0:0::/root:/bin/bash\n{USER}:x:1000:1000::/home/ubuntu:/bin/bash\n")
        (etc / "group").write_text(f"root:x:0:\n{USER}:x:1000:\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost {HOST}\n")

    def _argv(self) -> list[str]:
        argv = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
        argv += ["--uid", "1000", "--gid", "1000", "--hostname", HOST]
        argv += ["--ro-bind", "/usr", "/usr", "--ro-bind", "/sys", "/sys", "--proc", "/proc", "--dev", "/dev"]
        for name in ("bin", "sbin", "lib", "lib64"):
            argv += ["--symlink", f"usr/{name}", f"/{name}"]
        for name in ETC:
            argv += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        for name in ("passwd", "group", "hosts"):
            argv += ["--ro-bind", str(self.root / "etc" / name), f"/etc/{name}"]
        argv += ["--tmpfs", "/tmp", "--tmpfs", "/run", "--bind", str(self.root / "slurm"), "/slurm"]
        argv += ["--ro-bind", str(self.root / "slurm"), "/etc/slurm", "--bind", str(self.fsx), "/fsx"]
        argv += ["--bind", str(self.root / "home"), "/home/ubuntu"]
        for path in self.shared:
            argv += ["--ro-bind", str(path), str(path)]
        for target, link in self.links:
            argv += ["--symlink", str(target), link]
        argv += ["--clearenv", "--setenv", "HOME", "/home/ubuntu", "--setenv", "USER", USER, "--chdir", "/home/ubuntu"]
        return [*argv, "bash", "/slurm/start.sh"]

    def run(self, script: str, timeout: float) -> subprocess.CompletedProcess[str]:
        """Start Slurm, run `script` in a login shell, stop everything; output is captured."""
        self._write()
        (self.root / "slurm" / "payload.sh").write_text(script)
        return subprocess.run(
            self._argv(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
