"""The encoder of DNABERT-2: tokens of DNA -> features, without positions and for any length.

Source: DNABERT-2 (Zhou 2023), built on MosaicBERT (Portes 2023): post-norm layers, biases by distance (ALiBi)
to both sides instead of positions, gated GELU. Sums, layers and shapes are the published ones, so its weights
can be used, and the layers have the published names, so that adapters and `lexome.hf` need no table of names.

What differs: there can be convolutions before the layers; padding is taken out of the batch (its side and
amount change nothing), refused inside a sequence; the pooler, which no published weights have, is optional.

Legend: N sequences, T tokens, P packed tokens, D features, H heads.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lexome.nn.alibi import AlibiSelfAttention, distance_biases
from lexome.nn.gated_gelu import GatedGelu
from lexome.nn.heads import check_numbered_heads
from lexome.nn.language import draw_weights
from lexome.nn.ragged import Ragged, joined, of_batch, spread_maps
from lexome.nn.token_convolutions import TokenConvolutions

MAX_LAYERS = 1000
MAX_WIDTH = 101


@dataclass(frozen=True)
class Dnabert2Config:
    """Shape of the encoder; the defaults are DNABERT-2's.

    Attributes:
        vocab_size: tokens of the vocabulary.
        size: features D of every token.
        num_layers: layers.
        num_heads: attention heads of every layer.
        hidden: width of the feed-forward block (of either half of its gated layer).
        dropout: part of the features dropped in training, after the embedding and in every sum.
        attention_dropout: part of the attention dropped in training.
        pad_id: the token that fills batches; whoever makes them hides it.
        token_types: kinds of segments; the kind of all tokens is 0 unless said.
        norm_eps: added to variances.
        initial_std: standard deviation of new weights.
        pooler: a further layer over the first token, for classifiers made with it.
        conv_widths: (odd) numbers of tokens that convolutions before the layers cover; DNABERT-2 has none.
        heads: the heads left in each layer after pruning, by number, for their slopes differ; None: all.
    """

    vocab_size: int = 4096
    size: int = 768
    num_layers: int = 12
    num_heads: int = 12
    hidden: int = 3072
    dropout: float = 0.1
    attention_dropout: float = 0.0
    pad_id: int = 3
    token_types: int = 2
    norm_eps: float = 1e-12
    initial_std: float = 0.02
    pooler: bool = False
    conv_widths: tuple[int, ...] = ()
    heads: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self) -> None:
        counts = self.vocab_size, self.size, self.num_layers, self.num_heads, self.hidden, self.token_types
        if min(counts) < 1:
            raise ValueError("sizes and counts must be positive")
        if self.num_layers > MAX_LAYERS:
            raise ValueError(f"num_layers is {self.num_layers}; at most {MAX_LAYERS} make sense")
        if self.size % self.num_heads:
            raise ValueError(f"size {self.size} does not divide into num_heads {self.num_heads}")
        if not (0 <= self.dropout < 1 and 0 <= self.attention_dropout < 1):
            raise ValueError("dropout and attention_dropout must be at least 0 and below 1")
        if not 0 <= self.pad_id < self.vocab_size:
            raise ValueError(f"pad_id {self.pad_id} is no token of the {self.vocab_size}")
        if any(not 1 <= width <= MAX_WIDTH or width % 2 == 0 for width in self.conv_widths):
            raise ValueError(f"conv_widths must be odd numbers up to {MAX_WIDTH}")
        check_numbered_heads(self.heads, self.num_layers, self.num_heads)
        if not (self.norm_eps > 0 and self.initial_std > 0):
            raise ValueError("norm_eps and initial_std must be positive")


class Embeddings(nn.Module):
    """The sum of a token's and its type's vector, normalised: (P,) -> (P, D)."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.size)
        self.token_type_embeddings = nn.Embedding(config.token_types, config.size)
        self.LayerNorm = nn.LayerNorm(config.size, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.convolutions = None
        if config.conv_widths:
            self.convolutions = TokenConvolutions(
                config.size, config.conv_widths, config.norm_eps, config.dropout
            )

    def forward(self, tokens_P: Int[Tensor, "P"], types_P: Int[Tensor, "P"] | None) -> Float[Tensor, "P D"]:
        """Applies the embedding."""
        kinds = self.token_type_embeddings
        types = kinds.weight[0] if types_P is None else kinds(types_P)
        return self.dropout(self.LayerNorm(self.word_embeddings(tokens_P) + types))


def embed_tokens(
    embeddings: Embeddings, tokens: Int[Tensor, "places"], ragged: Ragged, types: Tensor | None
) -> Float[Tensor, "P D"]:
    """Embeds the tokens of a batch that are no padding, and applies the convolutions if there are any.

    Raises:
        ValueError: for a token outside the vocabulary (on a GPU, where looking would cost time, torch stops).
    """
    tokens_P = ragged.pack(tokens)
    count = embeddings.word_embeddings.num_embeddings
    if tokens_P.device.type == "cpu" and tokens_P.numel():
        low, high = int(tokens_P.min()), int(tokens_P.max())
        if not 0 <= low <= high < count:
            raise ValueError(f"tokens from {low} to {high} do not fit a vocabulary of {count}")
    x_PD = embeddings(tokens_P, None if types is None else ragged.pack(types.flatten()))
    return x_PD if embeddings.convolutions is None else embeddings.convolutions(x_PD, ragged)


class AttentionOutput(nn.Module):
    """Joins the heads (F features) and adds what came in: (P, F), (P, D) -> (P, D)."""

    def __init__(self, config: Dnabert2Config, in_features: int) -> None:
        super().__init__()
        self.dense = nn.Linear(in_features, config.size)
        self.LayerNorm = nn.LayerNorm(config.size, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, seen_PD: Float[Tensor, "P F"], x_PD: Float[Tensor, "P D"]) -> Float[Tensor, "P D"]:
        """Applies it."""
        return self.LayerNorm(self.dropout(self.dense(seen_PD)) + x_PD)


class Attention(nn.Module):
    """Attention, its sum and norm: (P, D) -> (P, D)."""

    def __init__(self, config: Dnabert2Config, layer: int) -> None:
        super().__init__()
        left = None if config.heads is None else config.heads[layer]
        self.self = AlibiSelfAttention(config.size, config.num_heads, config.attention_dropout, left)
        self.output = AttentionOutput(config, self.self.out_features)

    def forward(
        self, x_PD: Float[Tensor, "P D"], ragged: Ragged, biases_HK: Float[Tensor, "H K"]
    ) -> Float[Tensor, "P D"]:
        """Applies it."""
        return self.output(self.self(x_PD, ragged, biases_HK), x_PD)


class FeedForward(GatedGelu):
    """The feed-forward block with its sum and norm: (P, D) -> (P, D)."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__(config.size, config.hidden, config.dropout)
        self.layernorm = nn.LayerNorm(config.size, eps=config.norm_eps)

    def forward(self, x_PD: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """Applies it."""
        return self.layernorm(super().forward(x_PD) + x_PD)


class EncoderLayer(nn.Module):
    """Attention, then the feed-forward block: (P, D) -> (P, D)."""

    def __init__(self, config: Dnabert2Config, layer: int) -> None:
        super().__init__()
        self.attention = Attention(config, layer)
        self.mlp = FeedForward(config)

    def forward(
        self, x_PD: Float[Tensor, "P D"], ragged: Ragged, biases_HK: Float[Tensor, "H K"]
    ) -> Float[Tensor, "P D"]:
        """Applies the layer."""
        return self.mlp(self.attention(x_PD, ragged, biases_HK))


class EncoderStack(nn.Module):
    """All layers, one after the other: (P, D) -> (P, D)."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.layer = nn.ModuleList(EncoderLayer(config, i) for i in range(config.num_layers))

    def outputs(self, x_PD: Float[Tensor, "P D"], ragged: Ragged) -> Iterator[Tensor]:
        """What comes in, then the output of every layer."""
        biases_HK = distance_biases(ragged.longest, self.num_heads, x_PD)
        yield x_PD
        for layer in self.layer:
            x_PD = layer(x_PD, ragged, biases_HK)
            yield x_PD

    def attention_maps(
        self, x_PD: Float[Tensor, "P D"], ragged: Ragged, batch: tuple[int, int]
    ) -> list[Float[Tensor, "N H T T"]]:
        """How much the tokens of a batch (N, T) look at each other in every layer; zeros at padding."""
        biases_HK = distance_biases(ragged.longest, self.num_heads, x_PD)
        layers = cast(Iterable[EncoderLayer], self.layer)
        return [
            spread_maps(layer.attention.self.weights(x, ragged, biases_HK), ragged, batch)
            for layer, x in zip(layers, self.outputs(x_PD, ragged), strict=False)  # inputs of the layers
        ]

    def forward(self, x_PD: Float[Tensor, "P D"], ragged: Ragged) -> Float[Tensor, "P D"]:
        """Applies the layers."""
        for output in self.outputs(x_PD, ragged):
            x_PD = output
        return x_PD


class Pooler(nn.Module):
    """A linear layer and a tanh over the first token: (N, D) -> (N, D)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(size, size)

    def forward(self, first_ND: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Applies it."""
        return self.dense(first_ND).tanh()


class Dnabert2(nn.Module):
    """Embedding and layers: tokens (N, T) -> features (N, T, D)."""

    def __init__(self, config: Dnabert2Config) -> None:
        super().__init__()
        self.config = config
        self.num_features = config.size
        self.embeddings = Embeddings(config)
        self.encoder = EncoderStack(config)
        self.pooler = Pooler(config.size) if config.pooler else None
        draw_weights(self, config.initial_std)

    @property
    def token_vectors(self) -> Tensor:
        """The vectors (V, D) of the vocabulary, which a masked language model also scores with."""
        return self.embeddings.word_embeddings.weight

    def forward(
        self,
        tokens_NT: Int[Tensor, "N T"],
        visible_NT: Bool[Tensor, "N T"] | None = None,
        types_NT: Int[Tensor, "N T"] | None = None,
    ) -> Float[Tensor, "N T D"]:
        """Features of every token.

        Args:
            tokens_NT: tokens, a sequence per row, of any length.
            visible_NT: False at padding, which may stand before or behind a sequence; None: no padding.
            types_NT: kinds of segments; None: all 0.

        Returns:
            The features; zeros at padding.

        Raises:
            ValueError: for a token outside the vocabulary, or padding inside a sequence.
        """
        ragged = of_batch(tokens_NT, visible_NT)
        x_PD = self.encoder(self.embed(tokens_NT.flatten(), ragged, types_NT), ragged)
        return ragged.unpack(x_PD).unflatten(0, tuple(tokens_NT.shape))

    def sequences(self, sequences: Sequence[Int[Tensor, "_"]]) -> list[Float[Tensor, "_ D"]]:
        """Features of sequences of any lengths, in their order; nothing is padded.

        Raises:
            ValueError: for a token outside the vocabulary.
        """
        if not sequences:
            return []
        lengths = [len(sequence) for sequence in sequences]
        ragged = joined(lengths, sequences[0].device)
        x_PD = self.encoder(self.embed(torch.cat(list(sequences)), ragged, None), ragged)
        return list(ragged.unpack(x_PD).split(lengths))

    def attention_maps(
        self, tokens_NT: Int[Tensor, "N T"], visible_NT: Bool[Tensor, "N T"] | None = None
    ) -> list[Float[Tensor, "N H T T"]]:
        """How much each token (third axis) looks at each (last axis), per layer, for analysis.

        Rows of tokens sum to 1, those of padding are zero. Memory grows with T ** 2.

        Raises:
            ValueError: as `forward`.
        """
        ragged = of_batch(tokens_NT, visible_NT)
        x_PD = self.embed(tokens_NT.flatten(), ragged, None)
        return self.encoder.attention_maps(x_PD, ragged, (tokens_NT.shape[0], tokens_NT.shape[1]))

    def embed(self, tokens: Int[Tensor, "places"], ragged: Ragged, types: Tensor | None) -> Tensor:
        """Embeds the tokens that are no padding, (num_places,) -> (P, D)."""
        return embed_tokens(self.embeddings, tokens, ragged, types)
