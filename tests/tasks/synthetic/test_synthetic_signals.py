"""Signals and their labels for every sample."""

import numpy as np
import pytest

from lexome.core.alphabet import kmer_index
from lexome.simulate.levels import bundled_levels
from lexome.simulate.oscillator import OscillatorConfig
from lexome.tasks.synthetic.signals import Kind, SignalSource


def test_borders_and_bases_are_of_one_truth() -> None:
    borders_NS = SignalSource("borders").draw(5, 10, 4)[1]
    signal_NS, bases_NS = SignalSource("bases").draw(5, 10, 4)
    assert signal_NS.shape == (4, 500)
    changes = bases_NS[:, 1:] != bases_NS[:, :-1]
    assert (borders_NS[:, 1:][changes] == 1).all()  # every change is a border; some borders change nothing
    assert borders_NS[:, 1:].sum() > changes.sum()
    assert borders_NS.mean() == pytest.approx(1 / 9, rel=0.2)


def test_the_signal_is_that_of_the_labelled_bases() -> None:
    """Without noise the levels of the table, up to the scale of a read, follow from the labels."""
    source = SignalSource("bases", samples=800, noise=0.0)
    borders_NS = SignalSource("borders", samples=800, noise=0.0).draw(3, 0, 3)[1]
    levels = bundled_levels()
    for signal_S, bases_S, borders_S in zip(*source.draw(3, 0, 3), borders_NS, strict=True):
        starts = np.flatnonzero(borders_S)
        codes = bases_S[starts]
        expected_pa = levels.mean_pa[kmer_index(codes, levels.k)]  # of the bases that have all neighbours
        middle = slice(levels.centre, levels.centre + len(expected_pa))
        ends = np.append(starts[1:], 800)[middle]
        measured = np.array(
            [signal_S[a + 1 : b].mean() for a, b in zip(starts[middle], ends, strict=True) if b > a + 1]
        )
        kept = ends > starts[middle] + 1
        assert np.corrcoef(measured, expected_pa[kept])[0, 1] > 0.99


@pytest.mark.parametrize("kind", ["oscillator", "borders", "bases"])
def test_the_same_arguments_give_the_same_signals(kind: Kind) -> None:
    source = SignalSource(kind, samples=300)
    one, two = source.draw(1, 6, 3), source.draw(1, 6, 3)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    assert one[1].max() < source.classes
    for seed, first in ((2, 6), (1, 9)):
        assert np.abs(one[0] - source.draw(seed, first, 3)[0]).max() > 0.1


def test_a_read_of_the_pore_depends_on_its_own_number_alone() -> None:
    source = SignalSource("bases", samples=300)
    np.testing.assert_array_equal(source.draw(1, 0, 5)[0][3:], source.draw(1, 3, 2)[0])


def test_classes() -> None:
    assert SignalSource("oscillator", oscillator=OscillatorConfig(heights=6)).classes == 6
    assert (SignalSource("borders").classes, SignalSource("bases").classes) == (2, 4)
    with pytest.raises(ValueError, match="at least 1"):
        SignalSource("bases", samples=0)
