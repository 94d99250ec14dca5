"""Every mutation still fits the source; a seeded sample of them is noticed.  `python -m tests.mutations` tries all."""

from __future__ import annotations

import random

import pytest

from tests.mutations.__main__ import MUTATIONS, survivors
from tests.mutations.mutation import ROOT, Mutation

SEED, SIZE = 20260211, 3


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_it_fits_the_source_and_names_a_test(mutation: Mutation) -> None:
    text = (ROOT / mutation.path).read_text()
    assert mutation.mutated(text) != text
    assert (ROOT / mutation.test.partition("::")[0]).is_file()


def test_a_sample_turns_its_tests_red() -> None:
    assert survivors(random.Random(SEED).sample(MUTATIONS, SIZE)) == []
