"""What a person reads: long lines on a terminal, and what is shown before an error."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from daylily_ec.cli.console import Console
from daylily_ec.cli.render import emit_error, table
from daylily_ec.errors import Refused

ARN = "arn:aws:cloudformation:us-west-2:123456789012:stack/majors/3f62805a-d0e5-483c-a9fc-2628e116f480"


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Stream:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    return Stream(terminal=True)


def test_a_terminal_breaks_between_words_and_keeps_names_whole(narrow: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", narrow)
    Console().note("Budget da-us-west-2d-majors: 200 USD per month, alerts at 75 %")
    Console().step(f"Going on with {ARN}, which exists")
    assert narrow.getvalue().splitlines() == [
        "    Budget da-us-west-2d-majors: 200",
        "      USD per month, alerts at 75 %",
        "==> Going on with",
        f"    {ARN},",
        "    which exists",
    ]


def test_a_log_keeps_every_message_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Stream(terminal=False)
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setenv("COLUMNS", "40")
    Console().warn("word " * 40 + "end")
    assert log.getvalue().count("\n") == 1


def test_an_error_is_folded_line_by_line_and_its_command_never(narrow: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", narrow)
    command = f"dyec create --profile daylily-local --config {'x' * 40}.yaml --pass-on-warn"
    emit_error(Refused("The boot script failed with exit code 7.\n  | FAILED: no such disk", hint=command))
    assert narrow.getvalue().splitlines() == [
        "Error: The boot script failed with exit",
        "  code 7.",
        "  | FAILED: no such disk",
        f"Try: {command}",
    ]


@pytest.mark.parametrize("command", ["create", "plan", "preflight"])
def test_a_command_that_runs_preflight_knows_how_to_show_its_report(command: str) -> None:
    """In a process of its own: another command's module would bring the view along."""
    code = (
        f"import daylily_ec.cli.{command}, daylily_ec.cli.render as r, daylily_ec.preflight.report as p, sys;"
        "sys.exit(r.text.dispatch(p.PreflightReport) is r.text.dispatch(object))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_table_on_a_terminal_folds_its_last_column_into_the_width_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rows = [["PASS", "iam", "covered by the administrator's own policy"], ["FAIL", "s3", ARN]]
    monkeypatch.setattr(sys, "stdout", Stream(terminal=True))
    assert table(["STATUS", "CHECK", "REMARK"], rows).splitlines() == [
        "STATUS  CHECK  REMARK",
        "PASS    iam    covered by the",
        "               administrator's own",
        "               policy",
        f"FAIL    s3     {ARN}",
    ]
    monkeypatch.setattr(sys, "stdout", Stream(terminal=False))
    assert len(table(["STATUS", "CHECK", "REMARK"], rows).splitlines()) == 3


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stdout", Stream(terminal=True))


def test_every_column_of_a_wide_table_is_folded_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_terminal(monkeypatch, 40)
    rows = [["elastic IP address", "in use by a head node", "retained for 180 days"]]
    assert table(["KIND", "STATE", "REMARK"], rows).splitlines() == [
        "KIND        STATE        REMARK",
        "elastic IP  in use by a  retained for",
        "address     head node    180 days",
    ]


def test_a_table_whose_words_do_not_fit_is_shown_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    at_a_terminal(monkeypatch, 50)
    assert table(["KIND", "ID", "$/DAY"], [["topic", ARN, "0.00"], ["log group", "/aws/x", "0.01"]]).splitlines() == [
        "KIND   topic",
        f"ID     {ARN}",
        "$/DAY  0.00",
        "",
        "KIND   log group",
        "ID     /aws/x",
        "$/DAY  0.01",
    ]


@pytest.mark.parametrize("rows", [[], [["idle", "1.00", ""]], [["idle", "", ""], ["", "2.00", ""]]])
def test_a_column_without_name_and_content_harms_no_table(
    monkeypatch: pytest.MonkeyPatch, rows: list[list[str]]
) -> None:
    at_a_terminal(monkeypatch, 80)
    assert len(table(["WHAT", "$", ""], rows).splitlines()) == 1 + len(rows)
