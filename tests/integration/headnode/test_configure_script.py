"""The configuration script on a scratch node, with a bundle that needs no network: real venv, real pip, fake S3."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
import zipfile
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

import pytest

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import DeadlinePassed, RemoteCommandFailed
from daylily_ec.headnode.bootstrap import INSTALL_S, NodeFacts, StepReport, install
from daylily_ec.headnode.bundle import SUMS, Bundle, NodeTarget, Pins, make_bundle
from daylily_ec.headnode.identity import NodeInstall
from daylily_ec.headnode.site_files import CATALOG, SiteFiles
from tests.integration.headnode.node import Node

AWS = """#!/bin/bash
# aws s3 cp --only-show-errors --recursive SOURCE TARGET
[ "$1 $2" = "s3 cp" ] && cp -r "{store}/${{5#s3://}}." "$6"
"""
CURL = "#!/bin/sh\necho 'curl: (7) Failed to connect' >&2\nexit 7\n"
FACTS = NodeFacts(NodeTarget((3, 11), "x86_64", (2, 36)), sys.executable, "", S3Prefix("ref", "boot/"))


def pip_wheel(folder: Path) -> Path:
    """The pip that runs these tests, as a wheel."""
    found = metadata.distribution("pip")
    path = folder / f"pip-{found.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                archive.write(str(file.locate()), str(file))
    return path


@dataclass
class Desk:
    """A node, the published bundle, and an operator who configures."""

    node: Node
    store: Path
    bundle: Bundle
    conda: bool = True
    settings: dict[str, str] = field(default_factory=dict)

    def publish(self) -> Path:
        place = self.store / "ref/boot" / self.bundle.release
        place.mkdir(parents=True, exist_ok=True)
        for name, body in self.bundle.files.items():
            (place / name).write_bytes(body if isinstance(body, bytes) else body.read_bytes())
        (place / SUMS).write_text(self.bundle.sums)
        return place

    def configure(self, deadline: float = INSTALL_S) -> dict[str, StepReport]:
        prefix = f"s3://ref/boot/{self.bundle.release}/"
        wanted = NodeInstall(self.bundle.release, self.bundle.digest, prefix, sys.executable, "2026-02-11T14:37:22Z")
        settings = SiteFiles(wanted, overrides=self.settings or None)
        steps = install(self.node.remote, FACTS, settings, conda=self.conda, deadline=deadline)
        return {step.name: step for step in steps}

    def home(self, name: str) -> Path:
        return self.node.home / name


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    # Its dependencies are those of this environment: what is proved here is the script.
    return make_bundle([pip_wheel(tmp_path_factory.mktemp("pip"))], Pins({}))


@pytest.fixture
def desk(node: Node, tmp_path: Path, bundle: Bundle) -> Desk:
    store = tmp_path / "s3"
    node.program("aws", AWS.format(store=store))
    node.program("curl", CURL)
    node.env["PYTHONPATH"] = ":".join(path for path in sys.path if path.endswith("site-packages"))
    made = Desk(node, store, bundle)
    made.publish()
    return made


def test_everything_is_installed_and_a_second_time_changes_nothing(desk: Desk) -> None:
    profile = desk.home(".bash_profile").read_text()
    desk.home(".bashrc").write_text("# mine\nalias ll='ls -l'\n")
    first = desk.configure()
    assert {name: step.status for name, step in first.items()} == {
        "fetch": "done", "install": "done", "activate": "done", "settings": "done", "login-hook": "done",
        "conda": "unreachable", "verify": "done",
    }  # fmt: skip
    assert "curl: (7) Failed to connect" in first["conda"].found
    assert desk.home("DAY-EC").resolve().parent.name == desk.bundle.release
    said = desk.node.shell("bash -lc 'type -P dyec day-clone; dyec --json runtime identity; day-clone --list'")
    assert f"{desk.home('.local/bin/dyec')}\n{desk.home('.local/bin/day-clone')}\n" in said
    assert f'"release": "{desk.bundle.release}"' in said
    assert '"current": true' in said
    assert '"bootstrapped": true' in said
    assert "daylily-omics-analysis" in said
    assert desk.home(".bash_profile").read_text().startswith(profile)
    assert (
        desk.home(".bashrc").read_text().startswith("# mine\nalias ll='ls -l'\n# >>> daylily headnode bootstrap >>>\n")
    )
    before = {path: path.read_bytes() for path in (desk.home(".bashrc"), desk.home(".bash_profile"))}
    again = desk.configure()
    assert {name for name, step in again.items() if step.status != "unchanged"} == {"conda", "verify"}
    assert {path: path.read_bytes() for path in before} == before


def test_a_login_profile_that_bash_read_before_is_still_read(desk: Desk) -> None:
    desk.home(".profile").write_text(desk.home(".bash_profile").read_text() + "export FROM_PROFILE=yes\n")
    desk.home(".bash_profile").unlink()
    desk.configure()
    assert desk.node.shell("bash -lc 'echo $FROM_PROFILE $DAYLILY_EC_HEADNODE_BOOTSTRAPPED'") == "yes 1\n"


def test_a_damaged_installation_is_repaired_and_a_new_release_replaces_the_link(desk: Desk) -> None:
    desk.configure()
    (desk.home("DAY-EC").resolve() / "bin/dyec").unlink()
    assert desk.configure()["install"].status == "done"
    old = desk.home("DAY-EC").resolve()
    desk.bundle = Bundle({**desk.bundle.files, "note": b"another release"})
    desk.publish()
    desk.configure()
    assert desk.home("DAY-EC").resolve() != old
    assert old.is_dir()  # a workflow that runs may use it


@pytest.mark.parametrize("damage", ["sums", "wheel", "nothing"])
def test_what_is_not_what_was_published_is_never_installed(desk: Desk, damage: str) -> None:
    place = desk.publish()
    if damage == "sums":
        (place / SUMS).write_text(desk.bundle.sums + "\n")
    elif damage == "wheel":
        wheel = next(place.glob("daylily_ec-*.whl"))
        wheel.write_bytes(wheel.read_bytes() + b"x")
    else:
        for path in place.iterdir():
            path.unlink()
        place.rmdir()
    with pytest.raises(RemoteCommandFailed, match="Step fetch failed") as caught:
        desk.configure()
    assert caught.value.details["step"] == "fetch"
    assert not desk.home("DAY-EC").exists()


def test_the_failing_step_is_named_and_the_next_run_goes_on(desk: Desk) -> None:
    desk.settings = {"no-such": "main"}
    with pytest.raises(RemoteCommandFailed, match=r"Step settings failed .*has no repository 'no-such'"):
        desk.configure()
    desk.settings = {"daylily-omics-analysis": "main"}
    steps = desk.configure()
    assert (steps["install"].status, steps["settings"].status) == ("unchanged", "done")
    assert "default_ref: main" in desk.home(f".config/daylily/{CATALOG}").read_text()


def test_somebody_s_own_directory_is_not_replaced(desk: Desk) -> None:
    desk.home("DAY-EC").mkdir()
    (desk.home("DAY-EC") / "mine").touch()
    with pytest.raises(RemoteCommandFailed, match=r"Step activate failed .*DAY-EC exists and is not ours"):
        desk.configure()
    assert (desk.home("DAY-EC") / "mine").exists()


def test_conda_can_be_left_out_and_is_found_when_it_is_there(desk: Desk) -> None:
    quick = replace(desk, conda=False)
    assert quick.configure()["conda"].status == "skipped"
    desk.home("miniconda3/etc/profile.d").mkdir(parents=True)
    desk.home("miniconda3/etc/profile.d/conda.sh").touch()
    assert desk.configure()["conda"].status == "unchanged"


def test_a_foreign_conda_installer_is_not_run(desk: Desk) -> None:
    desk.node.program("curl", '#!/bin/bash\nwhile [ "$1" != -o ]; do shift; done\necho "touch $HOME/ran" > "$2"\n')
    step = desk.configure()["conda"]
    assert (step.status, "does not have its SHA-256" in step.found) == ("failed", True)
    assert not desk.home("ran").exists()


@pytest.mark.parametrize("share", [0.15, 0.5, 0.85])
def test_killed_at_any_moment_the_next_run_completes_it(desk: Desk, share: float) -> None:
    began = time.monotonic()
    desk.configure()
    whole = time.monotonic() - began
    shutil.rmtree(desk.home(".local"))
    desk.home("DAY-EC").unlink()
    with contextlib.suppress(DeadlinePassed):  # the transport kills what does not end in time
        desk.configure(whole * share)
    desk.configure()
    assert desk.node.shell("bash -lc 'type -P dyec'") == f"{desk.home('.local/bin/dyec')}\n"
    assert desk.home(".bashrc").read_text().count(">>> daylily headnode bootstrap >>>") == 1
