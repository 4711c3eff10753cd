"""What tokenizers make of sequences: compression, lengths, unknown letters, edits, leaks, sizes, cost.

Legend: N tokens.

Source: the slides of DNABERT-2, which draw the leak of overlapping k-mers and the shift of those side by
side; here both are measured. FLOPs are counted for the network of the slides (12 layers of width 768).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lexome.features.tokens import bpe_tokenizer
from lexome.features.tokens_bpe import Bpe
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.features.tokens_train import BpeTraining

EDITS = ("substitution", "insertion", "deletion")
MASKED_SHARE = 0.15
LAYERS, WIDTH, INNER = 12, 768, 3072
FLOPS_BP = 500  # length of the sequences that the slides' FLOPs are of


def tokenizer_figures(
    name: str, tokenizer: Tokenizer, windows: Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """All figures of one tokenizer on windows of sequence."""
    encoded = [tokenizer.encode_with_offsets(window, special=False) for window in windows]
    ids_N = np.concatenate([one.ids for one in encoded])
    length_N = np.concatenate([np.diff(one.offsets)[:, 0] for one in encoded])
    bases = sum(map(len, windows))
    unknown = int((ids_N == tokenizer.special_ids.get("unk", -1)).sum())
    return {
        "name": name,
        "kind": tokenizer.kind,
        "vocab_size": tokenizer.vocab_size,
        "bases": bases,
        "tokens": len(ids_N),
        "bases_per_token": _ratio(bases, len(ids_N)),
        "unknown_tokens": unknown,
        "unknown_rate": _ratio(unknown, len(ids_N)),
        "vocab_used_rate": len(np.unique(ids_N)) / tokenizer.vocab_size,
        "token_length_bp": _spread(length_N),
        "token_length_counts": np.bincount(length_N).tolist(),
        "orders": _orders(tokenizer, windows),
        "edits": {kind: _edit_figures(tokenizer, windows, kind, seed) for kind in EDITS},
        "leak": _leak(encoded, seed),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _spread(values: np.ndarray) -> dict[str, float | None]:
    if not len(values):
        return dict.fromkeys(("mean", "p10", "median", "p90", "max"))
    p10, median, p90 = np.percentile(values, [10, 50, 90]).tolist()
    return {
        "mean": float(values.mean()),
        "p10": p10,
        "median": median,
        "p90": p90,
        "max": float(values.max()),
    }


def _orders(tokenizer: Tokenizer, windows: Sequence[str]) -> dict[str, Any] | None:
    """How often merging by rank and the longest tokens first differ; None where there is one way only."""
    if not isinstance(tokenizer.model, Bpe):
        return None
    ways = [tokenizer.with_order(order) for order in ("merges", "longest")]
    windows_different, tokens, unlike, longest_tokens = 0, 0, 0, 0
    for window in windows:
        merges, longest = (way.encode_with_offsets(window, special=False) for way in ways)
        # a token is the same if it covers the same letters
        same = len(set(map(tuple, merges.offsets.tolist())) & set(map(tuple, longest.offsets.tolist())))
        windows_different += same < max(len(merges.ids), len(longest.ids))
        tokens += len(merges.ids)
        unlike += len(merges.ids) - same
        longest_tokens += len(longest.ids)
    return {
        "windows_different": windows_different,
        "windows_different_rate": _ratio(windows_different, len(windows)),
        "tokens_different_rate": _ratio(unlike, tokens),
        "bases_per_token_longest": _ratio(sum(map(len, windows)), longest_tokens),
    }


def _edited(window: str, kind: str, rng: np.random.Generator) -> str:
    """The window with one base changed, put in or taken out at random; a base becomes another one."""
    at = int(rng.integers(0, len(window)))
    if kind == "deletion":
        return window[:at] + window[at + 1 :]
    before = window[at].upper()
    base = str(rng.choice([b for b in "ACGT" if kind == "insertion" or b != before]))
    return window[:at] + base + window[at + (kind == "substitution") :]


def changed_tokens(before: np.ndarray, after: np.ndarray) -> int:
    """Tokens between the first and the last that differ, seen from both ends; of the longer of the two."""
    shorter = min(len(before), len(after))
    unequal = np.flatnonzero(before[:shorter] != after[:shorter])
    same_first = int(unequal[0]) if len(unequal) else shorter
    rest = shorter - same_first
    unequal = np.flatnonzero(before[len(before) - rest :][::-1] != after[len(after) - rest :][::-1])
    same_last = int(unequal[0]) if len(unequal) else rest
    return max(len(before), len(after)) - same_first - same_last


def _edit_figures(tokenizer: Tokenizer, windows: Sequence[str], kind: str, seed: int) -> dict[str, Any]:
    """One edit per window: how many tokens are others then."""
    rng = np.random.default_rng(seed)
    used = [window for window in windows if len(window) > 1]
    edited = [_edited(window, kind, rng) for window in used]
    before, after = (tokenizer.encode_batch(texts, special=False) for texts in (used, edited))
    changed = np.array([changed_tokens(a, b) for a, b in zip(before, after, strict=True)], np.int64)
    shares = changed / np.array([max(1, len(a)) for a in before])
    return {
        "windows": len(used),
        "changed_tokens": _spread(changed),
        "changed_rate": _spread(shares),
    }


def _leak(encoded: Sequence[Any], seed: int) -> dict[str, Any]:
    """How much of masked tokens can be read off their unmasked neighbours, which cover the same bases."""
    rng = np.random.default_rng(seed)
    masked = whole = 0
    bases = seen_bases = 0
    for one in encoded:
        if not len(one.ids):
            continue
        is_masked = rng.random(len(one.ids)) < MASKED_SHARE
        end = int(one.offsets.max())
        covered = np.zeros(end + 1, np.int64)
        np.add.at(covered, one.offsets[~is_masked, 0], 1)
        np.add.at(covered, one.offsets[~is_masked, 1], -1)
        seen = np.concatenate([[0], np.cumsum(np.cumsum(covered)[:-1] > 0)])
        starts, ends = one.offsets[is_masked].T
        lengths, visible = ends - starts, seen[ends] - seen[starts]
        masked += len(lengths)
        whole += int((lengths == visible).sum())
        bases += int(lengths.sum())
        seen_bases += int(visible.sum())
    return {
        "masked_share": MASKED_SHARE,
        "masked_tokens": masked,
        "fully_seen_rate": _ratio(whole, masked),
        "seen_bases_rate": _ratio(seen_bases, bases),
    }


def training_flops(tokens: float, vocab_size: int) -> float:
    """FLOPs of one training step of the slides' network on one sequence (forward and backward: three times).

    Per token and layer four projections of attention and a gated feed-forward network (three matrices), the
    scores and sums of attention over all tokens, and the prediction of the masked tokens over the vocabulary.
    """
    layer = 2 * (4 * WIDTH**2 + 3 * WIDTH * INNER) + 4 * WIDTH * tokens
    head = MASKED_SHARE * 2 * (WIDTH**2 + WIDTH * vocab_size)
    return 3 * tokens * (LAYERS * layer + head)


def sweep_figures(
    training: BpeTraining, windows: Sequence[str], sizes: Sequence[int]
) -> list[dict[str, Any]]:
    """Vocabularies of several sizes out of one training: the first merges of a large one are the small one's.

    Args:
        training: of the largest size.
        windows: sequences to measure on.
        sizes: tokens in all; those that the training did not reach are left out.

    Returns:
        One entry per size, with FLOPs relative to the first.
    """
    bases = sum(map(len, windows))
    rows: list[dict[str, Any]] = []
    for size in sizes:
        tokenizer = bpe_tokenizer(training.merges[: max(0, size - 9)])
        if tokenizer.vocab_size != size:
            continue
        tokens = sum(map(len, tokenizer.encode_batch(windows, special=False)))
        lengths = [
            len(token) for i, token in enumerate(tokenizer.tokens) if i not in tokenizer.special.values()
        ]
        per_token = bases / tokens
        rows.append(
            {
                "vocab_size": size,
                "vocab_mean_length_bp": float(np.mean(lengths)),
                "bases_per_token": per_token,
                "length_ratio": 1 / per_token,
                "training_flops": training_flops(FLOPS_BP / per_token + 2, size),
                "rarest_merge": int(training.counts[size - 10]) if size > 9 else None,
            }
        )
    for row in rows:
        row["relative_flops"] = row["training_flops"] / rows[0]["training_flops"]
    return rows
