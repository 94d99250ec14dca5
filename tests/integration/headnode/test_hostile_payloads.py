"""300 hostile payloads in the parameters of every script of the head node: none is ever executed, none is changed.

Each script is met in two ways.  With every parameter hostile at once, on a node where nothing answers, its first guards
are under attack.  And as the program calls it, on a node where everything answers: there a payload stands in each
parameter with which the script still gets to its end, which is looked at after every run, and in one at a time of those
that it refuses.  Either way each of the 300 payloads is in a parameter of each script; with the variable
DYEC_EVERY_PARAMETER, in each of its parameters.

What is meant to be run (a command, a script's text, an interpreter) and numbers, which only the program itself makes,
keep a harmless value.
"""

from __future__ import annotations

import base64
import itertools
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from daylily_ec.config.resources import resources_dir
from daylily_ec.domain.ids import WorkflowSession
from daylily_ec.headnode import runs, sessions
from daylily_ec.headnode.launch import Launch
from daylily_ec.headnode.remote import Remote, RemoteResult, RemoteScript
from daylily_ec.headnode.ssm import SsmRemote
from daylily_ec.headnode.status import WorkflowState, derive
from tests.integration.headnode import trials
from tests.integration.headnode.hostile import ANSWERING, PAYLOADS, REFUSING, WANTED, arm, executed
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import ended, log, make_launch, make_origin
from tests.integration.headnode.trials import MEANT, NUMBERS, Trial

SCRIPTS = sorted(path.stem for path in (resources_dir() / "config" / "headnode").glob("*.sh"))
FUNCTIONS = "workflow_functions"
"""Put in front of others; nobody runs it."""
WITH_FUNCTIONS = {"mount_use", *(name for name in SCRIPTS if name.startswith("workflow_"))} - {FUNCTIONS}
HARMLESS = {
    **dict.fromkeys(MEANT, "true"), **dict.fromkeys(NUMBERS, "1"),
    "DYEC_RETRY_S": "0", "DYEC_WORKFLOW_CODE": "0", "DYEC_SESSION_SCRIPT": "exit 0\n", "DYEC_ARG_0": "printf",
    "DYEC_ARGC": "2", "DYEC_PYTHON": "false",
}  # fmt: skip
WAYS = {
    "workflow_launch": [{"DYEC_MODE": "check"}, {"DYEC_MODE": "launch", "DYEC_INPUT": "tables"}],
    "receive_file": [{"DYEC_OBJECT": "", "DYEC_SOURCE": ""}, {"DYEC_OBJECT": ""}],
    "send_file": [{"DYEC_URL": "", "DYEC_TARGET": ""}],
    "fetch_output": [{"DYEC_STREAM": "stdout", "DYEC_TOKEN": "ab", "DYEC_URL": ""},
                     {"DYEC_STREAM": "stdout", "DYEC_TOKEN": "ab"}],
}  # fmt: skip
"""Choices that lead further into a script than a hostile value would."""
EVERY = bool(os.environ.get("DYEC_EVERY_PARAMETER"))


def text_of(name: str) -> str:
    """As the program sends it."""
    script = runs.session_script(name) if name in WITH_FUNCTIONS else RemoteScript.packaged(name)
    return script.text


def parameters(text: str) -> list[str]:
    return sorted(set(re.findall(r"\bDYEC_[A-Z0-9_]*[A-Z0-9]\b", text)))


def test_there_are_300_different_payloads_and_the_canary_sings(node: Node) -> None:
    arm(node, {})
    assert len(set(PAYLOADS)) == len(PAYLOADS) == WANTED
    assert not [payload for payload in PAYLOADS if "/" in payload or ".." in payload]
    subprocess.run(["bash", "-c", "x='a[$(canary)]'; ((x < 1))"], env=node.env, check=False, capture_output=True)
    assert executed(node) == "sung\n"


def test_every_script_is_tried() -> None:
    tried = {*trials.OF_FILES, *trials.OF_SESSIONS}
    assert tried | trials.WITHOUT_PARAMETERS | {FUNCTIONS} == set(SCRIPTS)
    own = {name: parameters(RemoteScript.packaged(name).text) for name in trials.WITHOUT_PARAMETERS}
    assert not any(own.values())


@pytest.mark.weakness("M10")
@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != FUNCTIONS])
def test_nothing_is_executed_where_nothing_answers(node: Node, name: str) -> None:
    arm(node, REFUSING)
    scratch, script = node.root / "scratch", node.root / "script.sh"
    scratch.mkdir()
    script.write_text(text_of(name))
    names = parameters(script.read_text())
    ahead = trials.ALONE if name == "mount_use" else []
    arrived: set[str] = set()
    done = 0
    for way in [{}, *WAYS.get(name, [])]:
        free = [key for key in names if key not in HARMLESS | way]
        fixed = {key: HARMLESS[key] for key in HARMLESS.keys() & set(names)} | way
        for number in range(0, WANTED, 1 if EVERY else max(len(free), 1)):
            env = {key: PAYLOADS[(number + at) % WANTED] for at, key in enumerate(free)}
            subprocess.run([*ahead, "bash", str(script)], env={**node.env, **env, **fixed}, cwd=scratch, timeout=60,
                           check=False, stdin=subprocess.DEVNULL, capture_output=True)  # fmt: skip
            assert executed(node) == "", (name, env)
            arrived |= set(env.values())
            done += 1
            if not free:
                break
    print(f"P14: {name}: {done} runs, {len(names)} names, {len(arrived)} payloads, 0 executed")
    assert arrived == set(PAYLOADS) or not names


def made(node: Node, tmp_path: Path, name: str) -> list[Trial]:
    launch = make_launch(node, make_origin(tmp_path / "origin"))
    arm(node, ANSWERING)
    return trials.OF_FILES[name](node) if name in trials.OF_FILES else trials.OF_SESSIONS[name](node, launch)


Case = tuple[Trial, str, dict[str, str]]
"""A trial, how it is to go, and the payloads by parameter."""


def through(tried: list[Trial]) -> Iterator[Case]:
    """As many payloads at once as there is room for, shared among the ways through the script."""
    ways = [trial for trial in tried if trial.through]
    for at, trial in enumerate(ways):
        names = sorted(trial.through)
        share = PAYLOADS if EVERY else PAYLOADS[at :: len(ways)]
        for start in range(0, len(share), 1 if EVERY else len(names)):
            yield trial, "through", {key: share[(start + n) % len(share)] for n, key in enumerate(names)}


def against(tried: list[Trial]) -> Iterator[Case]:
    """One payload at a time, in turn in each parameter: what follows a refused value is not read."""
    turns = [(trial, key) for trial in tried for key in trial.guarded]
    for number, payload in enumerate(PAYLOADS if turns else []):
        for trial, key in turns if EVERY else [turns[number % len(turns)]]:
            yield trial, "against", {key: payload}


@pytest.mark.weakness("M10")
@pytest.mark.parametrize("name", sorted({*trials.OF_FILES, *trials.OF_SESSIONS}))
def test_nothing_is_executed_on_the_way_to_the_end(node: Node, tmp_path: Path, name: str) -> None:
    arrived: dict[str, set[str]] = {"through": set(), "against": set()}
    named: set[str] = set()
    ends = runs_made = 0
    tried = made(node, tmp_path, name)
    for trial in tried:
        result = trials.run(node, trial, trial.right)
        assert trial.done(result, trial.right), result
        named |= {*trial.through, *trial.guarded}
    for trial, way, held in itertools.chain(through(tried), against(tried)):
        env = trial.right | {key: trial.hostile(key, payload) for key, payload in held.items()}
        result = trials.run(node, trial, env)
        assert executed(node) == "", (name, env)
        assert all(payload in env[key] for key, payload in held.items())
        if way == "through":
            assert trial.done(result, env), (env, result)
            ends += 1
        arrived[way] |= set(held.values())
        runs_made += 1
    print(f"P14: {name}: {len(tried)} ways, {runs_made} runs, {ends} to the end, {len(named)} parameters")
    print("P14: different payloads: " + ", ".join(f"{len(values)} {way}" for way, values in arrived.items()))
    sent = {key for trial in tried for key in trial.right if not re.fullmatch(r"DYEC_ARG_\d+", key)}
    assert sent - MEANT - NUMBERS <= named
    assert arrived["through"] | arrived["against"] == set(PAYLOADS)
    for way, values in arrived.items():
        assert values in (set(), set(PAYLOADS)), way


@pytest.mark.parametrize("way", ["ssm", "local"])
def test_every_payload_arrives_byte_for_byte(node: Node, over_ssm: SsmRemote, way: str) -> None:
    arm(node, REFUSING)
    remote: Remote = over_ssm if way == "ssm" else node.remote
    script = RemoteScript(
        "keeps", f'for ((n = 0; n < {WANTED}; n++)); do v="DYEC_V_$n"; printf %s "${{!v}}" | base64 -w 0; echo; done\n'
    )
    env = {f"DYEC_V_{number}": payload for number, payload in enumerate(PAYLOADS)}
    lines = remote.run(script, env, 60).require_success("keeping").stdout.splitlines()
    assert [base64.b64decode(line).decode() for line in lines] == PAYLOADS
    assert executed(node) == ""


@pytest.mark.parametrize("way", ["ssm", "local"])
def test_every_payload_stays_one_word_of_a_command(node: Node, over_ssm: SsmRemote, way: str) -> None:
    arm(node, REFUSING)
    remote: Remote = over_ssm if way == "ssm" else node.remote
    argv = ["printf", "%s\\0", *PAYLOADS]
    env = {"DYEC_ARGC": str(len(argv)), **{f"DYEC_ARG_{number}": word for number, word in enumerate(argv)}}
    result = remote.run(RemoteScript.packaged("run_command"), env, 60)
    assert result.stdout.split("\0")[:-1] == PAYLOADS
    assert executed(node) == ""


FREE = ("DYEC_GENOME", "DYEC_PROJECT", "DYEC_SAMPLES_TSV", "DYEC_UNITS_TSV", "DYEC_REPOSITORY", "DYEC_STARTED_BY",
        "DYEC_EXPORT_DESTINATION", "DYEC_CLUSTER", "DYEC_REGION", "DYEC_ANALYSIS_ID", "DYEC_FOLDER",
        "DYEC_LAUNCH_ID", "DYEC_PIN", "DYEC_REPAIRED_TARGETS", "DYEC_BCL_SETTINGS")  # fmt: skip


class Hostile:
    """A `Remote` that puts payloads into what the program sends."""

    def __init__(self, remote: Remote, values: dict[str, str]) -> None:
        self._remote = remote
        self._values = values

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        return self._remote.run(script, {**env, **self._values}, timeout)


def test_a_launched_session_carries_every_payload_to_its_end(node: Node, launch: Launch) -> None:
    """With a real tmux, and launched by the program's own function."""
    arm(node, {})
    node.shell("tmux new-session -d -s kept sleep 600")
    arrived: set[str] = set()
    for number in range(0, WANTED, len(FREE)):
        session = WorkflowSession(f"s{number}")
        held = {key: PAYLOADS[(number + at) % WANTED] for at, key in enumerate(FREE)}
        # Names of directories: not the same twice, and no newline at their end.
        env = {key: f"{number}{value}e" if key in ("DYEC_ANALYSIS_ID", "DYEC_FOLDER", "DYEC_LAUNCH_ID") else value
               for key, value in held.items()}  # fmt: skip
        sessions.start(Hostile(node.remote, env), replace(launch, session=session, command="echo reached"))
        facts = ended(node, session)
        assert derive(facts)[0] is WorkflowState.SUCCEEDED, (env, facts)
        assert "running\n" in log(node, session)
        assert "\nreached\n" in log(node, session)
        assert executed(node) == "", env
        arrived |= set(held.values())
    print(
        f"P14: {WANTED // len(FREE)} launched sessions, {len(FREE)} parameters, {len(arrived)} payloads, all SUCCEEDED"
    )
    assert arrived == set(PAYLOADS)
