"""The boot script, run by a real bash in a box with its own /fsx."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from daylily_ec.config.resources import resource
from daylily_ec.workflow.create_steps import BOOT_FILES

SCRIPT = resource("config/day_cluster/post_install_ubuntu_combined.sh")
CONFIG = """\
Region: us-west-2
Tags:
- Key: aws-parallelcluster-jobid
  Value: "aws_profile-ann"
- Key: aws-parallelcluster-project
  Value: da-us-west-2d-majors
- Key: aws-parallelcluster-enforce-budget
  Value: 'enforce'
- Key: dyec:owner
  Value: "arn:aws:iam::123456789012:user/$(id)"
"""
BOOT = "runtime_assets/cluster_boot_config/0.1.0-abcdefabcdef"
URI = f"s3://omics-reference/{BOOT}"
WHOLE = 'bash /boot.sh "$@"; code=$?; while pgrep -x tee > /dev/null; do sleep 0.02; done; exit "$code"'
"""A box ends with its first process; a node goes on, and the log's writer with it."""


@dataclass(frozen=True)
class Ended:
    code: int
    output: str


def run(fsx: Path | None, *arguments: str, wait: int = 0, node: Path | None = None, tee: Path | None = None) -> Ended:
    mount = ["--bind", str(fsx), "/fsx"] if fsx else []
    if node is not None:
        for name in ("opt", "etc/parallelcluster"):
            mount += ["--bind", str(node / name), f"/{name}"]
    if tee is not None:
        mount += ["--ro-bind", str(tee), "/usr/bin/tee"]
    box = [
        "bwrap", "--unshare-all", "--die-with-parent", "--tmpfs", "/", "--ro-bind", "/usr", "/usr",
        "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
        "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--dir", "/var/log", "--dir", "/etc",
        "--ro-bind", "/etc/alternatives", "/etc/alternatives", *mount,
        "--ro-bind", str(SCRIPT), "/boot.sh", "--setenv", "DAYLILY_BOOT_WAIT_SECONDS", str(wait),
        "--setenv", "DAYLILY_BOOT_POLL_SECONDS", "1",
        "--setenv", "DAYLILY_BOOT_OPTIONAL_SECONDS", "1", "--setenv", "AWS_EC2_METADATA_DISABLED", "true",
    ]  # fmt: skip
    done = subprocess.run(
        [*box, "bash", "-c", WHOLE, "boot", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    return Ended(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def fsx(tmp_path: Path) -> Path:
    published = tmp_path / "references" / BOOT / SCRIPT.name
    published.parent.mkdir(parents=True)
    sums = ""
    for name in BOOT_FILES:
        body = resource(f"config/day_cluster/{name}").read_bytes()
        (published.parent / name).write_bytes(body)
        sums += f"{hashlib.sha256(body).hexdigest()}  {name}\n"
    (published.parent / "SHA256SUMS").write_text(sums)
    return tmp_path


@pytest.fixture
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The writable parts of a head node with a Slurm of its own."""
    root = tmp_path_factory.mktemp("node")
    facts, shared = root / "etc/parallelcluster/cfnconfig", root / "opt/parallelcluster/shared/cluster-config.yaml"
    for path, text in ((facts, "cfn_node_type=HeadNode\n"), (shared, CONFIG)):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    slurm = root / "opt/slurm/bin"
    slurm.mkdir(parents=True)
    for name in ("sbatch", "srun"):
        (slurm / name).write_text(f'#!/bin/sh\necho real {name} "$@"\n')
        (slurm / name).chmod(0o755)
    return root


pytestmark = pytest.mark.e2e


def test_a_boot_makes_the_directories_with_their_modes_and_the_link(fsx: Path) -> None:
    ended = run(fsx, "us-west-2", URI)
    assert ended.code == 0, ended.output
    modes = {name: (fsx / name).stat().st_mode & 0o7777
             for name in ("scratch", "tmp", "resources/environments", "analysis_results")}  # fmt: skip
    assert modes == {"scratch": 0o1777, "tmp": 0o1777, "resources/environments": 0o1777, "analysis_results": 0o777}
    assert str((fsx / "data").readlink()) == "/fsx/references"
    assert list((fsx / "logs").glob("*_postinstall.log"))


def test_it_may_run_again(fsx: Path) -> None:
    assert run(fsx, "us-west-2", URI).code == 0
    (fsx / "analysis_results" / "kept").write_text("result")
    ended = run(fsx, "us-west-2", URI)
    assert ended.code == 0, ended.output
    assert (fsx / "analysis_results" / "kept").read_text() == "result"


def test_references_that_never_appear_end_the_boot_in_bounded_time(fsx: Path) -> None:
    (fsx / "references" / BOOT / SCRIPT.name).unlink()
    ended = run(fsx, "us-west-2", URI, wait=2)
    assert ended.code == 75
    last = ended.output.strip().splitlines()[-1]
    assert f"{SCRIPT.name} did not appear" in ended.output
    assert "step 'references' of post_install_ubuntu_combined.sh ended with exit code 75" in last
    assert "did not appear within 2 s" in ended.output


def test_a_file_system_that_was_not_mounted_is_named() -> None:
    ended = run(None, "us-west-2", URI)
    assert ended.code == 71
    assert "/fsx is not there" in ended.output


@pytest.mark.parametrize("arguments", [(), ("us-west-2",), ("us-west-2", "s3://b/elsewhere"), ("a", URI, "c")])
def test_wrong_arguments_are_refused(fsx: Path, arguments: tuple[str, ...]) -> None:
    ended = run(fsx, *arguments)
    assert ended.code == 64
    assert not (fsx / "scratch").exists()


def test_a_real_directory_in_the_link_s_place_is_left_alone(fsx: Path) -> None:
    (fsx / "data").mkdir()
    (fsx / "data" / "precious").write_text("x")
    ended = run(fsx, "us-west-2", URI)
    assert ended.code == 73
    assert (fsx / "data" / "precious").exists()


def test_every_step_is_named_and_optional_ones_only_warn(fsx: Path, node: Path) -> None:
    ended = run(fsx, "us-west-2", URI, node=node)
    assert ended.code == 0, ended.output
    for step in ("file-system", "directories", "references", "published-files", "data-link", "budget-facts",
                 "job-wrapper", "finish"):  # fmt: skip
        assert f"daylily-boot {step}: done (" in ended.output, step
    for step in ("apptainer", "workflow-tools"):
        assert f"daylily-boot {step}: WARN: optional step ended with exit code" in ended.output, step
    (log,) = (fsx / "logs").glob("*_HeadNode_*_postinstall.log")
    assert "daylily-boot job-wrapper: done" in log.read_text()


def test_the_kept_log_has_all_that_was_said_before_however_slow_its_writer(
    fsx: Path, node: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "tee"
    slow.write_text('#!/bin/sh\nsleep 2\nexec cat >> "$2"\n')
    slow.chmod(0o755)
    assert run(fsx, "us-west-2", URI, node=node, tee=slow).code == 0
    (log,) = (fsx / "logs").glob("*_HeadNode_*_postinstall.log")
    assert "daylily-boot job-wrapper: done (" in log.read_text().splitlines()[-1]


@pytest.mark.weakness("W-42")
def test_the_wrapper_takes_slurm_s_place_and_slurm_s_own_programs_stay_reachable(fsx: Path, node: Path) -> None:
    for _ in range(2):
        assert run(fsx, "us-west-2", URI, node=node).code == 0
        wrapper = node / "opt/slurm/bin/sbatch"
        assert wrapper.read_bytes() == resource("config/day_cluster/sbatch").read_bytes()
        assert wrapper.stat().st_mode & 0o777 == 0o755
        assert (node / "opt/slurm/bin/srun").readlink() == Path("sbatch")
        assert (node / "opt/slurm/sbin/sbatch").read_text().endswith('echo real sbatch "$@"\n')
        assert (node / "opt/slurm/sbin/srun").read_text().endswith('echo real srun "$@"\n')
    assert (node / "opt/slurm/bin/sleep_test.sh").exists()


def test_a_boot_killed_between_two_programs_is_completed_by_the_next(fsx: Path, node: Path) -> None:
    slurm = node / "opt/slurm"
    (slurm / "sbin").mkdir()
    (slurm / "bin/sbatch").rename(slurm / "sbin/sbatch")
    assert run(fsx, "us-west-2", URI, node=node).code == 0
    assert "real srun" in (slurm / "sbin/srun").read_text()
    assert "real sbatch" in (slurm / "sbin/sbatch").read_text()
    assert (slurm / "bin/srun").readlink() == Path("sbatch")


def test_the_budget_facts_come_from_the_cluster_s_tags(fsx: Path, node: Path) -> None:
    assert run(fsx, "us-west-2", URI, node=node).code == 0
    assert (node / "opt/slurm/etc/daylily-budget.env").read_text() == (
        "region=us-west-2\naccount=123456789012\nproject=da-us-west-2d-majors\nenforce=enforce\n"
    )


def test_a_published_file_that_was_changed_ends_the_boot(fsx: Path, node: Path) -> None:
    (fsx / "references" / BOOT / "sbatch").write_text("#!/bin/sh\nrm -rf /fsx\n")
    ended = run(fsx, "us-west-2", URI, node=node)
    assert ended.code == 76
    assert "sbatch: FAILED" in ended.output
    assert "real sbatch" in (node / "opt/slurm/bin/sbatch").read_text()


def test_it_waits_for_every_published_file(fsx: Path, node: Path) -> None:
    (fsx / "references" / BOOT / "sbatch").unlink()
    ended = run(fsx, "us-west-2", URI, wait=1, node=node)
    assert ended.code == 75
    assert "/sbatch did not appear" in ended.output


@pytest.mark.parametrize("kind", ["conda", "containers"])
def test_cached_environments_are_linked_once_for_this_host(fsx: Path, node: Path, kind: str) -> None:
    cached = fsx / "references/runtime_assets/cached_envs" / kind / "env-1"
    cached.mkdir(parents=True)
    for _ in range(2):
        ended = run(fsx, "us-west-2", URI, node=node)
        assert ended.code == 0, ended.output
    (place,) = (fsx / "resources/environments" / kind / "ubuntu").iterdir()
    links = [(link.name, str(link.readlink())) for link in place.iterdir()]
    assert links == [("env-1", f"/fsx/references/runtime_assets/cached_envs/{kind}/env-1")]


def test_a_compute_node_leaves_slurm_alone_and_boots_without_metadata_or_internet(fsx: Path, node: Path) -> None:
    (node / "etc/parallelcluster/cfnconfig").write_text('cfn_node_type="ComputeFleet"\n')
    ended = run(fsx, "us-west-2", URI, node=node)
    assert ended.code == 0, ended.output
    assert "real sbatch" in (node / "opt/slurm/bin/sbatch").read_text()
    assert not (node / "opt/slurm/etc/daylily-budget.env").exists()
    assert "daylily-boot spot-price: WARN" in ended.output
    assert "job-wrapper" not in ended.output
