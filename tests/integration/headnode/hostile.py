"""300 hostile payloads, and a head node on which every script gets to its end.

A payload that any shell, arithmetic, git, sed, awk, curl or find were to run would start `canary`, a program of the
node that leaves a mark.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

from daylily_ec.headnode.remote import RemoteResult, RemoteScript
from tests.integration.headnode.node import Node

WANTED = 300
CANARY = '#!/bin/sh\necho sung >> "{}"\n'

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

REFUSING = dict.fromkeys(
    ("squeue", "scancel", "sinfo", "sbatch", "aws", "curl", "tmux", "dyec", "day-clone", "script"),
    "#!/bin/sh\nexit 1\n",
)
"""Programs of a node on which nothing answers."""
ANSWERING = {
    "squeue": '#!/bin/sh\ncat "$HOME/queue"\n',
    "scancel": '#!/bin/sh\n: > "$HOME/queue"\n',
    "sinfo": "#!/bin/sh\necho all\n",
    "scontrol": "#!/bin/sh\necho JobId=1\n",
    "sbatch": '#!/bin/sh\n# Runs what is to be wrapped.\nfor text; do :; done\nbash -c "$text" >&2 && echo 1\n',
    # The last word is where the file is to go; what is delivered lies in the home.
    "aws": '#!/bin/sh\nfor to; do :; done\nprintf "%s\\0" "$@" > "$HOME/aws.words"\n'
           'case " $* " in *" --recursive "*) cp "$HOME"/bundle/* "$to" ;; *) cp "$HOME/object" "$to" ;; esac\n',
    "curl": '#!/bin/sh\nwhile [ "$#" -gt 0 ]; do [ "$1" != -o ] || : > "$2"; shift; done\ncat > /dev/null\n',
    # A session runs to its end at once.
    "tmux": '#!/bin/sh\ncase " $* " in *" new-session "*) ;; *) exit 1 ;; esac\nfor last; do :; done\n'
            'bash -l "$last" > /dev/null 2>&1 < /dev/null || exit 0\n',
    "dyec": '#!/bin/sh\n[ "$1" != export ] || printf "%s\\0" "$@" > "$HOME/exported"\n',
    "day-clone": "#!/bin/sh\nexit 0\n",
    "script": "#!/bin/sh\necho -ixon\n",
    "find": '#!/bin/sh\nexec /usr/bin/find "$@"\n',
    "mountpoint": "#!/bin/sh\nexit 0\n",
    "stat": '#!/bin/sh\n[ "$1" = -f ] || exec /usr/bin/stat "$@"\necho lustre\n',
    "lfs": '#!/bin/sh\nprintf "%s\\n" "$3" > /dev/null\necho "T_UUID 1 1 1"\n',
    "sudo": '#!/bin/sh\n[ "$1" = -n ] || exit 90\nshift\nexec "$@"\n',
}  # fmt: skip
"""Programs of a node on which everything answers."""


def arm(node: Node, programs: Mapping[str, str]) -> Node:
    node.program("canary", CANARY.format(node.root / "canaries"))
    for name, text in programs.items():
        node.program(name, text)
    node.env["GIT_TERMINAL_PROMPT"] = "0"
    return node


def executed(node: Node) -> str:
    path = node.root / "canaries"
    return path.read_text() if path.exists() else ""


class Sent(Exception):
    """What the program sends to a node instead of an answer."""

    def __init__(self, script: RemoteScript, env: Mapping[str, str]) -> None:
        super().__init__(script.name)
        self.script = script
        self.env = dict(env)


class Recorder:
    """A `Remote` that only says what it was sent."""

    def run(self, script: RemoteScript, env: Mapping[str, str], timeout: float) -> RemoteResult:
        raise Sent(script, env)


def make(path: Path, **files: str) -> Path:
    """A directory with these files."""
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path
