"""Probing a node, publishing for it, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import Refused, RemoteCommandFailed, ValidationError
from daylily_ec.headnode.bootstrap import NodeFacts, install, parse_steps, probe, publish
from daylily_ec.headnode.bundle import SUMS, Bundle, NodeTarget
from daylily_ec.headnode.identity import NodeInstall
from daylily_ec.headnode.remote import RemoteResult, RemoteScript
from daylily_ec.headnode.site_files import SiteFiles
from tests.unit.workflow_create.fakes import FakeS3

FOLDER = S3Prefix("ref", "data/runtime_assets/cluster_boot_config/")
ANSWER = {
    "python": "/opt/parallelcluster/pyenv/versions/3.12.8/bin/python3", "python_version": "3.12.8",
    "machine": "x86_64", "glibc": "2.35", "aws": "/usr/local/bin/aws", "release": "0.1.0-abc",
    "boot_script": f"{FOLDER}0.1.0-0123456789ab/post_install_ubuntu_combined.sh",
}  # fmt: skip
FACTS = NodeFacts(NodeTarget((3, 12), "x86_64", (2, 35)), ANSWER["python"], "0.1.0-abc", FOLDER)
WANTED = SiteFiles(NodeInstall("0.1.0-abc", "d" * 64, "s3://ref/x/", "/usr/bin/python3.12", "2026-02-11T14:37:22Z"))


@dataclass
class Node:
    """Gives one answer and keeps the parameters."""

    answer: RemoteResult
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        self.asked.append((script.name, dict(env)))
        return self.answer


def answering(**changes: str) -> Node:
    return Node(RemoteResult(0, "".join(f"{name}={value}\n" for name, value in {**ANSWER, **changes}.items()), ""))


def test_the_node_s_own_python_decides_and_its_boot_script_says_where_to_publish() -> None:
    assert probe(answering()) == FACTS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"python": "", "python_version": "3.10.12"}, "no Python 3.11 or 3.12: python3 is 3.10.12"),
        ({"aws": ""}, "the aws program is not on PATH"),
        ({"boot_script": ""}, r"its boot script \(none\) does not lie below"),
        ({"boot_script": "s3://other/thing.sh"}, "does not lie below"),
    ],
)
def test_a_node_that_cannot_take_it_says_why(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        probe(answering(**changes))
    assert caught.value.code == "head_node_unfit"


def test_half_an_answer_is_none() -> None:
    with pytest.raises(RemoteCommandFailed, match="lacks 'boot_script'"):
        probe(Node(RemoteResult(0, "python=x\n", "")))


def test_a_bundle_is_published_once_the_sums_last(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(b"wheel")
    s3, bundle = FakeS3(), Bundle({"a.whl": wheel, "requirements.txt": b"a==1\n"})
    prefix, stored = publish(s3, FOLDER, bundle)
    assert (prefix, stored) == (FOLDER.child(bundle.release), 3)
    assert s3.writes[-1].endswith(SUMS)
    assert s3.stored[f"ref/{prefix.key}a.whl"] == b"wheel"
    assert publish(s3, FOLDER, bundle) == (prefix, 0)
    assert len(s3.writes) == 3


def test_an_interrupted_publication_is_completed() -> None:
    s3, bundle = FakeS3(), Bundle({"a.whl": b"wheel"})
    prefix, _ = publish(s3, FOLDER, bundle)
    del s3.stored[f"ref/{prefix.key}{SUMS}"]
    publish(s3, FOLDER, bundle)
    assert s3.stored[f"ref/{prefix.key}{SUMS}"] == bundle.sums.encode()


def test_foreign_sums_are_refused_not_replaced() -> None:
    s3, bundle = FakeS3(), Bundle({"a.whl": b"wheel"})
    s3.stored[f"ref/{FOLDER.key}{bundle.release}/{SUMS}"] = b"somebody's"
    with pytest.raises(Refused, match="is not what this release publishes"):
        publish(s3, FOLDER, bundle)


def test_steps_are_read_with_what_they_found() -> None:
    steps = parse_steps("fetch done 3900 24 wheels\nconda unreachable 12 url: no\nroute\nverify done 5 \n")
    assert [(step.name, step.status, step.seconds, step.found) for step in steps] == [
        ("fetch", "done", 3.9, "24 wheels"), ("conda", "unreachable", 0.012, "url: no\nroute"),
        ("verify", "done", 0.005, ""),
    ]  # fmt: skip


@pytest.mark.weakness("H10")
def test_the_step_that_failed_is_named_with_its_reason() -> None:
    node = Node(RemoteResult(70, "fetch done 1 x\ninstall failed 9 No matching distribution\n", "No matching"))
    with pytest.raises(RemoteCommandFailed, match="Step install failed on the head node: No matching dist") as caught:
        install(node, FACTS, WANTED, conda=True)
    assert (caught.value.code, caught.value.details["step"]) == ("configure_failed", "install")


def test_what_goes_wrong_between_steps_is_shown_too() -> None:
    with pytest.raises(RemoteCommandFailed, match="another configuration"):
        install(Node(RemoteResult(70, "", "another configuration has been running")), FACTS, WANTED, conda=True)


@pytest.mark.parametrize(("conda", "value"), [(True, "1"), (False, "0")])
def test_parameters_travel_as_values(conda: bool, value: str) -> None:
    node = Node(RemoteResult(0, "verify done 5 \n", ""))
    install(node, FACTS, WANTED, conda=conda)
    ((name, env),) = node.asked
    assert (name, env["DYEC_CONDA"], env["DYEC_DIGEST"]) == ("configure", value, "d" * 64)
    assert SiteFiles.parse(env["DYEC_SETTINGS"]) == WANTED
