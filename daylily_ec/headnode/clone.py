"""`day-clone`: puts one repository of the node's catalog where an analysis works, at a tag, branch or commit.

The clone is made beside its place and moved there whole, so whatever fails leaves nothing; transient failures of git
are tried again.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from daylily_ec.catalog.loader import load_catalog
from daylily_ec.catalog.models import Catalog, Repository
from daylily_ec.catalog.site import load_site_settings
from daylily_ec.domain.ids import AnalysisId, ExecutingEntity, GitRef
from daylily_ec.errors import NotFound, Refused, RemoteCommandFailed, ToolchainError, ValidationError
from daylily_ec.headnode.site_files import CATALOG, SETTINGS
from daylily_ec.util.clock import Clock

TRIES = 3
PAUSE_S = 3.0
GIT_S = 3600.0
_URL = re.compile(r"(https?|ssh|git|file)://[^\s-][^\s]*|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^\s-][^\s]*")
_ABSENT = ("not found", "does not exist", "could not read Username", "Permission denied", "Authentication failed")
"""What git says when trying again cannot help."""
Git = Callable[[Sequence[str]], "GitAnswer"]


class SiteFilesError(ValidationError):
    """The node's YAML files are missing or cannot be used; users of `day-clone` know it by exit code 2."""

    code = "site_files"
    exit_code = 2


class CloneFailed(ValidationError):
    """git could not clone or check out; nothing is left of it."""

    code = "clone_failed"


@dataclass(frozen=True, slots=True)
class GitAnswer:
    """How git ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Site:
    """The node's catalog and the directory of all analyses."""

    catalog: Catalog
    analysis_root: str

    @classmethod
    def load(cls, folder: Path) -> Site:
        """From the two files in `folder`; `SiteFilesError` names what is wrong with them."""
        try:
            for name in (SETTINGS, CATALOG):
                if not (folder / name).is_file():
                    raise NotFound(f"There is no {folder / name}.", hint="dyec headnode configure puts it there.")
            return cls(load_catalog(folder / CATALOG), load_site_settings(folder / SETTINGS).analysis_root)
        except ValidationError as error:
            raise SiteFilesError(error.message, hint=error.hint, details=error.details) from error

    def repository(self, key: str) -> tuple[str, Repository]:
        """The repository of a key (empty: the default one) and its key."""
        wanted = key or self.catalog.default_repository
        if wanted not in self.catalog.repositories:
            known = ", ".join(sorted(self.catalog.repositories))
            raise NotFound(f"The catalog has no repository {wanted!r}.", code="unknown_repository",
                           hint=f"Known: {known}.")  # fmt: skip
        return wanted, self.catalog.repositories[wanted]


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """What to clone where; empty texts take the catalog's and site's values, `url` replaces the catalog's."""

    destination: str
    entity: str
    git_ref: str = ""
    repository: str = ""
    url: str = ""
    over_ssh: bool = False
    root: str = ""


@dataclass(frozen=True, slots=True)
class Cloned:
    """Where the clone lies and what it holds."""

    path: Path
    repository: str
    url: str
    git_ref: str
    commit: str


def clone(site: Site, request: CloneRequest, clock: Clock, git: Git | None = None) -> Cloned:
    """Clone; the target is `<root>/<entity>/<destination>/<folder of the repository>` and must be new."""
    key, repository = site.repository(request.repository)
    ref = GitRef.parse(request.git_ref or repository.default_ref)
    url = _url(request, key, repository)
    root = Path(request.root or site.analysis_root)
    if not root.is_dir():
        raise NotFound(f"The clone root {root} does not exist.", hint="Give another with --clone-root.")
    entity = root / ExecutingEntity.parse(request.entity)
    place = entity / AnalysisId.parse(request.destination)
    if place.exists() or place.is_symlink():
        raise _exists(place)
    made_entity = not entity.exists()
    entity.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".partial.", dir=entity) as folder:
            partial = Path(folder, "analysis")
            commit = _fetch(git or _git, url, ref, partial / repository.relative_path, clock)
            _move(partial, place)
    except BaseException:
        if made_entity and not any(entity.iterdir()):
            entity.rmdir()
        raise
    return Cloned(place / repository.relative_path, key, url, ref, commit)


def _url(request: CloneRequest, key: str, repository: Repository) -> str:
    if request.url:
        if not _URL.fullmatch(request.url):
            raise ValidationError(f"{request.url!r} is no address that git clones from.", code="invalid_value")
        return request.url
    if request.over_ssh and not repository.ssh_url:
        raise ValidationError(f"The catalog has no ssh address for {key}.", hint="Use --which-one https.")
    return repository.ssh_url if request.over_ssh else repository.https_url


def _exists(place: Path) -> Refused:
    return Refused(f"{place} already exists.", code="destination_exists", hint="Choose another --destination.")


def _move(partial: Path, place: Path) -> None:
    """The whole analysis directory appears at once; somebody else's is never replaced."""
    try:
        partial.rename(place)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise _exists(place) from error
        raise


def _fetch(git: Git, url: str, ref: str, path: Path, clock: Clock) -> str:
    for number in range(1, TRIES + 1):
        shutil.rmtree(path, ignore_errors=True)
        done = git(("clone", "--quiet", "--no-checkout", "--", url, str(path)))
        if done.returncode == 0:
            return _check_out(git, url, ref, path)
        if number == TRIES or any(word in done.stderr for word in _ABSENT):
            break
        clock.sleep(PAUSE_S * number)
    raise CloneFailed(
        f"{url} could not be cloned in {number} tries: {_last(done.stderr)}",
        hint="Check that this node reaches it, then repeat.", details={"stderr": done.stderr},
    )  # fmt: skip


def _check_out(git: Git, url: str, ref: str, path: Path) -> str:
    """A branch is checked out as itself, following its remote; a tag or commit detached."""
    for name, checkout in (
        (f"refs/tags/{ref}", ("--detach", f"refs/tags/{ref}")),
        (f"refs/remotes/origin/{ref}", ("-B", ref, "--track", f"origin/{ref}")),
        (ref, ("--detach", ref)),
    ):
        found = git(("-C", str(path), "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"))
        if found.returncode != 0:
            continue
        done = git(("-C", str(path), "-c", "advice.detachedHead=false", "checkout", "--quiet", *checkout))
        if done.returncode != 0:
            raise CloneFailed(f"{ref} of {url} could not be checked out: {_last(done.stderr)}")
        return found.stdout.strip()
    raise CloneFailed(f"{url} has no tag, branch or commit {ref}.", code="unknown_git_ref",
                      hint="Give one that exists with --git-tag.")  # fmt: skip


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["git said nothing"])[-1]


def _git(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> GitAnswer:
    env = {**(os.environ if environ is None else environ), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    env.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    try:
        done = subprocess.run(["git", *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=GIT_S, check=False)  # fmt: skip
    except FileNotFoundError as error:
        raise ToolchainError("git is not on PATH.", hint="Install git.") from error
    except subprocess.TimeoutExpired as error:
        raise RemoteCommandFailed(f"git {arguments[0]} did not end within {GIT_S:.0f} s.") from error
    return GitAnswer(done.returncode, done.stdout, done.stderr)
