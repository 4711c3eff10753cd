"""A consensus (draft) of the subreads of one molecule, with qualities, made from nothing but them (numpy).

The full pass whose words most other passes share is the first draft. Passes are aligned to it and vote column
by column, twice; then changes that make the passes likelier are made until none is left (`draft_polish`).
What probability the changes have that were not made is the quality.

Legend: T bases of the draft.

Source: own. `ccs` does the same with a finer model that takes the kinetics into account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from lexome.core.alphabet import NO_BASE, kmer_index
from lexome.features.draft_polish import ErrorRates, apply_best, doubt_of, edits_of, odds_of
from lexome.features.draft_votes import Votes
from lexome.features.subread_alignment import Consensus, align_subread, reverse_codes

MAJORITY_ROUNDS, POLISH_ROUNDS = 2, 8
MIN_IDENTITY = 0.7
MAX_VOTERS = 60  # passes; more say nothing new
WORD_BP = 12
FULL_SHARE, TOO_LONG = 0.8, 1.5  # of the median length
# Fitted to the errors in drafts of 60 simulated molecules (docs/prepare-subreads.md): the odds of changes are
# believed less than they say; where no pass speaks for a change, errors are fewer the more passes there are.
TEMPER, BELIEF = 0.752, -0.928
UNSEEN, UNSEEN_PER_PASS, UNSEEN_PASSES = -3.942, -0.336, 14
MAX_QUALITY = 93
ADAPTER_BEFORE, ADAPTER_AFTER = 1, 2  # bits of the tag cx


@dataclass(frozen=True)
class Pass:
    """A subread: codes in the direction of sequencing (uint8), and the tag cx, None if it has none."""

    codes: np.ndarray
    adapters: int | None


@dataclass(frozen=True)
class Draft:
    """A consensus: `codes` and `qualities` (Phred) uint8[T]; `coverage` is the mean number of passes."""

    codes: np.ndarray
    qualities: np.ndarray
    num_full: int
    coverage: float
    accuracy: float


def full_passes(passes: Sequence[Pass]) -> list[bool]:
    """Which passes go over the whole molecule: between two adapters; without cx those of about one length.

    One that is far longer than the others went over the molecule more than once: its adapter was not seen.
    """
    if all(one.adapters is not None for one in passes):
        both = ADAPTER_BEFORE | ADAPTER_AFTER
        full = [(one.adapters or 0) & both == both for one in passes]
    else:
        longest_half = sorted(len(one.codes) for one in passes)[len(passes) // 2 :]
        least = FULL_SHARE * float(np.median(longest_half))
        full = [len(one.codes) >= least for one in passes]
    lengths = [len(one.codes) for one in compress(passes, full)]
    limit = TOO_LONG * float(np.median(lengths)) if lengths else 0.0
    return [is_full and len(one.codes) <= limit for one, is_full in zip(passes, full, strict=True)]


def make_draft(passes: Sequence[Pass], rates: ErrorRates, min_passes: int) -> Draft | None:
    """Makes the draft of a molecule.

    Args:
        passes: in the order of time; letters that are no base are left out.
        rates: how they err.
        min_passes: full passes that must be there and fit, at least 1.

    Returns:
        The draft, in the direction of one of the full passes; None if too few full passes fit each other.
    """
    passes = [Pass(one.codes[one.codes != NO_BASE], one.adapters) for one in passes]
    full = full_passes(passes)
    if sum(full) < min_passes:
        return None
    # of very many passes full ones are worth most
    order = sorted(sorted(range(len(passes)), key=lambda i: not full[i])[:MAX_VOTERS])
    voters, is_full = [passes[i] for i in order], [full[i] for i in order]
    codes = backbone(list(compress(voters, is_full)))
    for number in range(MAJORITY_ROUNDS + POLISH_ROUNDS):
        votes, num_full = votes_on(codes, voters, is_full)
        if num_full < min_passes:
            return None
        if number < MAJORITY_ROUNDS:
            codes = by_majority(votes)
            continue
        edits = edits_of(votes)
        odds_N = odds_of(votes, edits, rates)
        better, changes = apply_best(codes, edits, odds_N)
        if changes == 0 or number == MAJORITY_ROUNDS + POLISH_ROUNDS - 1:
            return _finished(votes, num_full, doubt_of(len(codes), edits, odds_N))
        codes = better
    raise AssertionError("there is a last round")


def _finished(votes: Votes, num_full: int, doubt_T: np.ndarray) -> Draft:
    """The draft that votes were given on."""
    wrong_T = error_of(doubt_T, votes.cover_T)
    qualities = np.clip(np.rint(-10 * np.log10(wrong_T)), 1, MAX_QUALITY).astype(np.uint8)
    return Draft(votes.codes, qualities, num_full, float(votes.cover_T.mean()), float(1 - wrong_T.mean()))


def error_of(doubt_T: np.ndarray, cover_T: np.ndarray) -> np.ndarray:
    """Probabilities of error: odds of the changes at each base, tempered, and what no odds tell of."""
    odds_T = np.exp(BELIEF) * doubt_T**TEMPER
    unseen_T = np.exp(UNSEEN + UNSEEN_PER_PASS * np.minimum(cover_T, UNSEEN_PASSES))
    return np.clip(odds_T / (1 + odds_T) + unseen_T, 0, 0.75)


def backbone(full: Sequence[Pass]) -> np.ndarray:
    """The codes of the full pass whose words most others have too, on either strand.

    Args:
        full: at least one.
    """
    words = [_words(one.codes) for one in full]
    every, counts = np.unique(np.concatenate(words), return_counts=True)
    support = [float((counts[np.searchsorted(every, one)] - 1).mean()) if len(one) else -1.0 for one in words]
    return full[int(np.argmax(support))].codes


def _words(codes: np.ndarray) -> np.ndarray:
    """The words of a pass, each as that of the strand where its number is less, each once."""
    forward, reverse = kmer_index(codes, WORD_BP), kmer_index(reverse_codes(codes), WORD_BP)[::-1]
    return np.unique(np.minimum(forward, reverse))


def votes_on(codes: np.ndarray, passes: Sequence[Pass], is_full: Sequence[bool]) -> tuple[Votes, int]:
    """The votes of all passes that fit, and how many of these are full."""
    votes, target, num_full = Votes(codes), Consensus(codes), 0
    for one, full in zip(passes, is_full, strict=True):
        found = align_subread(one.codes, target)
        if found is None or found.identity < MIN_IDENTITY:
            continue
        query = reverse_codes(one.codes) if found.is_reverse else one.codes
        before, after = (full, full) if one.adapters is None else _ends(one.adapters)
        at_start, at_end = (after, before) if found.is_reverse else (before, after)
        votes.add(query, found, at_start, at_end)
        num_full += full
    return votes, num_full


def _ends(adapters: int) -> tuple[bool, bool]:
    return bool(adapters & ADAPTER_BEFORE), bool(adapters & ADAPTER_AFTER)


def by_majority(votes: Votes) -> np.ndarray:
    """The next draft by columns: the commonest base where most passes have one, a further one likewise."""
    kept = votes.reads_T4.sum(1) * 2 >= votes.cover_T
    base_T = np.where(votes.reads_T4.any(1), votes.reads_T4.argmax(1), votes.codes)
    slot, place = np.nonzero(votes.inserts.sum(2) * 2 > votes.slot_cover[:, None])
    further = votes.inserts[slot, place].argmax(1)
    at = np.cumsum(np.append(0, kept))[slot]
    return np.insert(base_T[kept], at, further).astype(np.uint8)
