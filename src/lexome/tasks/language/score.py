"""How likely a masked language model finds the alternative of a variant, against the reference.

score = log P(alternative) - log P(reference), natural logarithms: below 0 the model prefers the reference.
Both alleles are put between the same flanks and divided into tokens. A model gives probabilities of tokens,
not of bases, and one base can change how BPE divides its surroundings, so:

- `masked`: all tokens from the first to the last that differ are masked together, in either sequence, and
  log P is the sum over them. What stays visible is the same tokens in both. Added to them is every token
  that covers a base of the variant (for an indel in a repeat: of the repeat, since each way to place the
  indel there is the same sequence), so that with overlapping k-mers no visible token shows the base. Where
  an allele has no token of its own (a deletion between tokens), the tokens on its sides are masked as well.
- `full`: every token that touches the variant or its flanks is masked in turn, together with tokens that
  overlap it, and the logarithms of the masked ones' probability are added up (pseudo-log-likelihood).

Alleles may differ in their number of tokens, and more tokens mean a smaller P; `per_token` compares the means
instead of the sums. Neither is a probability of the sequence: masked tokens are judged one by one.

Source: masked marginals and pseudo-log-likelihood of Meier 2021 and Salazar 2020, carried over to tokens of
several bases.

Legend: T tokens, M masked tokens.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int

from lexome.core.errors import UsageError
from lexome.features.tokens_tokenizer import Encoded, Tokenizer
from lexome.tasks.language.infer import BATCH_TOKENS, check_masked_model, in_order, masked_log_probabilities
from lexome.tasks.language.model import LanguageModel
from lexome.tasks.language.pieces import Tally
from lexome.tasks.language.regions import Genome
from lexome.tasks.language.variants import Variant

Method = Literal["masked", "full"]


@dataclass(frozen=True)
class ScoreConfig:
    """How variants are scored.

    Attributes:
        method: see the module.
        window_bp: bases of the reference around a variant, fewer at the ends of a contig.
        flank_bp: of `full`: tokens so far from the variant are masked in turn.
        batch_tokens: see `in_order`.
    """

    method: Method = "masked"
    window_bp: int = 512
    flank_bp: int = 32
    batch_tokens: int = BATCH_TOKENS

    def __post_init__(self) -> None:
        if self.window_bp < 4:
            raise UsageError(f"--window {self.window_bp} is too small; at least 4")
        if self.method == "full" and 2 * self.flank_bp > self.window_bp:
            raise UsageError(f"--flank {self.flank_bp} reaches beyond --window {self.window_bp}")


@dataclass(frozen=True)
class VariantScore:
    """Of one alternative; natural logarithms, and the tokens that each is the sum over."""

    variant: Variant
    ref_log_p: float
    alt_log_p: float
    ref_tokens: int
    alt_tokens: int

    @property
    def score(self) -> float:
        """Log P(alternative) - log P(reference)."""
        return self.alt_log_p - self.ref_log_p

    @property
    def per_token(self) -> float:
        """The same of the means over tokens."""
        return self.alt_log_p / self.alt_tokens - self.ref_log_p / self.ref_tokens


@dataclass(frozen=True, eq=False)
class _Masked:
    """A sequence with masked tokens, and those of them that count."""

    number: int
    is_alt: bool
    ids: Int[np.ndarray, " T"]
    places: Int[np.ndarray, " M"]
    truth: Int[np.ndarray, " M"]


def score_variants(
    model: LanguageModel,
    variants: Iterable[Variant],
    genome: Genome,
    config: ScoreConfig,
    tally: Tally | None = None,
) -> Iterator[VariantScore]:
    """Yields the score of every variant, in their order.

    Args:
        model: a masked language model.
        variants: checked against the genome (see `variants.read_variants`).
        genome: the reference.
        config: how to score.
        tally: is told the tokens of the references.

    Raises:
        UsageError: if the model scores no masked tokens.
    """
    check_masked_model(model)
    held: dict[int, Variant] = {}

    def copies() -> Iterator[_Masked]:
        for number, variant in enumerate(variants):
            held[number] = variant
            ref, alt = (_encoded(variant, one, genome, config, model.tokenizer) for one in (False, True))
            if tally is not None:
                tally.add_ids(ref.encoded.ids, model.tokenizer)
            yield from _masked(number, ref, alt, config, model.tokenizer)

    def compute(batch: list[_Masked]) -> list[float]:
        found = masked_log_probabilities(
            model, [one.ids for one in batch], [one.places for one in batch], [one.truth for one in batch]
        )
        return [float(log_p.sum()) for log_p in found]

    sums, tokens, current = [0.0, 0.0], [0, 0], 0
    for one, log_p in in_order(copies(), lambda one: len(one.ids), compute, config.batch_tokens):
        if one.number != current:
            yield VariantScore(held.pop(current), sums[0], sums[1], tokens[0], tokens[1])
            sums, tokens, current = [0.0, 0.0], [0, 0], one.number
        sums[one.is_alt] += log_p
        tokens[one.is_alt] += len(one.places)
    if current in held:
        yield VariantScore(held.pop(current), sums[0], sums[1], tokens[0], tokens[1])


@dataclass(frozen=True, eq=False)
class _Allele:
    """A window with one of the alleles: tokens, and the bases that the allele may have changed."""

    sequence: str
    encoded: Encoded


def _encoded(
    variant: Variant, is_alt: bool, genome: Genome, config: ScoreConfig, tokenizer: Tokenizer
) -> _Allele:
    around = config.window_bp - len(variant.ref)
    start = max(0, variant.start_bp - around // 2)
    end = min(genome.lengths_bp[variant.contig], start + config.window_bp)
    start = max(0, end - config.window_bp)
    end_of_ref = variant.start_bp + len(variant.ref)
    left = genome.bases(variant.contig, start, variant.start_bp)
    right = genome.bases(variant.contig, end_of_ref, end)
    sequence = left + (variant.alt if is_alt else variant.ref) + right
    return _Allele(sequence, tokenizer.encode_with_offsets(sequence))


def changed_stretch(ref: str, alt: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where two sequences differ, as start and end in either.

    It is the smallest stretch that holds every way to place the change: of AAA against AAAA all of it.
    """
    shorter = min(len(ref), len(alt))
    first = next((i for i in range(shorter) if ref[i] != alt[i]), shorter)
    last = next((i for i in range(shorter) if ref[-1 - i] != alt[-1 - i]), shorter)
    start, behind = min(first, shorter - last), min(last, shorter - first)
    return (start, len(ref) - behind), (start, len(alt) - behind)


def masked_spans(
    ref: Encoded, alt: Encoded, stretches: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The tokens to mask in either, first and end; those outside are the same ids in both.

    Args:
        ref: tokens of the reference.
        alt: tokens of the alternative.
        stretches: bases that differ, from `changed_stretch`.
    """
    shorter = min(len(ref.ids), len(alt.ids))
    unequal = np.flatnonzero(ref.ids[:shorter] != alt.ids[:shorter])
    first = int(unequal[0]) if len(unequal) else shorter
    unequal = np.flatnonzero(ref.ids[::-1][:shorter] != alt.ids[::-1][:shorter])
    behind = int(unequal[0]) if len(unequal) else shorter
    # tokens may repeat like bases, so that those equal in front and behind may overlap
    if not np.array_equal(ref.ids, alt.ids):  # equal where bases beside unknown letters differ
        first, behind = min(first, shorter - behind), min(behind, shorter - first)
    for encoded, stretch in zip((ref, alt), stretches, strict=True):
        touching = _touching(encoded, stretch)
        if len(touching):
            first = min(first, int(touching[0]))
            behind = min(behind, len(encoded.ids) - 1 - int(touching[-1]))
    if min(len(ref.ids), len(alt.ids)) == first + behind:
        first -= bool(first) and not _is_added(ref, first - 1)
        behind -= bool(behind) and not _is_added(ref, len(ref.ids) - behind)
    return (first, len(ref.ids) - behind), (first, len(alt.ids) - behind)


def _is_added(encoded: Encoded, t: int) -> bool:
    """Whether a token covers no base: [CLS], [SEP] and their like."""
    return bool(encoded.offsets[t, 0] == encoded.offsets[t, 1])


def _touching(encoded: Encoded, stretch: tuple[int, int]) -> Int[np.ndarray, " M"]:
    """Tokens that cover a base of a stretch, or reach over an empty one."""
    start_T, end_T = encoded.offsets.T
    start, end = stretch
    return np.flatnonzero((start_T < end) & (end_T > start))


def _masked(
    number: int, ref: _Allele, alt: _Allele, config: ScoreConfig, tokenizer: Tokenizer
) -> Iterator[_Masked]:
    stretches = changed_stretch(ref.sequence, alt.sequence)
    mask_id = tokenizer.mask_id
    assert mask_id is not None  # the model was checked
    spans = masked_spans(ref.encoded, alt.encoded, stretches)
    for is_alt, (allele, span, stretch) in enumerate(zip((ref, alt), spans, stretches, strict=True)):
        encoded = allele.encoded
        if config.method == "masked":
            groups = [(np.arange(*span), np.arange(*span))]
        else:
            wide = (max(0, stretch[0] - config.flank_bp), stretch[1] + config.flank_bp)
            counted = np.union1d(_touching(encoded, wide), np.arange(*span))
            spans_T2 = [(int(a), int(b)) for a, b in encoded.offsets]
            groups = [(np.array([t]), _touching(encoded, spans_T2[t])) for t in counted.tolist()]
        for places, hidden in groups:
            ids = encoded.ids.copy()
            ids[hidden] = mask_id
            yield _Masked(number, bool(is_alt), ids, places, encoded.ids[places])
