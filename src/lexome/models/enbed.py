"""The encoder of ENBED: bytes -> features, with a window of attention and a few global tokens.

Source: ENBED (Malusare 2024), built on ByT5 (Xue 2022) and LongT5 (Guo 2022): norms before every sum,
without means and biases (RMSNorm), biases by distance that all layers share, gated GELU. The number of global
tokens is not published. Differs: see `nn.window_attention`; GELU is exact.

Legend: N sequences, T tokens, P packed tokens, D features, H heads, K global tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lexome.nn.gated_gelu import GatedGelu
from lexome.nn.ragged import Ragged, joined, of_batch, spread_maps
from lexome.nn.t5_weights import draw_t5_weights
from lexome.nn.window_attention import BiasesOfTokens, WindowAttention

MAX_LAYERS = 1000
MAX_LENGTH = 1 << 20  # tokens of a sequence; what a layer computes for one is linear in it


@dataclass(frozen=True)
class EnbedConfig:
    """Shape of the encoder; the defaults are ENBED's.

    Attributes:
        vocab_size: tokens of the vocabulary.
        size: features D of every token.
        num_layers: layers; 0 for a model that has a decoder only.
        num_heads: attention heads.
        head_size: features of a head.
        hidden: width of either half of the gated feed-forward block.
        attention: "window" or "dense" (every token sees all others).
        narrow_radius: tokens that the first layers see to either side.
        narrow_layers: how many layers these are.
        radius: tokens that the other layers see to either side.
        num_global: global tokens K; 0 with dense attention.
        num_buckets: of the biases by distance.
        max_distance: distances from here on have one bias.
        dropout: part dropped in training: of the embedding, attention, hidden features, sums and output.
        norm_eps: added to mean squares.
        recompute: in training, work out each layer a second time for its gradient instead of keeping it.
    """

    vocab_size: int = 384
    size: int = 1536
    num_layers: int = 24
    num_heads: int = 16
    head_size: int = 64
    hidden: int = 3850
    attention: Literal["window", "dense"] = "window"
    narrow_radius: int = 64
    narrow_layers: int = 3
    radius: int = 128
    num_global: int = 32
    num_buckets: int = 32
    max_distance: int = 128
    dropout: float = 0.1
    norm_eps: float = 1e-6
    recompute: bool = False

    def __post_init__(self) -> None:
        if min(self.vocab_size, self.size, self.num_heads, self.head_size, self.hidden) < 1:
            raise ValueError("sizes and counts must be positive")
        if not 0 <= self.num_layers <= MAX_LAYERS or self.narrow_layers < 0 or self.num_global < 0:
            raise ValueError(
                f"num_layers must be 0 to {MAX_LAYERS}, narrow_layers and num_global not negative"
            )
        if min(self.narrow_radius, self.radius) < 1:
            raise ValueError("a radius is at least 1")
        if self.attention == "dense" and self.num_global:
            raise ValueError("dense attention has no global tokens: set num_global to 0")
        if not 0 <= self.dropout < 1 or not self.norm_eps > 0:
            raise ValueError("dropout must be at least 0 and below 1, norm_eps positive")

    def radius_of(self, layer: int) -> int | None:
        """The radius of a layer; None: it sees everything."""
        if self.attention == "dense":
            return None
        return self.narrow_radius if layer < self.narrow_layers else self.radius


class Embeddings(nn.Module):
    """The vector of each token: (P,) -> (P, D)."""

    def __init__(self, config: EnbedConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens_P: Int[Tensor, "P"]) -> Float[Tensor, "P D"]:
        """Looks the tokens up."""
        return self.dropout(self.word_embeddings(tokens_P))


class EncoderLayer(nn.Module):
    """Attention, then the feed-forward block: (P, D) -> (P, D)."""

    def __init__(self, config: EnbedConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.size, eps=config.norm_eps)
        self.attention = WindowAttention(
            config.size, config.num_heads, config.head_size, config.radius_of(layer), config.num_global,
            config.dropout, config.norm_eps,
        )  # fmt: skip
        self.mlp_norm = nn.RMSNorm(config.size, eps=config.norm_eps)
        self.mlp = GatedGelu(config.size, config.hidden, config.dropout, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x_PD: Float[Tensor, "P D"], ragged: Ragged, biases: BiasesOfTokens
    ) -> Float[Tensor, "P D"]:
        """Applies the layer."""
        normed_PD = self.attention_norm(x_PD)
        seen = [self.attention(one_NTD, biases).flatten(0, 1) for one_NTD in by_length(normed_PD, ragged)]
        x_PD = x_PD + self.dropout(torch.cat(seen) if seen else normed_PD)
        return x_PD + self.dropout(self.mlp(self.mlp_norm(x_PD)))


def by_length(x_PD: Float[Tensor, "P D"], ragged: Ragged) -> list[Float[Tensor, "_ _ D"]]:
    """The sequences of each length, (N, T, D)."""
    return [x_PD[one.start : one.stop].unflatten(0, (one.count, one.length)) for one in ragged.groups]


class EncoderStack(nn.Module):
    """All layers, one after the other, and a norm: (P, D) -> (P, D)."""

    def __init__(self, config: EnbedConfig) -> None:
        super().__init__()
        self.recompute = config.recompute
        self.biases = BiasesOfTokens(
            config.num_heads, config.num_buckets, config.max_distance, has_global=config.num_global > 0
        )
        self.layer = nn.ModuleList(EncoderLayer(config, i) for i in range(config.num_layers))
        self.norm = nn.RMSNorm(config.size, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def outputs(self, x_PD: Float[Tensor, "P D"], ragged: Ragged) -> Iterator[Float[Tensor, "P D"]]:
        """What comes in, then the output of every layer; that of the last one normalised."""
        yield x_PD
        for number, layer in enumerate(self.layer, 1):
            if self.recompute and torch.is_grad_enabled():
                x_PD = checkpoint(layer, x_PD, ragged, self.biases, use_reentrant=False)  # pyright: ignore[reportAssignmentType]
            else:
                x_PD = layer(x_PD, ragged, self.biases)
            yield x_PD if number < len(self.layer) else self.dropout(self.norm(x_PD))

    def forward(self, x_PD: Float[Tensor, "P D"], ragged: Ragged) -> Float[Tensor, "P D"]:
        """Applies the layers."""
        for output in self.outputs(x_PD, ragged):
            x_PD = output
        return x_PD


class Enbed(nn.Module):
    """Embedding and layers: tokens (N, T) -> features (N, T, D)."""

    pooler = None

    def __init__(self, config: EnbedConfig) -> None:
        super().__init__()
        self.config = config
        self.num_features = config.size
        self.embeddings = Embeddings(config)
        self.encoder = EncoderStack(config)
        draw_t5_weights(self, config.size)

    @property
    def token_vectors(self) -> Float[Tensor, "V D"]:
        """The vectors of the vocabulary, which a decoder takes for its own tokens, too."""
        return self.embeddings.word_embeddings.weight

    def forward(
        self, tokens_NT: Int[Tensor, "N T"], visible_NT: Bool[Tensor, "N T"] | None = None
    ) -> Float[Tensor, "N T D"]:
        """Features of every token.

        Args:
            tokens_NT: tokens, a sequence per row.
            visible_NT: False at padding, which may stand before or behind a sequence; None: no padding.

        Returns:
            The features; zeros at padding.

        Raises:
            ValueError: for a token outside the vocabulary, padding inside a sequence, or a sequence of more
                than `MAX_LENGTH` tokens.
        """
        ragged = of_batch(tokens_NT, visible_NT)
        x_PD = self.encoder(self.embed(tokens_NT.flatten(), ragged), ragged)
        return ragged.unpack(x_PD).unflatten(0, tuple(tokens_NT.shape))

    def sequences(self, sequences: Sequence[Int[Tensor, "_"]]) -> list[Float[Tensor, "_ D"]]:
        """Features of sequences of any lengths, in their order; nothing is padded.

        Raises:
            ValueError: as `forward`.
        """
        if not sequences:
            return []
        lengths = [len(sequence) for sequence in sequences]
        ragged = joined(lengths, sequences[0].device)
        x_PD = self.encoder(self.embed(torch.cat(list(sequences)), ragged), ragged)
        return list(ragged.unpack(x_PD).split(lengths))

    def attention_maps(
        self, tokens_NT: Int[Tensor, "N T"], visible_NT: Bool[Tensor, "N T"] | None = None
    ) -> list[Float[Tensor, "N H T T"]]:
        """How much each token (third axis) looks at each (last axis), per layer, for analysis.

        What a row of a token lacks to 1 goes to the global tokens; rows of padding are zero. Memory grows
        with T ** 2.

        Raises:
            ValueError: as `forward`.
        """
        ragged = of_batch(tokens_NT, visible_NT)
        x_PD, maps = self.embed(tokens_NT.flatten(), ragged), []
        for layer, x in zip(self.encoder.layer, self.encoder.outputs(x_PD, ragged), strict=False):
            assert isinstance(layer, EncoderLayer)
            of_groups = [
                layer.attention.weights(one, self.encoder.biases)[..., : one.shape[1]]
                for one in by_length(layer.attention_norm(x), ragged)
            ]
            maps.append(spread_maps(of_groups, ragged, (tokens_NT.shape[0], tokens_NT.shape[1])))
        return maps

    def embed(
        self, tokens: Int[Tensor, "places"], ragged: Ragged, types: Tensor | None = None
    ) -> Float[Tensor, "P D"]:
        """Looks up the tokens that are no padding; there are no types of segments.

        Raises:
            ValueError: see `forward`.
        """
        if types is not None:
            raise ValueError("ENBED knows no types of segments")
        if ragged.longest > MAX_LENGTH:
            raise ValueError(f"a sequence of {ragged.longest} tokens; at most {MAX_LENGTH}")
        tokens_P = ragged.pack(tokens)
        if tokens_P.device.type == "cpu" and tokens_P.numel():
            low, high = int(tokens_P.min()), int(tokens_P.max())
            if not 0 <= low <= high < self.config.vocab_size:
                raise ValueError(
                    f"tokens from {low} to {high} do not fit a vocabulary of {self.config.vocab_size}"
                )
        return self.embeddings(tokens_P)
