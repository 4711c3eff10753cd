"""Windows against the peer's real ones, and cut by hand."""

import itertools
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.zmw import Truth, UnusableZmwError, ZmwOutcome
from lexome.features.pileup import PileupConfig, pile_up
from lexome.features.pileup_labels import LabelOutcome, label_windows
from lexome.features.pileup_windows import cut_windows, network_rows, uncovered, windows_of


@pytest.mark.parametrize("like_deepconsensus", [True, False])
@pytest.mark.parametrize(("name", "with_qualities"), [("rows85", False), ("rows86_bq", True)])
def test_rows_are_exactly_the_peers(
    shared: Path, human_zmws: list, name: str, with_qualities: bool, like_deepconsensus: bool
) -> None:
    config = PileupConfig(with_qualities=with_qualities, like_deepconsensus=like_deepconsensus)
    seen = 0
    for split in ("train", "eval"):
        golden = np.load(shared / "golden" / "deepconsensus" / f"human_1m_{name}_{split}.npz")
        found = {}
        for zmw, truth in human_zmws:
            if isinstance(truth, Truth) and truth.split == split:
                found |= {(w.name, w.ccs_start_bp): w for w in windows_of(zmw, config)}
        windows = [found[key] for key in zip(golden["name"], golden["window_pos"], strict=True)]
        rows = network_rows(windows, config)
        assert rows.dtype == np.float32
        assert np.array_equal(rows, golden["rows"])
        assert [w.num_passes for w in windows] == golden["num_passes"].tolist()
        seen += len(windows)
    assert seen == 1239 + 65


def test_which_windows_the_peer_makes(shared: Path, human_zmws: list) -> None:
    config = PileupConfig(like_deepconsensus=True)
    for split in ("train", "eval"):
        golden = np.load(shared / "golden" / "deepconsensus" / f"human_1m_rows85_{split}.npz")
        found = []
        for zmw, truth in human_zmws:
            if isinstance(truth, Truth) and truth.split == split:
                pileup = pile_up(zmw, config)
                windows = cut_windows(pileup)
                labels = label_windows(pileup, windows, truth)
                found += [
                    (w.name, w.ccs_start_bp)
                    for w, label in zip(windows, labels, strict=True)
                    if label.outcome == LabelOutcome.LABELLED
                ]
        assert found == list(zip(golden["name"], golden["window_pos"].tolist(), strict=True))


@given(st.data())
def test_windows_hold_all_columns_and_all_bases(reference: ModuleType, data: st.DataObject) -> None:
    zmw = reference.draw_zmw(data.draw)
    num_ccs = len(zmw.ccs.sequence)
    smart = data.draw(st.booleans())
    widths: list[int] = []
    if smart:
        inner = data.draw(st.sets(st.integers(1, max(1, num_ccs - 1)), max_size=5)) if num_ccs > 1 else set()
        widths = np.diff([0, *sorted(inner), num_ccs]).tolist()
        zmw = reference.zmw(zmw.ccs.sequence, *zmw.subreads, tags=(("wl", widths, "B"),))
    config = PileupConfig(max_passes=5, width=data.draw(st.integers(1, 9)), smart_windows=smart)
    pileup = pile_up(zmw, config)
    windows = cut_windows(pileup)
    assert not uncovered([(w.ccs_start_bp, w.ccs_end_bp) for w in windows], num_ccs)
    assert [w.index for w in windows] == list(range(len(windows)))
    for first, second in itertools.pairwise(windows):
        assert (first.end_column, first.ccs_end_bp) == (second.first_column, second.ccs_start_bp)
    ends = (windows[0].first_column, windows[0].ccs_start_bp, windows[-1].ccs_end_bp)
    assert ends == (0, 0, num_ccs)
    # what stands behind the last base fills the last window at most
    last = windows[-1]
    assert last.end_column > pileup.columns_C1[-2]
    if last.end_column < pileup.columns_C1[-1]:
        assert last.end_column - last.first_column >= config.width
    for window in windows:
        size = window.end_column - window.first_column
        assert window.overflow == (size > config.width)
        inside = pileup.rows_RW[:, window.first_column : window.end_column]
        assert np.array_equal(window.rows_RL[:, :size], inside)
        filled = window.rows_RL[:, size:]
        assert filled.shape[1] == max(0, config.width - size)
        assert (filled[15:20] == pileup.rows_RW[15:20, :1]).all()
        assert not np.delete(filled, range(15, 20), 0).any()
        bases = np.searchsorted(pileup.columns_C1[:-1], [window.first_column, window.end_column])
        assert (window.ccs_start_bp, window.ccs_end_bp) == tuple(bases)
    if smart:
        assert [w.ccs_end_bp - w.ccs_start_bp for w in windows] == widths
    else:
        assert not any(w.overflow for w in windows)


def test_smart_windows_take_what_is_inserted_behind_them(reference: ModuleType) -> None:
    read = reference.subread(0, "1I2=2I2=", "TACGGGT")
    zmw = reference.zmw("ACGT", read, tags=(("wl", np.array([2, 2], np.uint32), "B"),))
    windows = windows_of(zmw, PileupConfig(width=4, smart_windows=True))
    assert [(w.first_column, w.end_column, w.overflow) for w in windows] == [(0, 5, True), (5, 7, False)]
    assert windows[0].rows_RL[0].tolist() == [2, 1, 3, 4, 4]  # as wide as it is
    assert windows[1].rows_RL[0].tolist() == [4, 2, 0, 0]


@pytest.mark.parametrize(
    ("tags", "outcome"),
    [
        ((), ZmwOutcome.NO_WINDOW_WIDTHS),
        ((("wl", [2, 3], "B"),), ZmwOutcome.BAD_WINDOW_WIDTHS),
        ((("wl", [4, 0], "B"),), ZmwOutcome.BAD_WINDOW_WIDTHS),
        ((("wl", [5, -1], "B"),), ZmwOutcome.BAD_WINDOW_WIDTHS),
        ((("wl", [], "B"),), ZmwOutcome.BAD_WINDOW_WIDTHS),
        ((("wl", [2**63 - 1, 2**63 - 1, 6], "B"),), ZmwOutcome.BAD_WINDOW_WIDTHS),
    ],
)
def test_widths_that_make_no_sense(reference: ModuleType, tags: tuple, outcome: ZmwOutcome) -> None:
    zmw = reference.zmw("ACGT", reference.subread(0, "4=", "ACGT"), tags=tags)
    with pytest.raises(UnusableZmwError, match="wl") as caught:
        windows_of(zmw, PileupConfig(smart_windows=True))
    assert caught.value.report.outcome == outcome


def test_a_window_without_ccs_bases_stays(reference: ModuleType) -> None:
    zmw = reference.zmw("AC", reference.subread(0, "1=5I1=", "ATTTTTC"))
    spans = [(w.ccs_start_bp, w.ccs_end_bp) for w in windows_of(zmw, PileupConfig(width=2))]
    assert spans == [(0, 1), (1, 1), (1, 1), (1, 2)]
    like = windows_of(zmw, PileupConfig(width=2, like_deepconsensus=True))
    assert [(w.index, w.ccs_start_bp, w.ccs_end_bp) for w in like] == [(0, 0, 1), (1, 1, 2)]


def test_the_rows_of_the_network(reference: ModuleType) -> None:
    config = PileupConfig(max_passes=1, width=4, with_qualities=True)
    zmw = reference.zmw("ACG", reference.subread(0, "1=1D1=", "AG", -1))
    (rows,) = network_rows(windows_of(zmw, config), config)
    assert rows.tolist() == [
        [1, 0, 4, 0], [1, 0, 2, 0], [101, 0, 102, 0], [2, 2, 2, 2], [1, 3, 4, 0], [0, 1, 2, -1],
        [5.5] * 4, [9.25] * 4, [4.0] * 4, [600.0] * 4,
    ]  # fmt: skip
    assert network_rows([], config).shape == (0, 10, 4)


def test_a_missing_window_is_noticed() -> None:
    spans = [(0, 70), (70, 100), (100, 180)]
    assert uncovered(spans, 180) == []
    assert uncovered(spans[::-1], 180) == []
    assert uncovered([spans[0], spans[2]], 180) == [(70, 100)]
    assert uncovered(spans[:2], 180) == [(100, 180)]
    assert uncovered([(50, 180), (60, 70)], 180) == [(0, 50)]
    assert uncovered([], 5) == [(0, 5)]
