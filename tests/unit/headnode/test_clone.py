"""day-clone with real git on local repositories, and a git that fails."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daylily_ec.catalog.loader import parse_catalog
from daylily_ec.errors import InvalidValue, NotFound, Refused
from daylily_ec.headnode.clone import CloneFailed, CloneRequest, GitAnswer, Site, SiteFilesError, clone
from daylily_ec.headnode.site_files import CATALOG, SETTINGS
from tests.conftest import FakeClock

TEXT = """\
command_catalog_version: 2
default_repository: demo
repositories:
  demo: {{https_url: 'file://{origin}', default_ref: '1.0', relative_path: work}}
"""


def git(*words: str, cwd: Path) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *who, *words], cwd=cwd, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("origin")
    git("init", "-q", "-b", "main", cwd=path)
    for number in ("1.0", "1.1"):
        (path / "file").write_text(number)
        git("add", "file", cwd=path)
        git("commit", "-q", "-m", number, cwd=path)
        git("tag", number, cwd=path)
    git("branch", "feature/x", "1.0", cwd=path)
    return path


@pytest.fixture
def site(origin: Path, tmp_path: Path) -> Site:
    return Site(parse_catalog(TEXT.format(origin=origin), "test"), str(tmp_path))


@dataclass
class Git:
    """Fails `failures` times, then like git."""

    stderr: str
    failures: int = 99
    calls: list[str] = field(default_factory=list)

    def __call__(self, arguments: Sequence[str]) -> GitAnswer:
        self.calls.append(arguments[0])
        if arguments[0] == "clone":
            Path(arguments[-1]).mkdir(parents=True)
            (Path(arguments[-1]) / "half").touch()
            if len(self.calls) <= self.failures:
                return GitAnswer(128, "", self.stderr)
        return GitAnswer(0, "c" * 40 + "\n", "")


def left(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_the_pin_is_the_default(site: Site, tmp_path: Path, clock: FakeClock, origin: Path) -> None:
    made = clone(site, CloneRequest("a1", "ann"), clock)
    assert made.path == tmp_path / "ann/a1/work"
    assert (made.path / "file").read_text() == "1.0"
    assert made.commit == git("rev-parse", "1.0", cwd=origin)
    assert [path.name for path in (tmp_path / "ann").iterdir()] == ["a1"]


@pytest.mark.parametrize(("ref", "branch"), [("1.1", ""), ("main", "main"), ("feature/x", "feature/x"), ("COMMIT", "")])
def test_a_tag_a_branch_or_a_commit(site: Site, clock: FakeClock, origin: Path, ref: str, branch: str) -> None:
    wanted = git("rev-parse", "1.0" if ref in ("COMMIT", "feature/x") else "1.1", cwd=origin)
    made = clone(site, CloneRequest("a1", "ann", wanted if ref == "COMMIT" else ref), clock)
    assert git("rev-parse", "HEAD", cwd=made.path) == made.commit == wanted
    assert git("branch", "--show-current", cwd=made.path) == branch


@pytest.mark.parametrize("entity_there", [False, True])
def test_a_failed_clone_leaves_nothing_and_can_be_repeated(
    site: Site, tmp_path: Path, clock: FakeClock, entity_there: bool
) -> None:
    if entity_there:
        (tmp_path / "ann/other").mkdir(parents=True)
    before = left(tmp_path)
    with pytest.raises(CloneFailed, match="has no tag, branch or commit nope") as caught:
        clone(site, CloneRequest("a1", "ann", "nope"), clock)
    assert caught.value.code == "unknown_git_ref"
    assert left(tmp_path) == before
    clone(site, CloneRequest("a1", "ann"), clock)


def test_transient_failures_are_tried_again_with_growing_pauses(site: Site, clock: FakeClock, tmp_path: Path) -> None:
    flaky = Git("early EOF", failures=2)
    assert clone(site, CloneRequest("a1", "ann"), clock, flaky).commit == "c" * 40
    assert flaky.calls.count("clone") == 3
    assert clock.time == 9.0
    with pytest.raises(CloneFailed, match="in 3 tries: early EOF"):
        clone(site, CloneRequest("a2", "ann"), clock, Git("early EOF"))
    assert [path.name for path in (tmp_path / "ann").iterdir()] == ["a1"]


def test_a_repository_that_is_not_there_is_not_tried_again(site: Site, clock: FakeClock) -> None:
    absent = Git("fatal: repository 'x' not found")
    with pytest.raises(CloneFailed, match="in 1 tries"):
        clone(site, CloneRequest("a1", "ann"), clock, absent)
    assert absent.calls == ["clone"]


def test_an_existing_destination_is_never_touched(site: Site, tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "ann/a1").mkdir(parents=True)
    (tmp_path / "ann/link").symlink_to("nowhere")
    before = left(tmp_path)
    for name in ("a1", "link"):
        with pytest.raises(Refused, match="already exists"):
            clone(site, CloneRequest(name, "ann"), clock)
    assert left(tmp_path) == before


def test_whoever_comes_first_keeps_the_place(site: Site, tmp_path: Path, clock: FakeClock) -> None:
    class Slow(Git):
        def __call__(self, arguments: Sequence[str]) -> GitAnswer:
            (tmp_path / "ann/a1/theirs").mkdir(parents=True, exist_ok=True)
            return super().__call__(arguments)

    with pytest.raises(Refused, match="already exists"):
        clone(site, CloneRequest("a1", "ann"), clock, Slow("", failures=0))
    assert left(tmp_path) == ["ann", "ann/a1", "ann/a1/theirs"]


@pytest.mark.parametrize(
    "request_", [CloneRequest("..", "ann"), CloneRequest("a/b", "ann"), CloneRequest("a1", "../x"),
                 CloneRequest("a1", "ann", "--upload-pack=x")],
)  # fmt: skip
def test_names_cannot_leave_the_root(site: Site, tmp_path: Path, clock: FakeClock, request_: CloneRequest) -> None:
    with pytest.raises(InvalidValue):
        clone(site, request_, clock)
    assert left(tmp_path) == []


def test_a_missing_root_key_or_address_is_named(site: Site, tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(NotFound, match="clone root"):
        clone(site, CloneRequest("a1", "ann", root=str(tmp_path / "none")), clock)
    with pytest.raises(NotFound, match="no repository 'other'"):
        clone(site, CloneRequest("a1", "ann", repository="other"), clock)
    with pytest.raises(Exception, match="no ssh address for demo"):
        clone(site, CloneRequest("a1", "ann", over_ssh=True), clock)
    with pytest.raises(Exception, match="no address that git clones from"):
        clone(site, CloneRequest("a1", "ann", url="--upload-pack=x"), clock)


def test_an_address_replaces_the_catalog_s(site: Site, clock: FakeClock, origin: Path) -> None:
    made = clone(site, CloneRequest("a1", "ann", "1.1", url=f"file://{origin}/.git"), clock)
    assert (made.url, made.path.name) == (f"file://{origin}/.git", "work")


def test_missing_or_broken_site_files_are_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(SiteFilesError, match=SETTINGS) as caught:
        Site.load(tmp_path)
    assert caught.value.exit_code == 2
    (tmp_path / SETTINGS).write_text("daylily:\n  analysis_root: /fsx/analysis_results/\n")
    (tmp_path / CATALOG).write_text("command_catalog_version: 2\ndefault_repository: x\nrepositories: {}\n")
    with pytest.raises(SiteFilesError, match="line 3"):
        Site.load(tmp_path)
