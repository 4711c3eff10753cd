"""What is said of a basecalling network that does not learn; the alignment that is shown."""

import itertools
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lexome.decode.crf import CrfDecoder
from lexome.dp.kernels.edit import matches_and_edits
from lexome.tasks.basecall.diagnosis import COLUMNS, aligned, diagnose

bases = st.lists(st.integers(0, 3), max_size=30).map(lambda codes: np.array(codes, np.int64))


def rows(call: np.ndarray, label: np.ndarray) -> tuple[str, str, str]:
    """The three lines of an alignment, joined over its blocks."""
    lines = aligned(call, label)
    assert all(len(line) <= 6 + COLUMNS for line in lines)
    return tuple("".join(line[6:] for line in lines[part::3]) for part in range(3))  # pyright: ignore


@given(bases, bases)
def test_an_alignment_spells_both_and_has_the_fewest_edits(call: np.ndarray, label: np.ndarray) -> None:
    above, middle, below = rows(call, label)
    assert above.replace("-", "") == "".join("ACGT"[code] for code in call)
    assert below.replace("-", "") == "".join("ACGT"[code] for code in label)
    assert len(above) == len(middle) == len(below)
    for top, mark, bottom in zip(above, middle, below, strict=True):
        assert (mark == "|") == (top == bottom)
        assert (top, bottom) != ("-", "-")
    assert middle.count(" ") == matches_and_edits(call, label)[1]


def test_long_alignments_are_cut_into_blocks() -> None:
    label = np.arange(200) % 4
    lines = aligned(np.delete(label, 100), label)
    assert len(lines) == 9
    assert lines[0] == "call  " + "ACGT" * 20
    assert lines[1] == "      " + "|" * 80
    assert lines[8] == "label " + "ACGT" * 10
    assert "".join(lines[3::3]).count("-") == 1


class Network(nn.Module):
    """A convolution, and scores that call what `template` says (entries of state_len 1)."""

    def __init__(self, entries: list[int], weight: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 1)
        nn.init.constant_(self.conv.weight, weight)
        self.entries = entries

    def forward(self, signal_NCS: torch.Tensor) -> torch.Tensor:
        self.conv(signal_NCS)
        scores_NTK = torch.zeros(len(signal_NCS), len(self.entries), 20)
        scores_NTK[:, range(len(self.entries)), self.entries] = 9.0
        return scores_NTK


def entries_of(spelled: list[int], steps: int) -> list[int]:
    """A path of moves through bases, then stays."""
    moves = [5 * new + 1 + old for old, new in itertools.pairwise(spelled)]
    return [*moves, *[5 * spelled[-1]] * (steps - len(moves))]


def said(weight: float = 1.0, signal_scale: float = 1.0, **measured: float) -> list[str]:
    network = Network(entries_of([0, 1, 1, 2], 12), weight)
    signal = signal_scale * torch.randn(3, 1, 36, generator=torch.Generator().manual_seed(0))
    labels = [np.array([1, 1, 3, 0]), np.array([2, 2]), np.array([3, 3, 3])]
    numbers = {"loss": 1.39, "gradient_norm": 0.5, "learning_rate": 0.004} | measured
    return diagnose(network, signal, labels, CrfDecoder(1, None), numbers).splitlines()


def test_what_was_measured_is_said() -> None:
    lines = said()
    assert lines[0] == "likely causes:"
    assert [line.split(":")[0] for line in lines[1:4]] == ["- labels", "- scaling", "- learning rate"]
    assert "12.0 samples a base" in lines[1]
    assert "bases of labels A 11% C 22% G 22% T 44%" in lines[1]
    assert "bases of calls A 0% C 67% G 33% T 0%" in lines[1]
    assert "75% of the steps stay" in lines[1]
    assert re.search(r"mean -?0\.\d+ and sd [01]\.\d+ \(.*\); sd of the layers: conv [01](\.\d+)?$", lines[2])
    assert "0.004 at present, gradient norm 0.5" in lines[3]
    assert lines[4:] == ["a call and its label:", *aligned(np.array([1, 1, 2]), np.array([1, 1, 3, 0]))]


@pytest.mark.parametrize(
    ("changes", "first", "words"),
    [
        ({"weight": 0.001}, "- scaling", "out of bounds: conv 0.001"),
        ({"signal_scale": 5.0}, "- scaling", "and sd 5."),
        ({"gradient_norm": 1e-6}, "- learning rate", "gradient norm 1e-06"),
        ({"gradient_norm": 1e9}, "- learning rate", "gradient norm 1e+09"),
    ],
)
def test_what_is_out_of_bounds_comes_first(changes: dict[str, float], first: str, words: str) -> None:
    line = said(**changes)[1]
    assert line.startswith(first)
    assert words in line
