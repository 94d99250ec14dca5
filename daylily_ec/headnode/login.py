"""Logging in to a head node: what the session preferences must say, and a terminal that leaves Ctrl-S to programs."""

from __future__ import annotations

import re
import signal
import subprocess
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from daylily_ec.aws.session_documents import SESSION_DOCUMENT, SessionPreferences
from daylily_ec.errors import Refused
from daylily_ec.headnode.remote import CLUSTER_USER

PROFILE = "cd ~ && stty -ixon && exec bash -l"
"""The shell profile that is asked for."""
_HOME = re.compile(r"\bcd\s+(/home/ubuntu|~|\"?\$HOME\"?|\"?\$\{HOME\}\"?)(?![\w/])")
_LOGIN = re.compile(r"bash\s+(-l|--login)\b|\.bash_profile|daylily-headnode-bootstrap\.sh")
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)


def problems(found: SessionPreferences | None) -> tuple[str, ...]:
    """What keeps a session from being a login of the cluster user at home; empty when nothing does."""
    if found is None:
        return ("nobody has set Session Manager's preferences in this region",)
    rules = {
        "Run As is not enabled (inputs.runAsEnabled)": found.run_as,
        f"sessions run as {found.user or 'nobody in particular'}, not as {CLUSTER_USER} (inputs.runAsDefaultUser)":
            found.user == CLUSTER_USER,
        "the Linux shell profile opens no login shell (inputs.shellProfile.linux)": bool(
            _LOGIN.search(found.linux_profile)),
        "the Linux shell profile does not enter the home directory (inputs.shellProfile.linux)": bool(
            _HOME.search(found.linux_profile)),
    }  # fmt: skip
    return tuple(problem for problem, holds in rules.items() if not holds)


def require(found: SessionPreferences | None, region: str) -> None:
    """`Refused` (code `session_preferences`) that names each problem; the document belongs to the whole account."""
    wrong = problems(found)
    if wrong:
        raise Refused(
            f"Session Manager would not open a login of {CLUSTER_USER}: {'; '.join(wrong)}.",
            code="session_preferences",
            hint=f"In Session Manager's preferences of {region}: Run As {CLUSTER_USER}, Linux shell profile: {PROFILE}",
            details={"document": SESSION_DOCUMENT, "problems": list(wrong)},
        )


@contextmanager
def without_flow_control(terminal: int) -> Iterator[None]:
    """Ctrl-S and Ctrl-Q reach programs of the terminal (a file descriptor) within the block; then all is as before."""
    before = termios.tcgetattr(terminal)
    changed = list(before)
    changed[0] &= ~(termios.IXON | termios.IXOFF)
    termios.tcsetattr(terminal, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def hold_session(argv: Sequence[str], terminal: int | None) -> int:
    """Run a session to its end and return its exit code; the keys that signal belong to it, not to this process.

    `terminal` is the descriptor of the user's terminal, None without one.
    """
    if terminal is None:
        return _run(argv)
    with without_flow_control(terminal):
        return _run(argv)


def _run(argv: Sequence[str]) -> int:
    # A handler, not SIG_IGN: what is ignored would be ignored by the session too.
    previous = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    try:
        code = subprocess.Popen(list(argv)).wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code
