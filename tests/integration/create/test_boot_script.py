"""The boot script, run by a real bash in a box with its own /fsx."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from daylily_ec.config.resources import resource

SCRIPT = resource("config/day_cluster/post_install_ubuntu_combined.sh")
BOOT = "runtime_assets/cluster_boot_config/0.1.0-abcdefabcdef"
URI = f"s3://omics-reference/{BOOT}"


@dataclass(frozen=True)
class Ended:
    code: int
    output: str


def run(fsx: Path | None, *arguments: str, wait: int = 0) -> Ended:
    mount = ["--bind", str(fsx), "/fsx"] if fsx else []
    box = [
        "bwrap", "--unshare-all", "--die-with-parent", "--tmpfs", "/", "--ro-bind", "/usr", "/usr",
        "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
        "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--dir", "/var/log", "--dir", "/etc", *mount,
        "--ro-bind", str(SCRIPT), "/boot.sh", "--setenv", "DAYLILY_BOOT_WAIT_SECONDS", str(wait),
        "--setenv", "DAYLILY_BOOT_POLL_SECONDS", "1",
    ]  # fmt: skip
    done = subprocess.run(
        [*box, "bash", "/boot.sh", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    return Ended(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def fsx(tmp_path: Path) -> Path:
    published = tmp_path / "references" / BOOT / SCRIPT.name
    published.parent.mkdir(parents=True)
    published.write_bytes(SCRIPT.read_bytes())
    return tmp_path


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
