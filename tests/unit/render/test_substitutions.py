"""Token replacement: values arrive as they are, and the document keeps its shape whatever they contain."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from daylily_ec.errors import ValidationError
from daylily_ec.render.substitutions import dump, load, substitute

TEMPLATE = """\
# comment
Region: ${REGSUB_A}
Size: ${REGSUB_N}
Flag: ${REGSUB_B}
Path: s3://${REGSUB_A}/boot/${REGSUB_C}.sh
List:
  - ${REGSUB_C}
  - Key: k
    Value: "${REGSUB_A}"
Flow: {inner: "x${REGSUB_C}y"}
Kept: 'no'
"""

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
TRAPS = st.sampled_from(
    ["no", "~", "null", "1_000", "12:30:00", "0o17", "1e3", "- a", "a: b", "a #b", "{}", "*x", "&y", "!t", "%d", "'",
     '"', "${REGSUB_A}", "\\", "a\nb: c", " lead", "trail ", "2001-01-01", "=", "<<", ".inf", "\x85", "\u2028", "\t"]
)  # fmt: skip


def shape(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: shape(value) for key, value in node.items()}
    if isinstance(node, list):
        return [shape(item) for item in node]
    return type(node).__name__


def render(template: str, **values: str | int | bool) -> str:
    document = load(template, "template.yaml")
    substitute(document, {f"REGSUB_{name}": value for name, value in values.items()}, "template.yaml")
    return dump(document)


@settings(deadline=None)  # a busy machine is no failure
@given(a=WORDS | TRAPS, c=WORDS | TRAPS)
def test_no_value_can_change_the_shape(a: str, c: str) -> None:
    calm = yaml.safe_load(render(TEMPLATE, A="a", C="c", N=1, B=True))
    seen = yaml.safe_load(render(TEMPLATE, A=a, C=c, N=1, B=True))
    assert shape(seen) == shape(calm)
    assert seen["Region"] == a
    assert seen["List"][0] == c
    assert seen["List"][1]["Value"] == a
    assert seen["Path"] == f"s3://{a}/boot/{c}.sh"
    assert seen["Flow"] == {"inner": f"x{c}y"}


def test_numbers_and_flags_keep_their_type_and_untouched_nodes_their_quotes() -> None:
    text = render(TEMPLATE, A="us-west-2", C="c", N=4800, B=False)
    seen = yaml.safe_load(text)
    assert (seen["Size"], seen["Flag"], seen["Kept"]) == (4800, False, "no")
    assert text.startswith("# comment\n")
    assert "Kept: 'no'" in text


def test_rendering_twice_gives_the_same_bytes() -> None:
    once = render(TEMPLATE, A="a" * 300, C="long value " * 30, N=1, B=True)
    assert once == render(TEMPLATE, A="a" * 300, C="long value " * 30, N=1, B=True)
    assert dump(load(once, "x")) == once


@pytest.mark.weakness("W-44")
def test_unknown_and_empty_tokens_are_named_together() -> None:
    with pytest.raises(ValidationError) as caught:
        render("a: ${REGSUB_NOPE}\nb: ${REGSUB_EMPTY}\nc: ${REGSUB_ALSO}\n${REGSUB_X}: d\n", EMPTY="", X="x")
    assert "unknown tokens: REGSUB_ALSO, REGSUB_NOPE" in caught.value.message
    assert "tokens without a value: REGSUB_EMPTY" in caught.value.message
    assert "tokens in keys: REGSUB_X" in caught.value.message


@pytest.mark.parametrize("text", ["- a\n", "a: [", "", "a: 1\na: 2\n"])
def test_what_is_no_mapping_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(ValidationError, match=r"template\.yaml"):
        load(text, "template.yaml")
