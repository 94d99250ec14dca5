"""The documentation is true: generated pages are fresh, blocks are run, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from daylily_ec.cli.reference import page as reference_page
from tests.e2e.doc_pages import DOCS, ROOT, blocks, pages, script

PAGES = {
    "aws_setup", "quickest_start", "ultra_rapid_start", "DAY_EC_ENVIRONMENT", "pip_install", "operations",
    "monitoring_and_troubleshooting", "testing_and_debugging",
}  # fmt: skip
MOST_EXCEPTIONS = 5
VARIABLE = re.compile(
    r'"(DAY_[A-Z_]+|DAYLILY_(?:EC|HEARTBEAT|SCHEDULER)_[A-Z_]+|DYEC_PCLUSTER|AWS_PROFILE|XDG_[A-Z_]+|NO_COLOR)"'
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def documents() -> list[Path]:
    return sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


def test_the_command_reference_is_fresh() -> None:
    stale = (DOCS / "cli_reference.md").read_text() != reference_page()
    assert not stale, "run bin/cli-reference"


def test_operators_have_their_pages() -> None:
    assert {page.stem for page in pages()} >= PAGES


def test_every_variable_that_is_read_is_documented() -> None:
    page = (DOCS / "DAY_EC_ENVIRONMENT.md").read_text()
    read = {name for path in (ROOT / "daylily_ec").rglob("*.py") if "localcloud" not in path.parts
            for name in VARIABLE.findall(path.read_text())}  # fmt: skip
    assert {name for name in read if f"`{name}`" not in page} == set()
    assert {"DAY_BREAK", "DAY_EX_CFG", "DAYLILY_SCHEDULER_ROLE_ARN", "AWS_PROFILE", "DYEC_PCLUSTER"} <= read


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_few_blocks_are_not_run_and_each_says_why(page: Path) -> None:
    found = blocks(page)
    assert len(found) == page.read_text().count("```bash\n"), "a fence that is not at the start of a line"
    left_out = [block for block in found if block.reason]
    assert len(left_out) <= MOST_EXCEPTIONS
    assert len(left_out) < len(found)
    assert all(len(block.reason) > 15 for block in left_out)


def test_no_block_of_another_shell_escapes() -> None:
    odd = [f"{page.name}: {name}" for page in documents() for name in re.findall(r"^```(sh|shell|console)$",
           page.read_text(), re.MULTILINE)]  # fmt: skip
    assert odd == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    missing = [target for target in LINK.findall(document.read_text()) if not (document.parent / target).exists()]
    assert missing == []


def test_every_page_is_in_the_site() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in DOCS.glob("*.md") if f": {page.name}\n" not in text] == []


def test_the_first_failing_command_fails_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```bash\ntrue\n```\n<!-- not run: a reason -->\n```bash\nexit 7\n```\ntext\n```bash\nfalse\ntrue\n```\n"
    )
    done = subprocess.run(["bash", "-c", script(page)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (1, ["## page.md:1", "## page.md:9"])
