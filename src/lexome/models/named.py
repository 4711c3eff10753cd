"""Architectures by name and width: one reference configuration of every kind that is registered.

The sizes are those of the thesis ("Towards faster sequence-to-sequence models for basecalling", Ordonez
Cardenas 2024) where it tells them, or of the program that it names; the rest is chosen here. Each table is
plain data, as it stands under [architecture] in a recipe; nothing heavy is imported.
"""

import copy
from dataclasses import dataclass

from lexome.core.errors import UsageError, nearest
from lexome.models import families as of
from lexome.models.families import Builder, Table


@dataclass(frozen=True)
class NamedArchitecture:
    """A family of one shape and any width.

    Attributes:
        what: what it is, in one line.
        section: where the thesis describes it; "-": nowhere, and who does instead.
        layers: layers of the reference: recurrent or transformer layers, blocks of other networks.
        build: width and layers -> {"name": ..., "config": {...}}.
    """

    what: str
    section: str
    layers: int
    build: Builder

    def __call__(self, width: int) -> Table:
        """The [architecture] table of this width."""
        return copy.deepcopy(self.build(width, self.layers))


def named_architecture(name: str, width: int, layers: int | None = None) -> Table:
    """The [architecture] table of a named family.

    Args:
        name: a key of `NAMED`.
        width: features of every step.
        layers: recurrent or transformer layers, or blocks; None: as many as the reference has.

    Returns:
        {"name": a registered encoder, "config": its configuration}, new with every call.

    Raises:
        UsageError: for an unknown name (with the nearest ones), or a width or number of layers below one.
    """
    if name not in NAMED:
        raise UsageError(f"unknown architecture '{name}'; {nearest(name, NAMED)}")
    if width < 1 or (layers is not None and layers < 1):
        raise UsageError(f"architecture '{name}': width and layers must be positive")
    family = NAMED[name]
    return copy.deepcopy(family.build(width, family.layers if layers is None else layers))


_ELMAN = {"kind": "elman", "residual": True, "layer_norm": True, "dropout": 0.1}
_THOUGHTS = {  # version 5 of the thesis, its best
    "steps": 8,
    "separators": True,
    "iterations": 3,
    "learned_start": True,
    "residual": True,
    "context": True,
}
_ROWS: tuple[tuple[str, str, str, int, Builder], ...] = (
    ("bonito", "three convolutions, LSTMs of alternating direction", "figure 2.1, table 5.1", 5, of.bonito()),
    ("bonito_gru", "Bonito with GRUs", "2.2.1, table 5.1", 5, of.bonito(kind="gru")),
    ("bonito_elman", "Bonito with Elman layers, sums, normalisation", "4.2.1", 5, of.bonito(**_ELMAN)),
    ("bonito_slstm", "Bonito with xLSTM's sLSTM, 4 heads", "4.2.1", 5, of.bonito(kind="slstm", heads=4)),
    ("bonito_mlstm", "Bonito with xLSTM's mLSTM, 4 heads", "4.2.1", 5, of.bonito(kind="mlstm", heads=4)),
    ("bonito_min_gru", "Bonito with minGRUs, run by a scan", "- (Feng 2024)", 5, of.bonito(kind="min_gru")),
    ("bonito_gru_ablation", "Bonito with the GRU that is taken apart, whole", "4.2.1, table 4.1", 2,
     of.bonito(kind="gru_ablation", ablation="baseline")),
    ("bonito_split", "Bonito with LSTMs that run in two halves", "5.1.1", 5, of.bonito(splits=2)),
    ("bonito_lstm_steps", "Bonito with LSTMs of plain operations", "5.1.2", 5, of.bonito(kind="lstm_steps")),
    ("bonito_lstm_scripted", "the same, compiled as scripts", "5.1.2", 5, of.bonito(kind="lstm_scripted")),
    ("bonito_parallel_lstm", "Bonito with LSTMs of three iterations at all steps", "5.1.2, table 5.1", 5,
     of.bonito(kind="parallel_lstm", iterations=3)),
    ("bonito_kan_conv1", "Bonito, first convolution a KAN", "4.2.5, table 5.1", 5,
     of.bonito_kan(0, "spline", 16)),
    ("bonito_kan_conv2", "Bonito, second convolution a KAN", "4.2.5, table 5.1", 5,
     of.bonito_kan(1, "spline", 16)),
    ("bonito_kan_conv2_sine", "the same, wider and of sines", "4.2.5, table 5.1", 5,
     of.bonito_kan(1, "sine", 32)),
    ("bonito_taylor", "Bonito behind Taylor coefficients", "4.3", 5, of.with_inputs(degree=8, window=17)),
    ("bonito_fourier", "Bonito behind sliding Fourier transforms", "4.3", 5,
     of.with_inputs(parts="complex", window=17)),
    ("parallel_rnn", "ParallelRNN: short recurrences, all steps at once", "5.1.3, table 5.1", 2,
     of.parallel_rnn),
    ("dense_base_conv", "DenseBaseConv: blocks of few steps, an LSTM", "5.2, table 5.1", 1,
     of.dense_base_conv),
    ("s4", "structured state spaces, both directions", "4.2.3", 4, of.s4),
    ("mamba", "selective state spaces", "4.2.3", 4, of.mamba(1)),
    ("mamba2", "Mamba-2: one decay per head", "4.2.3", 4, of.mamba(2)),
    ("mamba_cot", "Mamba, a vector to reason with behind every 25 steps", "4.2.2", 4,
     of.mamba(1, thoughts_every=25)),
    ("sacall", "two convolutions, a transformer", "table 5.1 (Huang 2020)", 4, of.sacall()),
    ("sacall_cot", "SACall, a chain of thought in every layer", "4.2.2, table 5.1", 4,
     of.sacall(thoughts=_THOUGHTS)),
    ("sacall_experts", "SACall with mixtures of experts", "4.2.5", 4, of.sacall(of.experts)),
    ("sacall_grouped_experts", "the same, steps gathered by expert", "4.2.5", 4,
     of.sacall(of.grouped_experts)),
    ("sacall_fast_feed_forward", "SACall with fast feed-forwards (trees)", "4.2.5", 4, of.sacall(of.tree)),
    ("cot_two_step", "SequenceNetCoTTwostep: two layers, a chain of thought", "4.2.2", 2,
     of.two_step(_THOUGHTS)),
    ("local_transformer", "SACall with local attention", "4.2.2", 4, of.bigbird(0)),
    ("bigbird", "SACall with local attention and global places", "4.2.2", 4, of.bigbird(4)),
    ("reformer", "SACall with attention by hashes, reversible", "2.2.2", 4, of.reformer),
    ("catcaller", "attention beside dynamic convolutions", "4.2.2 (Lv 2020)", 4, of.catcaller),
    ("causalcall", "causal dilated convolutions", "- (Zeng 2020)", 5, of.causalcall),
    ("quartznet", "Bonito-CTC: separable convolutions", "- (Kriman 2020)", 3, of.quartznet),
    ("transformer", "ONT's sup v5: windowed attention, upsampling", "- (ONT)", 4, of.transformer),
    ("deepconsensus", "pile-ups of HiFi passes into bases", "- (Baid 2022)", 3, of.deepconsensus),
)  # fmt: skip
NAMED: dict[str, NamedArchitecture] = {row[0]: NamedArchitecture(*row[1:]) for row in _ROWS}
