"""300 hostile payloads in every parameter of every script of the head node: none is ever executed, none is changed.

A payload that any shell, arithmetic, git, sed, awk, curl or find were to run would start `canary`, a program of the
node that leaves a mark.  What is meant to be run (a command, a script's text, an interpreter) and numbers, which only
the program itself makes, keep a harmless value.  Each payload is in each script at least once; with the variable
DYEC_EVERY_PARAMETER, in each of its parameters.
"""

from __future__ import annotations

import base64
import itertools
import os
import re
import subprocess
from pathlib import Path

import pytest

from daylily_ec.config.resources import resources_dir
from daylily_ec.headnode import runs
from daylily_ec.headnode.remote import Remote, RemoteScript
from daylily_ec.headnode.ssm import SsmRemote
from tests.integration.headnode.node import Node
from tests.integration.headnode.session_tools import ended, make_launch, make_origin, named

FOLDER = resources_dir() / "config" / "headnode"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.sh"))
CANARY = '#!/bin/sh\necho sung >> "$CANARY"\n'
WANTED = 300

_CALLS = [
    "$(canary)", "`canary`", "; canary", "| canary", "& canary", "&& canary", "|| canary", "\ncanary\n", "\rcanary\r",
    "${IFS}$(canary)", "$(canary", "'$(canary)'", "\"$(canary)\"", "a[$(canary)]", "x=1;canary", "<(canary)",
    ">(canary)",
    "$((a[$(canary)]))", "@{[canary]}", "{canary,canary}", "!canary", "$'\\x24(canary)'", "--upload-pack=canary",
    "ext::canary", "-oProxyCommand=canary", "-exec canary ;", "system(\"canary\")", "e canary", "\"; canary; \"",
]  # fmt: skip
_AROUND = [
    "{}", "S1{}", "'{}'", "\"{}\"", "'; {} #", "\"; {} #", "\\{}", "{}\n{}", "EOF\n{}\nEOF\n", "-{}", "é🧬{}\t",
    "%s{}%n",
]  # fmt: skip
_MADE = (around.format(*[call] * around.count("{}")) for call, around in itertools.product(_CALLS, _AROUND))
PAYLOADS = list(dict.fromkeys(_MADE))[:WANTED]

MEANT = {
    "DYEC_COMMAND": "true", "DYEC_RESUME_COMMAND": "true", "DYEC_UNLOCK_COMMAND": "true", "DYEC_WORKFLOW_CODE": "0",
    "DYEC_SESSION_SCRIPT": "exit 0\n", "DYEC_ARG_0": "printf", "DYEC_ARGC": "2", "DYEC_PYTHON": "false",
}  # fmt: skip
"""Parameters that are to be run, and the number of words of `run_command`."""
NUMBERS = {"DYEC_STAGE_WAIT_S", "DYEC_RETRY_S", "DYEC_GRACE_S", "DYEC_LINES", "DYEC_BYTES", "DYEC_HEAD", "DYEC_ATTEMPT"}
"""Parameters that the program makes from integers of its own."""
WAYS = {
    "workflow_launch": [{"DYEC_MODE": "check"}, {"DYEC_MODE": "launch", "DYEC_INPUT": "tables"}],
    "receive_file": [{"DYEC_OBJECT": "", "DYEC_SOURCE": ""}, {"DYEC_OBJECT": ""}],
    "send_file": [{"DYEC_URL": "", "DYEC_TARGET": ""}],
    "fetch_output": [{"DYEC_STREAM": "stdout", "DYEC_TOKEN": "ab", "DYEC_URL": ""},
                     {"DYEC_STREAM": "stdout", "DYEC_TOKEN": "ab"}],
}  # fmt: skip
"""Choices that lead further into a script than a hostile value would."""


def text_of(name: str) -> str:
    text = (FOLDER / f"{name}.sh").read_text()
    needs = name.startswith("workflow_") and name not in ("workflow_functions", "workflow_launch")
    return (FOLDER / "workflow_functions.sh").read_text() + text if needs else text


def parameters(text: str) -> list[str]:
    return sorted(set(re.findall(r"\bDYEC_[A-Z0-9_]*[A-Z0-9]\b", text)))


@pytest.fixture
def armed(node: Node) -> Node:
    node.program("canary", CANARY)
    for name in ("squeue", "scancel", "sinfo", "sbatch", "aws", "curl", "tmux", "dyec", "day-clone", "script"):
        node.program(name, "#!/bin/sh\nexit 1\n")
    node.env["CANARY"] = str(node.root / "canaries")
    node.env["GIT_TERMINAL_PROMPT"] = "0"
    return node


def executed(node: Node) -> str:
    path = Path(node.env["CANARY"])
    return path.read_text() if path.exists() else ""


def test_there_are_300_different_payloads_and_the_canary_sings(armed: Node) -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) == WANTED
    assert not [payload for payload in PAYLOADS if "/" in payload or ".." in payload]
    subprocess.run(["bash", "-c", "x='a[$(canary)]'; ((x < 1))"], env=armed.env, check=False, capture_output=True)
    assert executed(armed) == "sung\n"


@pytest.mark.weakness("M10")
@pytest.mark.parametrize("name", SCRIPTS)
def test_no_payload_is_executed_by_any_script(armed: Node, name: str) -> None:
    text = text_of(name)
    names = parameters(text)
    scratch = armed.root / "scratch"
    scratch.mkdir()
    script = armed.root / "script.sh"
    script.write_text(text)
    done = 0
    step = 1 if os.environ.get("DYEC_EVERY_PARAMETER") else max(len(names), 1)
    for way, number in itertools.product([{}, *WAYS.get(name, [])], range(0, WANTED, step)):
        env = {key: PAYLOADS[(number + at) % WANTED] for at, key in enumerate(names)}
        env |= dict.fromkeys(NUMBERS & set(names), "1") | {key: MEANT[key] for key in MEANT.keys() & set(names)} | way
        subprocess.run(["bash", str(script)], env={**armed.env, **env}, cwd=scratch, timeout=60, check=False,
                       stdin=subprocess.DEVNULL, capture_output=True)  # fmt: skip
        done += 1
        assert executed(armed) == "", (name, env)
        if not names:
            break
    print(f"P14: {name}: {done} runs, {len(names)} parameters, 0 executed")


@pytest.mark.parametrize("way", ["ssm", "local"])
def test_every_payload_arrives_byte_for_byte(armed: Node, over_ssm: SsmRemote, way: str) -> None:
    remote: Remote = over_ssm if way == "ssm" else armed.remote
    script = RemoteScript(
        "keeps", f'for ((n = 0; n < {WANTED}; n++)); do v="DYEC_V_$n"; printf %s "${{!v}}" | base64 -w 0; echo; done\n'
    )
    env = {f"DYEC_V_{number}": payload for number, payload in enumerate(PAYLOADS)}
    lines = remote.run(script, env, 60).require_success("keeping").stdout.splitlines()
    assert [base64.b64decode(line).decode() for line in lines] == PAYLOADS
    assert executed(armed) == ""


@pytest.mark.parametrize("way", ["ssm", "local"])
def test_every_payload_stays_one_word_of_a_command(armed: Node, over_ssm: SsmRemote, way: str) -> None:
    remote: Remote = over_ssm if way == "ssm" else armed.remote
    argv = ["printf", "%s\\0", *PAYLOADS]
    env = {"DYEC_ARGC": str(len(argv)), **{f"DYEC_ARG_{number}": word for number, word in enumerate(argv)}}
    result = remote.run(RemoteScript.packaged("run_command"), env, 60)
    assert result.stdout.split("\0")[:-1] == PAYLOADS
    assert executed(armed) == ""


FREE = ("DYEC_GENOME", "DYEC_PROJECT", "DYEC_SAMPLES_TSV", "DYEC_UNITS_TSV", "DYEC_REPOSITORY", "DYEC_STARTED_BY",
        "DYEC_EXPORT_DESTINATION", "DYEC_CLUSTER", "DYEC_REGION", "DYEC_ANALYSIS_ID", "DYEC_FOLDER",
        "DYEC_LAUNCH_ID", "DYEC_PIN", "DYEC_REPAIRED_TARGETS", "DYEC_BCL_SETTINGS")  # fmt: skip


def test_a_launched_session_carries_every_payload_to_its_end(node: Node, tmp_path: Path) -> None:
    node.program("canary", CANARY)
    node.env["CANARY"] = str(node.root / "canaries")
    launch = make_launch(node, make_origin(tmp_path / "origin"))
    node.shell("tmux new-session -d -s kept sleep 600")
    steady = {**launch.parameters, "DYEC_MODE": "launch", "DYEC_COMMAND": "true",
              "DYEC_SESSION_SCRIPT": runs.session_script("workflow_session").text}  # fmt: skip
    for number in range(0, WANTED, len(FREE)):
        session = f"s{number}"
        env = {key: PAYLOADS[(number + at) % WANTED] for at, key in enumerate(FREE)}
        # Names of directories: one line, and not the same twice.
        env |= {key: f"{number}{value}".replace("\n", " ").replace("\r", " ") for key, value in env.items()
                if key in ("DYEC_ANALYSIS_ID", "DYEC_FOLDER", "DYEC_LAUNCH_ID")}  # fmt: skip
        started = node.remote.run(
            RemoteScript.packaged("workflow_launch"), {**steady, **env, "DYEC_SESSION": session}, 60
        )
        assert started.exit_code == 0, (env, started)
        ended(node, session)
        assert runs.ask(node.remote, named(session)).record is not None
        assert executed(node) == "", env
