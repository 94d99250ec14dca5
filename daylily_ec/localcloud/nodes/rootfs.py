"""The files of a box: a small root of its own over the machine's read-only /usr."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath

from daylily_ec.localcloud.nodes.needs import find
from daylily_ec.localcloud.nodes.sandbox import UBUNTU_ID, Bind
from daylily_ec.localcloud.seams import NodeMount, NodeSpec

PATH = "/opt/localcloud/shims:/opt/slurm/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ACCESS_KEY = "AKIADYECINSTANCEROLE"
"""Access key of the instance role: a real node asks the metadata service, a box finds it in its environment."""
DIRECTORIES = (
    *("etc/profile.d", "etc/parallelcluster", "root", "home/ubuntu", "tmp", "run", "run/lock", "opt/localcloud/bin"),
    *("opt/localcloud/shims", "opt/parallelcluster/shared", "opt/slurm/bin", "opt/slurm/sbin", "opt/slurm/etc"),
    *("var/tmp", "var/log/parallelcluster", "var/log/slurm", "var/spool/slurm", "var/lib/amazon/ssm", "var/cache"),
    *("var/mail", "run/slurm", "srv", "mnt", "media", "usr", "sys", "proc", "dev"),
)
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib32": "usr/lib32", "lib64": "usr/lib64"}
VAR_LINKS = {"var/run": "/run", "var/lock": "/run/lock", "etc/slurm": "/opt/slurm/etc", "etc/mtab": "/proc/self/mounts"}
HOST_FILES = (
    *("etc/ld.so.cache", "etc/ld.so.conf", "etc/localtime", "etc/timezone", "etc/os-release", "etc/debian_version"),
    *("etc/host.conf", "etc/resolv.conf", "etc/protocols", "etc/services", "etc/bash.bashrc", "etc/inputrc"),
    *("etc/login.defs", "etc/mime.types", "etc/magic", "etc/pip.conf", "etc/gitconfig", "etc/shells"),
    *("etc/ca-certificates.conf", "etc/locale.alias"),
)
HOST_DIRECTORIES = (
    "etc/ssl",
    "etc/ca-certificates",
    "etc/alternatives",
    "etc/ld.so.conf.d",
    "etc/terminfo",
    "etc/fonts",
)
LOGGED_ONLY = (
    *(
        "apt",
        "apt-get",
        "dpkg-reconfigure",
        "snap",
        "systemctl",
        "service",
        "update-rc.d",
        "sysctl",
        "modprobe",
        "umount",
    ),
    *("swapon", "swapoff", "adduser", "useradd", "usermod", "addgroup", "groupadd", "groupmod", "passwd", "chpasswd"),
    *("iptables", "ufw", "hostnamectl", "timedatectl", "loginctl", "ldconfig", "reboot", "shutdown", "exportfs"),
)
SHIMS: Mapping[str, str] = {
    **dict.fromkeys(LOGGED_ONLY, "noop"),
    **{"sudo": "sudo", "su": "su", "runuser": "su", "mount": "mount"},
    **dict.fromkeys(("chown", "chgrp", "install"), "ownership"),
}
ABSOLUTE = frozenset(name for name, shim in SHIMS.items() if shim in ("noop", "sudo", "su"))
"""Shims that also stand at the real program's own path; the others call the program there."""
SLURM_CLIENTS = (
    *("sacct", "sacctmgr", "salloc", "sattach", "sbatch", "sbcast", "scancel", "scontrol", "sdiag", "sinfo", "sprio"),
    *("squeue", "sreport", "srun", "sshare", "sstat", "strigger"),
)
PASSED_ON = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""Variables of this machine without which a node could not reach a package index."""
PYENV = PurePosixPath("/opt/parallelcluster/pyenv/versions")
OUT_OF_REACH = ("repo.anaconda.com",)
"""Hosts that a node would ask on AWS and must not ask from this machine: they refuse the connection at once."""
BASH_PROFILE = '[ -n "$BASH_VERSION" ] && [ -f "$HOME/.bashrc" ] && . "$HOME/.bashrc"\n'
BASHRC = "case $- in *i*) ;; *) return ;; esac\nPS1='\\u@\\h:\\w\\$ '\n"
PROFILE = """\
export PATH="$(sed -n 's/^PATH=//p' /opt/localcloud/instance.env)"
if [ -n "$BASH_VERSION" ] && [ -n "$PS1" ] && [ -f /etc/bash.bashrc ]; then . /etc/bash.bashrc; fi
for part in /etc/profile.d/*.sh; do if [ -r "$part" ]; then . "$part"; fi; done
unset part
"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a box gets from this machine besides /usr."""

    endpoint: str
    mounts: tuple[NodeMount, ...]
    file_systems: Mapping[str, Path]
    """Mount directory in the box -> directory of this machine."""


def instance_environment(region: str, endpoint: str, host: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that every process of the node starts with."""
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": "unchecked",
        "AWS_EC2_METADATA_DISABLED": "true",
        **{name: host[name] for name in PASSED_ON if name in host},
    }


def host_name(private_ip: str) -> str:
    """The name that EC2 gives an instance in a VPC."""
    return "ip-" + private_ip.replace(".", "-")


def build(rootfs: Path, spec: NodeSpec, around: Surroundings) -> tuple[Bind, ...]:
    """Write the files of a new box and return what has to be bound over them."""
    for name in DIRECTORIES:
        (rootfs / name).mkdir(parents=True, exist_ok=True)
    for name, target in {**_usr_links(), **VAR_LINKS}.items():
        (rootfs / name).symlink_to(target)
    for name in ("tmp", "var/tmp"):
        (rootfs / name).chmod(0o1777)
    _copy_host_files(rootfs)
    _write_accounts(rootfs, spec)
    _write_cluster_facts(rootfs, spec)
    _write_profile(rootfs, spec, around)
    _install_tools(rootfs)
    return (*_host_binds(), *_shim_binds(rootfs), *_mounts(rootfs, around))


def _usr_links() -> dict[str, str]:
    return {name: target for name, target in LINKS.items() if Path("/", target).is_dir()}


def _copy_host_files(rootfs: Path) -> None:
    for name in HOST_FILES:
        source = Path("/", name)
        if source.is_file():
            shutil.copyfile(source, rootfs / name)


def _host_binds() -> list[Bind]:
    return [Bind(Path("/", name), f"/{name}") for name in HOST_DIRECTORIES if Path("/", name).is_dir()]


def _write_accounts(rootfs: Path, spec: NodeSpec) -> None:
    etc = rootfs / "etc"
    ubuntu = f"ubuntu:x:{UBUNTU_ID}:{UBUNTU_ID}:Ubuntu:/home/ubuntu:/bin/bash\n"
    nobody = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    (etc / "passwd").write_text(f"root:x:0:0:root:/root:/bin/bash\n{ubuntu}{nobody}", encoding="utf-8")
    (etc / "group").write_text(f"root:x:0:\ntty:x:5:\nubuntu:x:{UBUNTU_ID}:\nnogroup:x:65534:\n", encoding="utf-8")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n", encoding="utf-8")
    name = host_name(spec.private_ip)
    (etc / "hostname").write_text(f"{name}\n", encoding="utf-8")
    # The node's own name leads to the loopback interface because Slurm's daemons bind to what it resolves to.
    domain = "ec2.internal" if spec.region == "us-east-1" else f"{spec.region}.compute.internal"
    names = f"127.0.0.1 localhost\n127.0.0.1 {name}.{domain} {name}\n::1 localhost ip6-localhost\n"
    names += "".join(f"127.0.0.1 {host}\n" for host in OUT_OF_REACH)
    (etc / "hosts").write_text(names, encoding="utf-8")


def _write_cluster_facts(rootfs: Path, spec: NodeSpec) -> None:
    facts = {
        "stack_name": spec.cluster,
        "cfn_region": spec.region,
        "cfn_node_type": "HeadNode",
        "cfn_cluster_user": "ubuntu",
        "cfn_scheduler": "slurm",
        "cluster_name": spec.cluster,
        "head_node_private_ip": spec.private_ip,
        "ec2_instance_id": spec.instance_id,
    }
    lines = "".join(f"{name}={value}\n" for name, value in facts.items())
    (rootfs / "etc/parallelcluster/cfnconfig").write_text(lines, encoding="utf-8")
    (rootfs / "opt/parallelcluster/shared/cluster-config.yaml").write_text(spec.cluster_config, encoding="utf-8")


def _write_profile(rootfs: Path, spec: NodeSpec, around: Surroundings) -> None:
    variables = instance_environment(spec.region, around.endpoint)
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    (rootfs / "opt/localcloud/instance.env").write_text(lines, encoding="utf-8")
    exports = "set -a\n. /opt/localcloud/instance.env\nset +a\n"
    (rootfs / "etc/profile.d/00-instance.sh").write_text(exports, encoding="utf-8")
    (rootfs / "etc/profile").write_text(PROFILE, encoding="utf-8")
    for home in (rootfs / "home/ubuntu", rootfs / "root"):
        (home / ".profile").write_text(BASH_PROFILE, encoding="utf-8")
        (home / ".bashrc").write_text(BASHRC, encoding="utf-8")
    (rootfs / "root").chmod(0o700)


def _install_tools(rootfs: Path) -> None:
    tools = files("daylily_ec.localcloud.nodes").joinpath("files")
    with as_file(tools) as directory:
        for name in ("localcloud-init", "as-user"):
            _install(directory / name, rootfs / "opt/localcloud/bin" / name)
        for name, shim in SHIMS.items():
            _install(directory / "shims" / shim, rootfs / "opt/localcloud/shims" / name)
        for name in ("resume", "suspend"):
            _install(directory / "slurm" / name, rootfs / "opt/slurm/etc" / name)
    for client in SLURM_CLIENTS:
        if (found := find(client)) is not None:
            (rootfs / "opt/slurm/bin" / client).symlink_to(found)


def _install(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    # A wheel does not keep the executable bit.
    target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _shim_binds(rootfs: Path) -> list[Bind]:
    directories = (Path("/usr/bin"), Path("/usr/sbin"))
    return [
        Bind(rootfs / "opt/localcloud/shims" / name, str(directory / name))
        for name in sorted(ABSOLUTE)
        for directory in directories
        if (directory / name).is_file() and not (directory / name).is_symlink()
    ]


def _mounts(rootfs: Path, around: Surroundings) -> list[Bind]:
    shared = [Bind(path, target, writable=True) for target, path in around.file_systems.items()]
    interpreter = [NodeMount(Path(prefix)) for prefix in dict.fromkeys((sys.base_prefix, sys.prefix))]
    given = _outermost(mount.source for mount in (*interpreter, *around.mounts) if not _below_usr(mount.source))
    for mount in around.mounts:
        if mount.link is not None:
            _link(rootfs, mount.link, mount.source)
    # ParallelCluster's images keep the Python of their own programs here; the system's may be any version.
    _link(rootfs, PYENV / platform.python_version(), Path(sys.base_prefix))
    local = rootfs.parent / "usr-local"
    aws = Path(sys.prefix, "bin", "aws")
    for name in ("bin", "sbin", "lib", "share", "etc", "src", "include"):
        (local / name).mkdir(parents=True, exist_ok=True)
    if aws.exists():
        (local / "bin/aws").symlink_to(aws)
    own_local = not any(Path(prefix).is_relative_to("/usr/local") for prefix in (sys.base_prefix, sys.prefix))
    locals_ = [Bind(local, "/usr/local", writable=True)] if own_local else []
    return [*locals_, *shared, *(Bind(source, str(source)) for source in given)]


def _below_usr(path: Path) -> bool:
    return path.is_relative_to("/usr")


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Without those that lie in another one: parents have to be bound before their children, or not at all."""
    distinct = sorted(set(paths))
    return [path for path in distinct if not any(path.is_relative_to(other) and path != other for other in distinct)]


def _link(rootfs: Path, link: PurePosixPath, target: Path) -> None:
    place = rootfs / link.relative_to("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
