"""An exact variant truth for untouched reads: the reference is edited, the sequenced genome is the answer.

Reads cannot be changed without becoming synthetic, so differences are planted in the *reference*.  Each truth record
therefore turns edited bases back into original ones, and applying all of them to the edited reference must give the
original sequence: that is checked whenever a truth is made, so it is exact by construction and by proof.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

BASES = "ACGT"
MARGIN = 300
"""Bases at either end without edits: reads are too shallow there to call anything."""

EDITS: tuple[tuple[str, int], ...] = (
    *((("snv", 1),) * 12),
    ("pair", 2),
    *(("insertion", length) for length in (1, 3, 6)),
    *(("deletion", length) for length in (1, 4, 10)),
)
"""What is planted, seen from the sequenced sample; a pair is two substitutions five bases apart.  20 records."""


@dataclass(frozen=True, slots=True, order=True)
class Variant:
    """One VCF record in coordinates of the edited reference; `position` counts from 1."""

    position: int
    ref: str
    alt: str


@dataclass(frozen=True, slots=True)
class Truth:
    """An edited reference and the records that turn it back into `original`."""

    original: str
    edited: str
    variants: tuple[Variant, ...]


class _Draws:
    """Numbers that stay the same in every Python: only `Random.random()` is promised to be reproducible."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, limit: int) -> int:
        return int(self._random.random() * limit)

    def base(self, but: str = "") -> str:
        choices = [base for base in BASES if base not in but]
        return choices[self.below(len(choices))]

    def shuffled(self, items: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        return sorted(items, key=lambda _: self._random.random())


class _Editor:
    """Copies the original from left to right into the edited reference, noting every difference."""

    def __init__(self, original: str, draws: _Draws) -> None:
        self._original = original
        self._draws = draws
        self._cursor = 0
        self._edited: list[str] = []
        self._length = 0
        self.variants: list[Variant] = []

    def _emit(self, bases: str) -> None:
        self._edited.append(bases)
        self._length += len(bases)

    def copy_to(self, position: int) -> None:
        self._emit(self._original[self._cursor : position])
        self._cursor = position

    def _replace(self, original_bases: int, edited: str) -> None:
        alt = self._original[self._cursor : self._cursor + original_bases]
        self.variants.append(Variant(self._length + 1, edited, alt))
        self._emit(edited)
        self._cursor += original_bases

    def substitute(self) -> None:
        self._replace(1, self._draws.base(but=self._original[self._cursor]))

    def plant(self, kind: str, length: int) -> None:
        anchor = self._original[self._cursor]
        if kind == "insertion":
            self._replace(1 + length, anchor)
        elif kind == "deletion":
            self._replace(1, anchor + "".join(self._draws.base() for _ in range(length)))
        else:
            self.substitute()
            if kind == "pair":
                self.copy_to(self._cursor + 4)
                self.substitute()

    def finish(self) -> str:
        self.copy_to(len(self._original))
        return "".join(self._edited)


def left_align(reference: str, variant: Variant) -> Variant:
    """The variant in VCF normal form: trimmed, and as far left as the reference allows.

    >>> left_align("GCACACAT", Variant(5, "ACA", "A"))
    Variant(position=1, ref='GCA', alt='G')
    """
    position, ref, alt = variant.position, variant.ref, variant.alt
    while True:
        if ref and alt and ref[-1] == alt[-1] and (position > 1 or min(len(ref), len(alt)) > 1):
            ref, alt = ref[:-1], alt[:-1]
        elif (not ref or not alt) and position > 1:
            position -= 1
            ref, alt = reference[position - 1] + ref, reference[position - 1] + alt
        else:
            break
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        position, ref, alt = position + 1, ref[1:], alt[1:]
    return Variant(position, ref, alt)


def apply_variants(reference: str, variants: Sequence[Variant]) -> str:
    """The sequence after all variants; raises ValueError when a REF does not match or two records overlap."""
    pieces, cursor = [], 0
    for variant in sorted(variants):
        start = variant.position - 1
        if start < cursor or reference[start : start + len(variant.ref)] != variant.ref:
            raise ValueError(f"record at {variant.position} does not fit the reference")
        pieces += [reference[cursor:start], variant.alt]
        cursor = start + len(variant.ref)
    return "".join([*pieces, reference[cursor:]])


def make_truth(original: str, seed: int) -> Truth:
    """Plant `EDITS` in equal stretches of `original` (bases ACGT); the same seed always gives the same truth."""
    draws = _Draws(seed)
    edits = draws.shuffled(EDITS)
    stretch = (len(original) - 2 * MARGIN) // len(edits)
    editor = _Editor(original, draws)
    for number, (kind, length) in enumerate(edits):
        # The middle half only, so that neighbouring edits never share a read's alignment.
        editor.copy_to(MARGIN + number * stretch + stretch // 4 + draws.below(stretch // 2))
        editor.plant(kind, length)
    edited = editor.finish()
    variants = tuple(sorted(left_align(edited, variant) for variant in editor.variants))
    if apply_variants(edited, variants) != original:
        raise ValueError("the truth does not reproduce the original sequence")
    return Truth(original, edited, variants)


def vcf(truth: Truth, contig: str) -> str:
    """The truth as VCF 4.2 text."""
    head = [
        "##fileformat=VCFv4.2",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        f"##contig=<ID={contig},length={len(truth.edited)}>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    lines = [f"{contig}\t{item.position}\t.\t{item.ref}\t{item.alt}\t.\tPASS\t." for item in truth.variants]
    return "\n".join([*head, *lines]) + "\n"


def fasta(name: str, sequence: str) -> str:
    """One FASTA record, 60 bases per line."""
    return f">{name}\n" + "".join(f"{sequence[at : at + 60]}\n" for at in range(0, len(sequence), 60))
