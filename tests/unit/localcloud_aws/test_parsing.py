"""Templates in YAML as CloudFormation reads them."""

from __future__ import annotations

from datetime import date

from daylily_ec.localcloud.patches.cloudformation.parsing import with_dates_as_text


def test_a_bare_date_is_text() -> None:
    assert with_dates_as_text(
        {"Version": date(2012, 10, 17), "Statement": [{"On": [date(2026, 1, 2)], "Size": 3}]}
    ) == {
        "Version": "2012-10-17",
        "Statement": [{"On": ["2026-01-02"], "Size": 3}],
    }
