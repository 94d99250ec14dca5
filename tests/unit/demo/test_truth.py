"""The planted truth is exact: applying it to the edited reference gives the original back."""

from __future__ import annotations

import random

import pytest

from daylily_ec.demo.truth import Variant, apply_variants, fasta, left_align, make_truth, vcf


def genome(seed: int, length: int = 10_000) -> str:
    source = random.Random(seed)
    return "".join(source.choice("ACGT") for _ in range(length))


@pytest.mark.parametrize("seed", range(20))
def test_truth_applied_to_the_edited_reference_gives_the_original(seed: int) -> None:
    original = genome(seed)
    truth = make_truth(original, seed)
    assert truth.edited != original
    assert apply_variants(truth.edited, truth.variants) == original


def test_truth_stays_exact_in_a_repetitive_genome() -> None:
    original = "ACACACACGTGT" * 900
    truth = make_truth(original, 7)
    assert apply_variants(truth.edited, truth.variants) == original


def test_truth_has_fourteen_substitutions_three_insertions_and_three_deletions() -> None:
    variants = make_truth(genome(1), 1).variants
    lengths = sorted(len(item.alt) - len(item.ref) for item in variants)
    assert lengths == sorted([0] * 14 + [1, 3, 6, -1, -4, -10])


def test_same_seed_gives_the_same_truth_and_another_seed_another() -> None:
    original = genome(1)
    assert make_truth(original, 5) == make_truth(original, 5)
    assert make_truth(original, 5) != make_truth(original, 6)


def test_every_variant_is_already_left_aligned_and_trimmed() -> None:
    truth = make_truth("ACACACACGTGT" * 900, 3)
    assert [left_align(truth.edited, item) for item in truth.variants] == list(truth.variants)


@pytest.mark.parametrize(
    ("reference", "given", "wanted"),
    [
        ("GCACACAT", Variant(6, "CA", "C"), Variant(6, "CA", "C")),
        ("GCACACAT", Variant(5, "ACA", "A"), Variant(1, "GCA", "G")),
        ("TTTTG", Variant(4, "T", "TT"), Variant(1, "T", "TT")),
        ("ACGT", Variant(2, "CG", "CT"), Variant(3, "G", "T")),
    ],
)
def test_left_align_gives_the_vcf_normal_form(reference: str, given: Variant, wanted: Variant) -> None:
    assert left_align(reference, given) == wanted
    assert apply_variants(reference, [wanted]) == apply_variants(reference, [given])


@pytest.mark.parametrize(
    "variants", [[Variant(2, "A", "C")], [Variant(1, "AC", "A"), Variant(2, "C", "G")]], ids=["wrong REF", "overlap"]
)
def test_records_that_do_not_fit_are_refused(variants: list[Variant]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        apply_variants("ACGT", variants)


def test_vcf_and_fasta_text() -> None:
    truth = make_truth(genome(1), 1)
    lines = vcf(truth, "ecoli10k").splitlines()
    first = truth.variants[0]
    assert f"##contig=<ID=ecoli10k,length={len(truth.edited)}>" in lines
    assert f"ecoli10k\t{first.position}\t.\t{first.ref}\t{first.alt}\t.\tPASS\t." in lines
    assert fasta("x", "A" * 61) == f">x\n{'A' * 60}\nA\n"
