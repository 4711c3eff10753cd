"""Tokens hidden from a language model, which it learns to tell.

Legend: N sequences, T tokens.

Source: BERT (Devlin 2019) and the slides of DNABERT-2 (each token alone, 15%). Differs: several tokens
side by side can be hidden together (`span`), because overlapping k-mers tell what a single hidden one is.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

NOT_ASKED = -100  # what torch's cross entropy leaves out


@dataclass(frozen=True)
class MaskingConfig:
    """What is hidden, and how.

    Attributes:
        share: of the tokens that the model is asked for.
        span: so many tokens side by side are hidden together; the share stays the same.
        random_share: of the tokens asked for, those that become any other token instead of the mask.
        keep_share: those that stay what they are. BERT's way is 0.1 for both; the slides' is 0.
    """

    share: float = 0.15
    span: int = 1
    random_share: float = 0.0
    keep_share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError("share must lie between 0 and 1")
        if self.span < 1:
            raise ValueError("span must be at least 1")
        if min(self.random_share, self.keep_share) < 0 or self.random_share + self.keep_share > 1:
            raise ValueError("random_share and keep_share must not be negative, nor above 1 together")


@dataclass(frozen=True)
class Vocabulary:
    """What masking needs to know of a tokenizer: its tokens that are not special, and the mask."""

    ordinary_ids: Int[np.ndarray, " V"]
    mask_id: int


def mask_tokens(
    tokens_NT: Int[np.ndarray, "N T"],
    maskable_NT: Bool[np.ndarray, "N T"],
    config: MaskingConfig,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
) -> tuple[Int[np.ndarray, "N T"], Int[np.ndarray, "N T"]]:
    """Hides tokens of a batch.

    Args:
        tokens_NT: the tokens.
        maskable_NT: False for what is never hidden: special tokens, padding.
        config: how many, and how.
        vocabulary: of the tokenizer.
        rng: draws.

    Returns:
        What the network is shown, and what it is asked for: the hidden tokens, `NOT_ASKED` elsewhere. At
        least one token is asked for if there is one to ask for.
    """
    # a token stays unasked if none of the spans that would cover it begins: (1 - p) ** span = 1 - share
    begins_NT = rng.random(tokens_NT.shape) < 1 - (1 - config.share) ** (1 / config.span)
    asked_NT = begins_NT.copy()
    for step in range(1, config.span):
        asked_NT[:, step:] |= begins_NT[:, :-step]
    asked_NT &= maskable_NT
    if not asked_NT.any() and maskable_NT.any():
        places = np.flatnonzero(maskable_NT)
        asked_NT.flat[places[rng.integers(len(places))]] = True
    fate_NT = rng.random(tokens_NT.shape)
    is_random = asked_NT & (fate_NT < config.random_share)
    is_masked = asked_NT & (fate_NT >= config.random_share + config.keep_share)
    shown_NT = np.where(is_masked, vocabulary.mask_id, tokens_NT)
    shown_NT[is_random] = rng.choice(vocabulary.ordinary_ids, int(is_random.sum()))
    return shown_NT, np.where(asked_NT, tokens_NT, NOT_ASKED)
