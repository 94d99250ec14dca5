"""Completing one block of a profile: what is lacking is added, what is there is never changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from daylily_ec.errors import Refused
from daylily_ec.headnode.bclconvert import BLOCK, DEFAULTS
from daylily_ec.headnode.profile_block import completed

PROFILE = """\
# Rules of the lab
bwa:   {threads: 16, list: [ "a",  'b' ]}   # odd spacing stays

bclconvert:   # tuned in March
    # the whole node
    threads: 96          # not 192
    partition: 'i96'

    tmpdir: "/fsx/scratch"
    samples:
    - one
    -   two
# after it
octal: 0777
yes: no
"""
_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f\x85\xa0"), max_size=12)
_VALUE = st.one_of(_TEXT, st.integers(), st.booleans(), st.none(), st.lists(_TEXT, max_size=2))
_KEYS = st.one_of(st.sampled_from(sorted(DEFAULTS)), st.from_regex(r"[a-z_]{1,8}", fullmatch=True))
_STYLES = st.sampled_from(("block", "flow", "wide"))


def loaded(text: str) -> dict[str, dict[str, object]]:
    document: dict[str, dict[str, object]] = YAML(typ="safe", pure=True).load(text)
    return document


def written(block: dict[str, object], others: dict[str, object], style: str) -> str:
    rest = "".join(f"{name}x: {json.dumps(value)}  # {name}\n" for name, value in others.items())
    if style == "flow" or not block:
        return f"{rest}{BLOCK}: {json.dumps(block)}  # here\nlast: 1\n"
    indent = " " * (2 if style == "block" else 6)
    lines = "".join(
        f"{indent}# about {name}\n{indent}{name}: {json.dumps(value)} # ?\n" for name, value in block.items()
    )
    return f"{rest}{BLOCK}: # here\n{lines}\n# end\nlast: 1\n"


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(_KEYS, _VALUE, max_size=8), st.dictionaries(_KEYS, _VALUE, max_size=3), _STYLES)
def test_keys_that_are_there_are_never_changed(block: dict[str, object], others: dict[str, object], style: str) -> None:
    text = written(block, others, style)
    done = completed(text, BLOCK, DEFAULTS)
    before, after = loaded(text), loaded(done.text)
    assert set(done.added) == DEFAULTS.keys() - block.keys()
    assert after.pop(BLOCK) == {**DEFAULTS, **(before.pop(BLOCK) or {})}
    assert after == before
    if style != "flow" and block:
        assert [line for line in done.text.splitlines() if line in text.splitlines()] == text.splitlines()
    again = completed(done.text, BLOCK, DEFAULTS)
    assert (again.text, again.added) == (done.text, {})


def test_comments_order_and_odd_writing_stay_and_values_are_quoted() -> None:
    done = completed(PROFILE, BLOCK, DEFAULTS)
    lines = done.text.splitlines(keepends=True)
    added = [f"    {name}: {json.dumps(value)}\n" for name, value in DEFAULTS.items()
             if name not in ("threads", "partition", "tmpdir")]  # fmt: skip
    assert lines == [*PROFILE.splitlines(keepends=True)[:4], *added, *PROFILE.splitlines(keepends=True)[4:]]
    assert done.kept["threads"] == "96"
    assert {type(value) for name, value in loaded(done.text)[BLOCK].items() if name in done.added} == {str}


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize(
    "text",
    [f"{BLOCK}:", f"a: 1\n{BLOCK}: # mine", f"  {BLOCK}:", f"{BLOCK}: {{}}", f"---\n{BLOCK}:\n  threads: null",
     f'{{"{BLOCK}": {{"a": 1}}}}', f"\ufeff{BLOCK}:"],
)  # fmt: skip
def test_empty_and_flow_blocks_are_filled_with_the_files_line_ends(text: str, end: str) -> None:
    text = text.replace("\n", end or "\n") + end
    done = completed(text, BLOCK, {"threads": "1", "tmpdir": 'a"\\é'})
    found = loaded(done.text)[BLOCK]
    assert found["tmpdir"] == 'a"\\é'
    assert found["threads"] == (None if "null" in text else "1")
    assert done.text.count("\r\n") in (0, done.text.count("\n"))
    assert ("\r\n" in done.text) == ("\r\n" in text)


def test_merged_keys_count_and_of_two_blocks_the_last_one_is_completed() -> None:
    text = f"base: &base\n  threads: '8'\n{BLOCK}:\n  x: 1\n{BLOCK}:\n  <<: *base\n  tmpdir: /x\n  tmpdir: /y\n"
    done = completed(text, BLOCK, {"threads": "1", "tmpdir": "t", "force": "true"})
    assert done.text == text.replace("  <<: *base\n", '  force: "true"\n  <<: *base\n')
    assert (done.kept["threads"], done.kept["tmpdir"]) == ("8", "/y")


@pytest.mark.parametrize(
    ("text", "why"),
    [("a: 1\n", "has no block"), ("", "has no block"), ("- bclconvert\n", "has no block"),
     (f"{BLOCK}: 5\n", "no mapping"), (f"{BLOCK}: ~\n", "no mapping"), (f"{BLOCK}: [a]\n", "no mapping"),
     (f"{BLOCK}: {{a: 1\n", "not read as YAML"), (f"{BLOCK}:\n\ta: 1\n", "not read as YAML"),
     (f"{BLOCK}:\n  a: 1\n---\nb: 1\n", "not read as YAML"), (f"x: {{{BLOCK}: {{}}}}\n", "has no block"),
     (f"{BLOCK}:\n  &a\n  a: 1\n", "safely"), (f"? {BLOCK}\n: a: 1\n", "safely|not read")],
)  # fmt: skip
def test_what_is_no_block_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as info:
        completed(text, BLOCK, DEFAULTS)
    assert info.value.code == "bclconvert_profile"
    assert "workflow resume" in info.value.hint
