from __future__ import annotations

import base64
import gzip

import pytest

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.fsx.results import look, parse_look
from daylily_ec.headnode.remote import RemoteResult
from tests.unit.fsx.fakes import FakeNode, Tree


def packed(*records: bytes) -> str:
    return base64.b64encode(gzip.compress(b"".join(record + b"\0" for record in records), mtime=0)).decode()


def test_every_analysis_directory_with_a_file_is_told_with_its_latest_change() -> None:
    found = parse_look(
        packed(
            b"d 4096 1.0 1.0 ann", b"d 4096 1.0 1.0 ann/a1", b"f 3 5.5 7.25 ann/a1/x", b"d 4096 9.0 9.0 ann/a1/sub",
            b"l 2 1.0 1.0 ann/a1/sub/l", b"d 4096 1.0 1.0 ann/empty", b"d 1 1.0 1.0 ann/empty/only/directories",
        )
    )  # fmt: skip
    assert [(one.path, one.files, one.bytes, one.latest_change, str(one.analysis)) for one in found] == [
        ("/fsx/analysis_results/ann/a1", 2, 5, 7.25, "ann/a1")
    ]


def test_its_digest_is_that_of_the_listing_that_an_export_keeps() -> None:
    tree = Tree()
    tree.write("work", kind="d")
    tree.write("work/a b", b"xyz")
    tree.write(b"work/\xff", b"1")
    from daylily_ec.fsx.inventory import parse_listing

    (one,) = parse_look(tree.states("ann/a1"))
    assert one.digest == parse_listing(tree.listing()).digest


@pytest.mark.parametrize(
    ("record", "path"),
    [
        (b"f 3 1.0 1.0 notes.txt", "notes.txt"), (b"f 3 1.0 1.0 ann/notes.txt", "ann/notes.txt"),
        (b"l 3 1.0 1.0 ann/link", "ann/link"), (b"f 3 1.0 1.0 .hidden/a/x", ".hidden/a"),
        (b"f 3 1.0 1.0 ann/\xff/x", "ann/\\xff"), (b"s 0 1.0 1.0 ann/a b/socket", "ann/a b"),
    ],
)  # fmt: skip
def test_what_no_export_can_cover_is_told_apart(record: bytes, path: str) -> None:
    (one,) = parse_look(packed(record))
    assert (one.path, one.analysis) == (f"/fsx/analysis_results/{path}", None)


def test_an_empty_root_is_an_answer() -> None:
    assert parse_look(packed()) == ()


@pytest.mark.parametrize(
    "answer",
    ["", "???", base64.b64encode(b"no gzip").decode(), packed(b"f 3 1.0"), packed(b"f x 1.0 1.0 ann/a/b"),
     base64.b64encode(gzip.compress(b"f 3 1.0 1.0 ann/a/b", mtime=0)).decode(), packed(b"f 3 1.0 1.0 ann/a/b")[:-8]],
)  # fmt: skip
def test_a_damaged_answer_is_never_an_empty_root(answer: str) -> None:
    with pytest.raises(RemoteCommandFailed, match="damaged"):
        parse_look(answer)


def test_a_node_that_cannot_read_everything_is_an_error() -> None:
    node = FakeNode(Tree())
    node.look_code = 1
    with pytest.raises(RemoteCommandFailed, match="Permission denied"):
        look(node, mounted=True)


def test_the_file_system_must_be_mounted_where_there_is_one() -> None:
    asked = []

    class Node(FakeNode):
        def run(self, script, env, timeout):  # type: ignore[no-untyped-def]
            asked.append(dict(env))
            return RemoteResult(0, packed(), "")

    look(Node(Tree()), mounted=True)
    look(Node(Tree()), mounted=False)
    assert asked == [{"DYEC_MOUNTED": "1"}, {"DYEC_MOUNTED": "0"}]
