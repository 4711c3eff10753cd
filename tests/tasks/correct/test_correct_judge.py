"""Errors in windows with known truth, counted by hand, and their ratios."""

from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import Checkpoint
from lexome.evaluate.majority import majority_vote
from lexome.io.windows import WindowStore, read_windows
from lexome.tasks.correct.judge import Errors, JudgedWindows, Ratio


@pytest.fixture
def store(window_stores: tuple[Path, Path]) -> WindowStore:
    return read_windows(window_stores[1])


def spelt(symbols_L: np.ndarray) -> list[int]:
    return [int(s) for s in symbols_L if s]


def test_the_truth_has_no_errors_and_a_lost_base_is_one(store: WindowStore) -> None:
    judged = JudgedWindows(store, "validation")
    assert judged.molecules == len(np.unique(store.source_N["ccs"])) == 3
    labels_NL = store.labels_NL[judged.rows].copy()
    perfect = judged.errors(labels_NL)
    assert (perfect.total, perfect.exact) == (0, 1.0)
    labels_NL[0, 3] = 0
    one = judged.errors(labels_NL)
    assert (one.total, one.exact) == (1, 1 - 1 / len(labels_NL))
    assert one.errors_N[0] == 1
    assert not one.exact_N[0]


def test_ccs_reads_and_vote_are_those_of_the_rows(store: WindowStore) -> None:
    judged = JudgedWindows(store, "validation")
    ccs, vote = judged.ccs(8), judged.majority(8)
    votes_NL = majority_vote(store.rows_NRL, 8)
    for n in range(len(judged.rows)):
        assert ccs.exact_N[n] == (spelt(store.rows_NRL[n, 32]) == spelt(store.labels_NL[n]))
        assert vote.exact_N[n] == (spelt(votes_NL[n]) == spelt(store.labels_NL[n]))
    assert ccs.total > 0


def test_a_model_is_judged_by_what_it_calls(
    store: WindowStore, random_corrector_model: Checkpoint, graph_cache: Path
) -> None:
    import dataclasses

    config = dict(random_corrector_model.architecture.config) | {"pileup": {"passes": 8}}
    del graph_cache
    from lexome.checkpoint.build import weights_of
    from lexome.models.registry import new_network

    network = new_network({"name": "deepconsensus", "config": config}, {"name": "consensus", "config": {}})
    architecture = dataclasses.replace(random_corrector_model.architecture, config=config)
    model = dataclasses.replace(
        random_corrector_model, architecture=architecture, features={"width": 60}, weights=weights_of(network)
    )
    judged = JudgedWindows(store, "validation", 10)
    assert len(judged.rows) == 10
    found = judged.model(model)
    assert found.errors_N.shape == (10,)
    assert found.total > judged.ccs(8).total  # random weights
    assert np.array_equal(JudgedWindows(store, "validation", 10).model(model).errors_N, found.errors_N)


def test_a_ratio_takes_the_windows_of_a_molecule_together(store: WindowStore) -> None:
    judged = JudgedWindows(store, "validation")
    count = len(judged.rows)
    ones = Errors(np.ones(count, np.int64), np.zeros(count, bool))
    twos = Errors(np.full(count, 2), np.zeros(count, bool))
    assert judged.ratio(twos, ones) == Ratio(2.0, (2.0, 2.0))
    # all errors of one molecule: a draw without it has none to divide by, one with it a ratio of 1
    names = store.source_N["ccs"][judged.rows]
    first = Errors((names == names[0]).astype(np.int64), names != names[0])
    assert judged.ratio(first, first) == Ratio(1.0, (1.0, 1.0))
    ratio = judged.ratio(first, ones)
    share = (names == names[0]).mean()
    assert ratio.value == pytest.approx(share)
    assert ratio.interval is not None
    assert ratio.interval[0] == 0.0 < share < ratio.interval[1]
    assert ratio.text().startswith(f"{share:.3f} (95% 0.000 to ")
    assert Ratio(0.5, None).text() == "0.500"
