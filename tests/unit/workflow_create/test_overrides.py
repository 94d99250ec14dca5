"""`--repo-override` is checked before anything is created."""

from __future__ import annotations

import pytest

from daylily_ec.errors import InvalidValue
from daylily_ec.workflow.repo_overrides import parse_overrides

pytestmark = pytest.mark.weakness("W-05")
KEY = "daylily-omics-analysis"


def test_overrides_are_sorted_and_said_once() -> None:
    assert parse_overrides((f"{KEY}:2.0.26", f"{KEY}:2.0.26")) == (f"{KEY}:2.0.26",)
    assert parse_overrides(()) == ()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("nothing",), "must be key:ref"),
        (("no-such:main",), "the catalog has no repository 'no-such'"),
        ((f"{KEY}:--upload-pack=x",), "git reference"),
        ((f"{KEY}:",), "git reference"),
        ((f"{KEY}:main", f"{KEY}:2.0.26"), "was given main already"),
        (("$(id):main",), "repository"),
    ],
)
def test_an_unknown_key_a_bad_reference_or_two_words_are_refused(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(InvalidValue, match=words.replace("(", r"\(")):
        parse_overrides(texts)


def test_the_refusal_lists_the_known_keys() -> None:
    with pytest.raises(InvalidValue) as caught:
        parse_overrides(("no-such:main",))
    assert KEY in caught.value.hint
