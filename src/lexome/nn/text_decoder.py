"""The decoder of T5: writes tokens one after the other, looking at what it has written and at a source.

It is a head of language models: it stands on an encoder of tokens, and takes that one's vectors for its own.

Source: T5 1.1 (Raffel 2020) and ByT5 (Xue 2022), as ENBED has it: norms before every sum, without means and
biases, biases by distance for the tokens written, none for the source; scores have weights of their own.
Differs: the scores' weights begin at a root of D less; GELU is exact.

Legend: N sequences, T tokens of the source, U tokens written, D features, H heads, E features of a head, V
tokens of the vocabulary.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import embedding, scaled_dot_product_attention

from lexome.nn.gated_gelu import GatedGelu
from lexome.nn.relative_bias import RelativeBias
from lexome.nn.t5_weights import draw_t5_weights

MAX_LAYERS = 1000


@dataclass(frozen=True)
class TextConfig:
    """Shape of the decoder; its features are as many as the encoder's. The defaults are ENBED's.

    Attributes:
        vocab_size: that of the encoder.
        num_layers: layers.
        num_heads: attention heads.
        head_size: features of a head.
        hidden: width of either half of the gated feed-forward block.
        cross_attention: whether it looks at the source; without, all there is must be written before.
        num_buckets: of the biases by distance.
        max_distance: distances from here on have one bias.
        dropout: part dropped in training.
        norm_eps: added to mean squares.
        start_id: the token that stands before the first one.
    """

    vocab_size: int = 384
    num_layers: int = 12
    num_heads: int = 16
    head_size: int = 64
    hidden: int = 3850
    cross_attention: bool = True
    num_buckets: int = 32
    max_distance: int = 128
    dropout: float = 0.1
    norm_eps: float = 1e-6
    start_id: int = 0

    def __post_init__(self) -> None:
        sizes = (self.vocab_size, self.num_layers, self.num_heads, self.head_size, self.hidden)
        if min(sizes) < 1 or self.num_layers > MAX_LAYERS:
            raise ValueError(f"sizes and counts must be positive, num_layers at most {MAX_LAYERS}")
        if not 0 <= self.dropout < 1 or not self.norm_eps > 0:
            raise ValueError("dropout must be at least 0 and below 1, norm_eps positive")
        if not 0 <= self.start_id < self.vocab_size:
            raise ValueError(f"start_id {self.start_id} is no token of the {self.vocab_size}")


@dataclass
class LayerMemory:
    """What a layer keeps of the tokens written so far and of the source: keys and values (N, H, _, E)."""

    keys: Tensor | None = None
    values: Tensor | None = None
    source: tuple[Tensor, Tensor] | None = None


@dataclass
class Memory:
    """What a decoder keeps from token to token.

    Attributes:
        layers: of every layer.
        visible_N11T: where the source is no padding; None: everywhere, or there is no source.
        written: tokens of each sequence so far.
    """

    layers: list[LayerMemory] = field(default_factory=list)
    visible_N11T: Tensor | None = None
    written: int = 0

    def pick(self, rows_M: Int[Tensor, " M"], *, same_sources: bool = False) -> "Memory":
        """The memory of other sequences: row i of the new one is that of row rows_M[i].

        With `same_sources`, every row's source is the one it had, and is not copied.
        """

        def of(one: Tensor | None, *, is_source: bool = False) -> Tensor | None:
            return one if one is None or (is_source and same_sources) else one.index_select(0, rows_M)

        layers = []
        for one in self.layers:
            source = one.source
            if source is not None and not same_sources:
                source = (source[0][rows_M], source[1][rows_M])
            layers.append(LayerMemory(of(one.keys), of(one.values), source))
        return Memory(layers, of(self.visible_N11T, is_source=True), self.written)


class Attention(nn.Module):
    """Queries of one sequence, keys and values of another; scores are not divided by the root of E."""

    def __init__(self, size: int, num_heads: int, head_size: int, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.head_size, self.dropout = num_heads, head_size, dropout
        self.q = nn.Linear(size, num_heads * head_size, bias=False)
        self.k = nn.Linear(size, num_heads * head_size, bias=False)
        self.v = nn.Linear(size, num_heads * head_size, bias=False)
        self.out = nn.Linear(num_heads * head_size, size, bias=False)

    def keys_and_values(self, x_NTD: Float[Tensor, "N T D"]) -> tuple[Tensor, Tensor]:
        """(N, H, T, E) each."""
        return self._heads(self.k(x_NTD)), self._heads(self.v(x_NTD))

    def forward(
        self, x_NUD: Float[Tensor, "N U D"], keys: Tensor, values: Tensor, mask: Tensor | None
    ) -> Float[Tensor, "N U D"]:
        """Applies it; `mask` is added to the scores, or (bool) says what may be seen."""
        query = self._heads(self.q(x_NUD))
        if mask is not None and mask.requires_grad:
            weights = (query @ keys.transpose(2, 3) + mask).softmax(-1)
            seen = drop(weights, self.dropout, self.training) @ values
        else:
            rate = self.dropout if self.training else 0.0
            seen = scaled_dot_product_attention(query, keys, values, mask, dropout_p=rate, scale=1.0)
        return self.out(seen.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, self.head_size)).transpose(1, 2)


class DecoderLayer(nn.Module):
    """Attention to what is written and to the source, the feed-forward block: (N, U, D) -> (N, U, D)."""

    def __init__(self, size: int, config: TextConfig) -> None:
        super().__init__()
        shape = (size, config.num_heads, config.head_size, config.dropout)
        self.written_norm = nn.RMSNorm(size, eps=config.norm_eps)
        self.written = Attention(*shape)
        self.source_norm = nn.RMSNorm(size, eps=config.norm_eps) if config.cross_attention else None
        self.source = Attention(*shape) if config.cross_attention else None
        self.mlp_norm = nn.RMSNorm(size, eps=config.norm_eps)
        self.mlp = GatedGelu(size, config.hidden, config.dropout, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x_NUD: Float[Tensor, "N U D"],
        memory: LayerMemory,
        bias_HUS: Float[Tensor, "H U S"],
        visible_N11T: Tensor | None,
    ) -> Float[Tensor, "N U D"]:
        """Applies the layer to new tokens and puts them into the memory; S tokens with those before."""
        normed = self.written_norm(x_NUD)
        keys, values = self.written.keys_and_values(normed)
        if memory.keys is not None and memory.values is not None:
            keys, values = torch.cat([memory.keys, keys], 2), torch.cat([memory.values, values], 2)
        memory.keys, memory.values = keys, values
        x_NUD = x_NUD + self.dropout(self.written(normed, keys, values, bias_HUS))
        if self.source is not None and self.source_norm is not None:
            assert memory.source is not None
            seen = self.source(self.source_norm(x_NUD), *memory.source, visible_N11T)
            x_NUD = x_NUD + self.dropout(seen)
        return x_NUD + self.dropout(self.mlp(self.mlp_norm(x_NUD)))


class TextDecoder(nn.Module):
    """Scores (logits) of the next token: features of a source and tokens so far -> (N, U, V)."""

    def __init__(self, in_features: int, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.num_outputs = config.vocab_size
        self.bias = RelativeBias(config.num_heads, config.num_buckets, config.max_distance, both_sides=False)
        self.layer = nn.ModuleList(DecoderLayer(in_features, config) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(in_features, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.scores = nn.Linear(in_features, config.vocab_size, bias=False)
        draw_t5_weights(self, in_features)

    def begin(
        self, source_NTD: Float[Tensor, "N T D"] | None, visible_NT: Bool[Tensor, "N T"] | None = None
    ) -> Memory:
        """An empty memory for a source (None: without cross attention)."""
        memory = Memory([LayerMemory() for _ in self.layer])
        if not self.config.cross_attention:
            return memory
        if source_NTD is None:
            raise ValueError("this decoder looks at a source, which is missing")
        for layer, kept in zip(self.layer, memory.layers, strict=True):
            assert isinstance(layer, DecoderLayer)
            assert layer.source is not None
            kept.source = layer.source.keys_and_values(source_NTD)
        if visible_NT is not None and not bool(visible_NT.all()):
            memory.visible_N11T = visible_NT[:, None, None]
        return memory

    def step(
        self, tokens_NU: Int[Tensor, "N U"], memory: Memory, vectors_VD: Float[Tensor, "V D"]
    ) -> Float[Tensor, "N U V"]:
        """Scores behind each of some more tokens, which the memory then knows.

        Args:
            tokens_NU: the next tokens of every sequence, the first of all being `start_id`.
            memory: of the tokens before; changed.
            vectors_VD: of the vocabulary.
        """
        before, new = memory.written, tokens_NU.shape[1]
        place_S = torch.arange(before + new, device=tokens_NU.device)
        distance_US = place_S - place_S[before:, None]
        bias_HUS = self.bias(distance_US).masked_fill(distance_US > 0, -torch.inf)
        x_NUD = self.dropout(embedding(tokens_NU, vectors_VD))
        for layer, kept in zip(self.layer, memory.layers, strict=True):
            x_NUD = layer(x_NUD, kept, bias_HUS, memory.visible_N11T)
        memory.written = before + new
        return self.scores(self.dropout(self.norm(x_NUD)))

    def forward(
        self,
        tokens_NU: Int[Tensor, "N U"],
        vectors_VD: Float[Tensor, "V D"],
        source_NTD: Float[Tensor, "N T D"] | None,
        visible_NT: Bool[Tensor, "N T"] | None = None,
    ) -> Float[Tensor, "N U V"]:
        """Scores behind every token of whole texts at once; padding behind a text changes none before it."""
        return self.step(tokens_NU, self.begin(source_NTD, visible_NT), vectors_VD)
