"""A language model: an encoder of tokens with something on top. The tops: masked tokens, whole sequences.

Legend: N sequences, T tokens, D features, V tokens of the vocabulary, K outputs.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from lexome.nn.text_decoder import TextDecoder

INITIAL_STD = 0.02
Pooling = Literal["mean", "first", "max", "pooler"]


@runtime_checkable  # so that it can be checked under the tests' type hook
class LanguageEncoder(Protocol):
    """What an encoder of tokens offers: (N, T) tokens -> (N, T, D) features."""

    num_features: int
    pooler: nn.Module | None

    @property
    def token_vectors(self) -> Tensor:
        """The vectors (V, D) of the vocabulary."""
        ...

    def __call__(self, tokens_NT: Tensor, visible_NT: Tensor | None = None) -> Tensor: ...  # noqa: D102


def draw_weights(module: nn.Module, std: float) -> None:
    """Draws new weights as BERT does: normal ones, no biases, and norms that change nothing."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
        if isinstance(part, nn.Conv1d):  # its inputs are few: with normal weights of 0.02 nothing would pass
            part.reset_parameters()
        if isinstance(part, nn.Linear | nn.LayerNorm | TiedDecoder) and part.bias is not None:
            nn.init.zeros_(part.bias)


@dataclass(frozen=True)
class MaskedLmConfig:
    """Scores of the tokens that were masked.

    Attributes:
        vocab_size: that of the encoder.
        norm_eps: added to variances.
    """

    vocab_size: int
    norm_eps: float = 1e-12


class Transform(nn.Module):
    """A linear layer, GELU, a norm: (..., D) -> (..., D)."""

    def __init__(self, size: int, norm_eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(size, size)
        self.LayerNorm = nn.LayerNorm(size, eps=norm_eps)

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """Applies it."""
        return self.LayerNorm(gelu(self.dense(x)))


class TiedDecoder(nn.Module):
    """A linear layer that has only a bias: its weights are the vectors of the vocabulary."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, x: Float[Tensor, "... D"], vectors_VD: Float[Tensor, "V D"]) -> Float[Tensor, "... V"]:
        """Applies it."""
        return linear(x, vectors_VD, self.bias)


class MaskedLmScorer(nn.Module):
    """Scores (logits) of all tokens of the vocabulary: (..., D), (V, D) -> (..., V).

    Layers, names and order are those of BERT. Only features that are asked for need to be given to it:
    `scorer(features[masked], vectors)`.
    """

    def __init__(self, in_features: int, config: MaskedLmConfig) -> None:
        super().__init__()
        self.config = config
        self.num_outputs = config.vocab_size
        self.transform = Transform(in_features, config.norm_eps)
        self.decoder = TiedDecoder(config.vocab_size)
        draw_weights(self, INITIAL_STD)

    def forward(
        self, features: Float[Tensor, "... D"], vectors_VD: Float[Tensor, "V D"]
    ) -> Float[Tensor, "... V"]:
        """Scores of every token."""
        return self.decoder(self.transform(features), vectors_VD)


@dataclass(frozen=True)
class SequenceConfig:
    """Scores of whole sequences.

    Attributes:
        num_outputs: K: classes, labels or values.
        pooling: what stands for a sequence: the mean of its tokens' features, the features of the first
            token, the highest of each feature, or those of the encoder's pooler (another layer over the first
            token).
        dropout: part of that dropped in training.
    """

    num_outputs: int
    pooling: Pooling = "mean"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.num_outputs < 1 or not 0 <= self.dropout < 1:
            raise ValueError("num_outputs must be positive, dropout at least 0 and below 1")


class SequenceScorer(nn.Module):
    """A linear layer over one vector per sequence: (N, D) -> (N, K)."""

    def __init__(self, in_features: int, config: SequenceConfig) -> None:
        super().__init__()
        self.config = config
        self.num_outputs = config.num_outputs
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(in_features, config.num_outputs)
        draw_weights(self, INITIAL_STD)

    def forward(self, pooled_ND: Float[Tensor, "N D"]) -> Float[Tensor, "N K"]:
        """Scores (logits, or values) of every sequence."""
        return self.classifier(self.dropout(pooled_ND))


def pool(
    features_NTD: Float[Tensor, "N T D"],
    visible_NT: Bool[Tensor, "N T"] | None,
    pooling: Literal["mean", "first", "max"],
) -> Float[Tensor, "N D"]:
    """One vector per sequence: the mean or the highest over its tokens, or its first token, without padding.

    Raises:
        ValueError: if a sequence has no token.
    """
    if visible_NT is None:
        visible_NT = torch.ones(features_NTD.shape[:2], dtype=torch.bool, device=features_NTD.device)
    if not bool(visible_NT.any(1).all()):
        raise ValueError("a sequence without tokens has nothing to pool")
    if pooling == "first":
        rows = torch.arange(len(features_NTD), device=features_NTD.device)
        return features_NTD[rows, visible_NT.int().argmax(1)]
    if pooling == "max":
        return features_NTD.masked_fill(~visible_NT[..., None], -torch.inf).amax(1)
    kept = features_NTD * visible_NT[..., None]
    return kept.sum(1) / visible_NT.sum(1, keepdim=True)


class LanguageNetwork(nn.Module):
    """An encoder with a scorer: tokens (N, T) -> scores (N, T, V) of tokens, or (N, K) of sequences.

    With a decoder of text for a scorer: tokens, and what is written of an answer, (N, U) -> scores
    (N, U, V) of what follows.

    Args:
        encoder: a module with the attributes of `LanguageEncoder`.
        scorer: one of the scorers of this module, or a decoder of text.

    Raises:
        ValueError: if the two do not fit together.
    """

    def __init__(self, encoder: nn.Module, scorer: MaskedLmScorer | SequenceScorer | TextDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.scorer = scorer
        of_tokens = isinstance(scorer, MaskedLmScorer | TextDecoder)
        if of_tokens and scorer.num_outputs != len(self.tokens.token_vectors):
            raise ValueError(
                f"the head's vocab_size is {scorer.num_outputs}, the architecture's "
                f"{len(self.tokens.token_vectors)}"
            )
        if (
            isinstance(scorer, SequenceScorer)
            and scorer.config.pooling == "pooler"
            and encoder.pooler is None
        ):
            raise ValueError(
                "the head wants the architecture's pooler, which it does not have (pooler = true)"
            )

    @property
    def tokens(self) -> LanguageEncoder:
        """The encoder."""
        return self.encoder  # type: ignore[return-value]

    @property
    def num_outputs(self) -> int:
        """Scores per token, or per sequence."""
        return self.scorer.num_outputs

    def forward(
        self,
        tokens_NT: Int[Tensor, "N T"],
        visible_NT: Bool[Tensor, "N T"] | None = None,
        written_NU: Int[Tensor, "N U"] | None = None,
    ) -> Float[Tensor, "N *outputs"]:
        """Scores of a batch; `visible_NT` is False at padding, `written_NU` for a decoder of text alone.

        Raises:
            ValueError: as the encoder; or if a sequence to be pooled has no token.
        """
        if isinstance(self.scorer, TextDecoder):
            if written_NU is None:
                raise ValueError("a decoder of text goes on from what is written: written_NU is missing")
            source_NTD = self.source(tokens_NT, visible_NT)
            return self.scorer(written_NU, self.tokens.token_vectors, source_NTD, visible_NT)
        features_NTD = self.tokens(tokens_NT, visible_NT)
        if isinstance(self.scorer, MaskedLmScorer):
            return self.scorer(features_NTD, self.tokens.token_vectors)
        return self.scorer(self.pooled(features_NTD, visible_NT))

    def source(self, tokens_NT: Tensor, visible_NT: Tensor | None) -> Tensor | None:
        """What a decoder of text looks at; None if it looks at nothing."""
        assert isinstance(self.scorer, TextDecoder)
        return self.tokens(tokens_NT, visible_NT) if self.scorer.config.cross_attention else None

    def pooled(self, features_NTD: Float[Tensor, "N T D"], visible_NT: Tensor | None) -> Tensor:
        """One vector per sequence, as the head of sequences wants it."""
        assert isinstance(self.scorer, SequenceScorer)
        pooling = self.scorer.config.pooling
        if pooling == "pooler":
            assert self.tokens.pooler is not None
            return self.tokens.pooler(pool(features_NTD, visible_NT, "first"))
        return pool(features_NTD, visible_NT, pooling)
