"""The network of DeepConsensus: a pile-up window of HiFi passes -> scores of the true base of every column.

Source: DeepConsensus 1.2 (Baid 2022) and its distilled form (Belyaeva 2022): 6 layers the teacher, 3 to 5 the
students. Layers, shapes and initialisation are the published ones, so its weights can be used.

What differs: windows of any length; a value outside its table is refused; scores are logits.

Shapes: N windows, R rows, L columns, D features.
"""

from dataclasses import dataclass, field

from jaxtyping import Bool, Float, Num
from torch import Tensor, nn

from lexome.nn.banded_attention import BandedSelfAttention, FeedForward, Gated, band_mask, sinusoids
from lexome.nn.heads import check_heads
from lexome.nn.pileup_embedding import PileupEmbedding, PileupRows

NUM_SYMBOLS = 5
NORM_EPS = 1e-6


@dataclass(frozen=True)
class DeepConsensusConfig:
    """Rows of the window, and layers from first to last.

    Attributes:
        pileup: rows of the window.
        size: features D of every column.
        num_heads: attention heads of every layer.
        band: columns to each side that a column sees; None: all of the window.
        feed_forwards: width of the feed-forward block of each layer.
        attention_dropout: part of the attention that is dropped in training. The published teacher was
            trained without, its students with 0.1.
        heads: heads that are left in each layer after pruning; None: all of `num_heads`.
    """

    pileup: PileupRows = field(default_factory=PileupRows)
    size: int = 280
    num_heads: int = 2
    band: int | None = 12
    feed_forwards: tuple[int, ...] = (2048,) * 6
    attention_dropout: float = 0.0
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.feed_forwards or min(self.feed_forwards) < 1:
            raise ValueError("feed_forwards needs at least one width, all of them positive")
        if self.num_heads < 1 or self.size < 2 or self.size % self.num_heads or self.size % 2:
            raise ValueError(f"size {self.size} must be even and divide into num_heads {self.num_heads}")
        check_heads(self.heads, len(self.feed_forwards), self.num_heads)
        if self.band is not None and self.band < 0:
            raise ValueError("band must not be negative")
        if not 0 <= self.attention_dropout < 1:
            raise ValueError("attention_dropout must be at least 0 and below 1")


class ConsensusLayer(nn.Module):
    """Attention, then a feed-forward block, each in a gated sum: (N, L, D) -> (N, L, D)."""

    def __init__(self, config: DeepConsensusConfig, hidden: int, heads: int | None = None) -> None:
        super().__init__()
        self.attention = Gated(
            BandedSelfAttention(config.size, config.num_heads, config.attention_dropout, heads)
        )
        self.feed_forward = Gated(FeedForward(config.size, hidden))

    def forward(
        self, x_NLD: Float[Tensor, "N L D"], visible_LL: Bool[Tensor, "L L"]
    ) -> Float[Tensor, "N L D"]:
        """Applies the layer."""
        return self.feed_forward(self.attention(x_NLD, visible_LL))


class DeepConsensus(nn.Module):
    """Embedded rows, transformer layers, a normalisation: windows (N, R, L) -> features (N, L, D).

    The rows are described at `nn.pileup_embedding.PileupEmbedding`. Padding columns are seen like others.
    """

    stride = 1
    # Every sum needs its unchanged part: a gate starts at zero.
    skips: tuple[str, ...] = ()

    def __init__(self, config: DeepConsensusConfig) -> None:
        super().__init__()
        self.config = config
        self.num_features = config.size
        self.embedding = PileupEmbedding(config.pileup, config.size)
        left = config.heads or [None] * len(config.feed_forwards)
        self.layers = nn.ModuleList(
            ConsensusLayer(config, hidden, heads)
            for hidden, heads in zip(config.feed_forwards, left, strict=True)
        )
        self.norm = nn.LayerNorm(config.size, eps=NORM_EPS)
        # The width of the features runs through all sums, so it cannot be cut in one place.
        self.prunable = tuple(f"layers.{i}.feed_forward.inner" for i in range(len(config.feed_forwards)))

    def forward(self, rows_NRL: Num[Tensor, "N R L"]) -> Float[Tensor, "N L D"]:
        """Features of every column.

        Raises:
            ValueError: for another number of rows, or a value outside its table.
        """
        x_NLD = self.embedding(rows_NRL)
        num_columns, band = x_NLD.shape[1], self.config.band
        x_NLD = x_NLD + sinusoids(num_columns, self.config.size, x_NLD.device)
        visible_LL = band_mask(num_columns, num_columns if band is None else band, x_NLD.device)
        for layer in self.layers:
            x_NLD = layer(x_NLD, visible_LL)
        return self.norm(x_NLD)


@dataclass(frozen=True)
class ConsensusScorerConfig:
    """The scorer has nothing to choose."""


class ConsensusScorer(nn.Module):
    """A linear layer with bias to the symbols: (N, L, D) -> (N, L, 5), logits of gap, A, T, C, G."""

    num_outputs = NUM_SYMBOLS

    def __init__(self, in_features: int, config: ConsensusScorerConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(in_features, NUM_SYMBOLS)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features_NLD: Float[Tensor, "N L D"]) -> Float[Tensor, "N L 5"]:
        """Scores (logits) of all symbols in every column."""
        return self.linear(features_NLD)
