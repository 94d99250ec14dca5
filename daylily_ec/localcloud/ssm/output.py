"""What the API shows of a command's output.

GetCommandInvocation: the first 24,000 of stdout and 8,000 of stderr (API reference, GetCommandInvocation).  The public
source of the SSM agent counts bytes, cuts a text that reaches the limit, and lets its mark end within the limit.
ListCommandInvocations: both texts in one field of 2,500 (API reference, CommandPlugin).
"""

from __future__ import annotations

STDOUT_LIMIT = 24_000
STDERR_LIMIT = 8_000
PLUGIN_LIMIT = 2_500
CUT = "--output truncated--"
OUT_CUT = "\n---Output truncated---"
ERROR_CUT = "\n---Error truncated----"
ERROR_TITLE = "\n----------ERROR-------\n"


def decoded(content: bytes) -> str:
    """Output as text; bytes that are not UTF-8 become U+FFFD."""
    return content.decode("utf-8", "replace")


def first(content: bytes, limit: int) -> str:
    """The beginning of an output that has `limit` bytes or more, ended by the mark; else all of it."""
    if len(content) < limit:
        return decoded(content)
    return content[: limit - len(CUT)].decode("utf-8", "ignore") + CUT


def combined(stdout: bytes, stderr: bytes, limit: int = PLUGIN_LIMIT) -> str:
    """Both outputs with a title between them, the longer ones shortened to fit into `limit` characters."""
    out, err = decoded(stdout), decoded(stderr)
    title = ERROR_TITLE if err else ""
    room = limit - len(title)
    if len(out) + len(err) < room:
        return out + title + err
    half = room // 2
    if len(out) <= half:
        return out + title + _cut(err, room - len(out), ERROR_CUT)
    if len(err) <= half:
        return _cut(out, room - len(err), OUT_CUT) + title + err
    return _cut(out, half, OUT_CUT) + title + _cut(err, half, ERROR_CUT)


def _cut(text: str, size: int, mark: str) -> str:
    return text[: size - len(mark)] + mark
