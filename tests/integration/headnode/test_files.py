"""Files to and from the head node: exact, whole or not at all, never over another one unasked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from daylily_ec.domain.outcomes import Outcome
from daylily_ec.errors import InvalidValue, NotFound, Refused, RemoteCommandFailed, ValidationError
from daylily_ec.headnode.files import INLINE_BYTES, NodePath, Transferred, download, upload
from daylily_ec.headnode.remote import Remote
from daylily_ec.headnode.ssm import SsmRemote
from daylily_ec.headnode.store import NodeStore
from tests.integration.headnode.node import FakeLending, Node

SIZES = [0, 1, 2_499, 24_001, INLINE_BYTES, INLINE_BYTES + 1, 3_000_000]


@pytest.fixture(params=["ssm", "local"])
def remote(request: pytest.FixtureRequest, node: Node, over_ssm: SsmRemote) -> Remote:
    return over_ssm if request.param == "ssm" else node.remote


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "sheet.tsv"
    path.write_bytes(b"SAMPLEID\nS1\n")
    return path


def send(remote: Remote, store: NodeStore | None, source: Path, target: str, *, force: bool = False) -> Transferred:
    return upload(remote, store, source, NodePath.parse(target), force=force)


@pytest.mark.parametrize("size", SIZES)
def test_any_file_goes_there_and_back_byte_for_byte(
    remote: Remote, store: NodeStore, node: Node, lending: FakeLending, tmp_path: Path, size: int
) -> None:
    source, back = tmp_path / "a b'$(x).bin", tmp_path / "back"
    source.write_bytes(random.Random(size).randbytes(size))
    source.chmod(0o640)
    sent = send(remote, store, source, "~/deep/er/file")
    there = node.home / "deep/er/file"
    assert (there.read_bytes(), there.stat().st_mode & 0o777) == (source.read_bytes(), 0o640)
    assert (sent.target, sent.size, sent.mode, sent.outcome) == (str(there), size, "640", Outcome.CREATED)
    fetched = download(remote, store, NodePath.parse(str(there)), back, force=False)
    assert (back.read_bytes(), back.stat().st_mode & 0o777) == (source.read_bytes(), 0o640)
    assert (fetched.sha256, fetched.size) == (sent.sha256, size)
    assert lending.left == []
    assert [path.name for path in there.parent.iterdir()] == ["file"]


def test_the_same_file_is_unchanged_and_another_is_replaced_only_when_told(
    remote: Remote, store: NodeStore, node: Node, source: Path
) -> None:
    assert send(remote, store, source, "~/t").outcome is Outcome.CREATED
    assert send(remote, store, source, "~/t").outcome is Outcome.UNCHANGED
    source.write_text("other\n")
    with pytest.raises(Refused) as info:
        send(remote, store, source, "~/t")
    assert info.value.code == "target_exists"
    assert (node.home / "t").read_text() == "SAMPLEID\nS1\n"
    assert send(remote, store, source, "~/t", force=True).outcome is Outcome.UPDATED
    assert (node.home / "t").read_text() == "other\n"


def test_a_local_file_is_replaced_only_when_told(remote: Remote, store: NodeStore, node: Node, tmp_path: Path) -> None:
    (node.home / "t").write_text("theirs\n")
    mine = tmp_path / "mine"
    mine.write_text("mine\n")
    with pytest.raises(Refused):
        download(remote, store, NodePath.parse("~/t"), mine, force=False)
    assert mine.read_text() == "mine\n"
    assert download(remote, store, NodePath.parse("~/t"), mine, force=True).outcome is Outcome.UPDATED
    assert mine.read_text() == "theirs\n"
    assert download(remote, store, NodePath.parse("~/t"), tmp_path, force=False).target == str(tmp_path / "t")


@pytest.mark.parametrize("size", [100, 200_000])
def test_what_was_damaged_on_the_way_never_appears(
    over_ssm: SsmRemote, store: NodeStore, node: Node, lending: FakeLending, tmp_path: Path, size: int
) -> None:
    source = tmp_path / "s"
    source.write_bytes(b"x" * size)
    if size > INLINE_BYTES:
        lending.damage = True
    else:
        node.program(
            "base64", '#!/bin/sh\ncase "$*" in -d) /usr/bin/base64 -d | tr x y;; *) exec /usr/bin/base64 "$@";; esac\n'
        )
    with pytest.raises(RemoteCommandFailed if size < INLINE_BYTES else Refused):
        send(over_ssm, store, source, "~/t")
    assert list(node.home.glob("*t*")) == []


def test_a_download_that_was_damaged_never_appears(
    over_ssm: SsmRemote, store: NodeStore, node: Node, lending: FakeLending, tmp_path: Path
) -> None:
    (node.home / "t").write_bytes(b"x" * 200_000)
    lending.damage = True
    with pytest.raises(RemoteCommandFailed, match="it was damaged, or changed meanwhile"):
        download(over_ssm, store, NodePath.parse("~/t"), tmp_path / "mine", force=False)
    assert not (tmp_path / "mine").exists()
    assert list(tmp_path.glob(".mine*")) == []


def test_refusals_name_the_reason(remote: Remote, store: NodeStore, node: Node, source: Path, tmp_path: Path) -> None:
    (node.home / "folder").mkdir()
    cases = {"~/folder": "target_is_directory", str(node.root / "bin/sudo/x"): "not_writable"}
    for target, code in cases.items():
        with pytest.raises(Refused) as info:
            send(remote, store, source, target)
        assert info.value.code == code
    for wanted, code in {"~/nix": "no_such_file", "~/folder": "not_a_file"}.items():
        with pytest.raises(Refused) as info:
            download(remote, store, NodePath.parse(wanted), tmp_path / "new", force=False)
        assert info.value.code == code
    with pytest.raises(NotFound):
        send(remote, store, tmp_path / "nix", "~/t")
    with pytest.raises(ValidationError):
        send(remote, store, tmp_path, "~/t")


@pytest.mark.parametrize(
    "path", ["", "a", "./a", "../a", "/a/../b", "~", "~/", "/", "/a/", "~other/a", "/a\nb", "/a\0"]
)
def test_paths_that_could_be_anything_are_refused(path: str) -> None:
    with pytest.raises(InvalidValue):
        NodePath.parse(path)


def test_without_a_place_in_s3_a_large_file_is_refused(over_ssm: SsmRemote, node: Node, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"\0" * (4 * 1024 * 1024 + 1))
    (node.home / "big").write_bytes(big.read_bytes())
    with pytest.raises(ValidationError) as info:
        send(over_ssm, None, big, "~/other")
    assert info.value.code == "no_place_in_s3"
    with pytest.raises(ValidationError) as info:
        download(over_ssm, None, NodePath.parse("~/big"), tmp_path / "new", force=False)
    assert info.value.code == "no_place_in_s3"


def test_the_signed_url_is_no_argument_of_any_process(
    over_ssm: SsmRemote, store: NodeStore, node: Node, tmp_path: Path
) -> None:
    (node.home / "t").write_bytes(random.Random(1).randbytes(200_000))
    curl = (node.root / "bin/curl").read_text()
    node.program("curl", curl.replace("#!/bin/sh\n", '#!/bin/sh\necho "$@" >> "$HOME/argv"; env >> "$HOME/argv"\n'))
    download(over_ssm, store, NodePath.parse("~/t"), tmp_path / "new", force=False)
    assert "https://" not in (node.home / "argv").read_text()
