"""The documentation's command blocks: which there are, and which are not run, with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]*?) -->\n)?(?P<mark>```)bash\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One ```bash block; `line` is that of its fence, `reason` why it is not run."""

    page: str
    line: int
    body: str
    reason: str


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in order."""
    text = page.read_text()
    return [
        Block(page.name, text.count("\n", 0, found.start("mark")) + 1, found["body"], found["reason"] or "")
        for found in _FENCE.finditer(text)
    ]


def pages() -> list[Path]:
    """Every page with a block."""
    return sorted(page for page in DOCS.glob("*.md") if "```bash" in page.read_text())


def script(page: Path) -> str:
    """The blocks that run, as one shell script that names the block it is in."""
    parts = [
        f"printf '## %s:%s\\n' {block.page} {block.line} >&2\n{block.body}"
        for block in blocks(page)
        if not block.reason
    ]
    return "set -eu -o pipefail\n" + "".join(parts)
