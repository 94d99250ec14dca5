"""The samples of a run that is only to be demultiplexed, from the BCL Convert section of its sample sheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from daylily_ec.errors import ValidationError
from daylily_ec.samples import columns
from daylily_ec.samples.plan import table

SECTION = "BCLConvert_Data"
_ID = "Sample_ID"
_NEGATIVE = {"NTC", "NEGATIVE_CONTROL"}
_NA = "na"


def samples_table(sheet: str, name: str) -> str:
    """`samples.tsv` with one row per Sample_ID of the section, in its order; `name` is only for messages."""
    found = tuple(dict.fromkeys(_sample_ids(sheet, name)))
    if not found:
        raise ValidationError(f"{name} names no sample in [{SECTION}].", code="bad_sample_sheet")
    return table(columns.SAMPLES, tuple(map(_row, found)))


def _sample_ids(sheet: str, name: str) -> Iterator[str]:
    rows = list(csv.reader(_section(sheet)))
    if not rows or _ID not in rows[0]:
        raise ValidationError(f"{name} has no [{SECTION}] with the column {_ID}.", code="bad_sample_sheet")
    column = rows[0].index(_ID)
    for cells in rows[1:]:
        sample = cells[column].strip() if column < len(cells) else ""
        if any(ord(char) < 32 for char in sample):
            raise ValidationError(f"{name} has a control character in {sample!r}.", code="bad_sample_sheet")
        if sample:
            yield sample


def _section(sheet: str) -> Iterator[str]:
    inside = False
    for line in sheet.splitlines():
        if line.startswith("["):
            inside = line.strip(", \t") == f"[{SECTION}]"
        elif inside and line.strip(", \t"):
            yield line


def _row(sample: str) -> dict[str, str]:
    row = dict.fromkeys(columns.SAMPLES, _NA)
    row |= {"SAMPLEID": sample, "SAMPLESOURCE": "blood", "SAMPLECLASS": "research", "BIOLOGICAL_SEX": "unknown"}
    if sample.upper() in _NEGATIVE:
        row |= {"SAMPLECLASS": "control", "IS_NEGATIVE_CONTROL": "true"}
    return row
