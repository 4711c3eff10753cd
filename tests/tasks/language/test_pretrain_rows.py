"""The rows that pre-training draws: how often, by whom, and how frequent their bytes are."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.features.tokens import load_tokenizer
from lexome.tasks.language.corpus import CorpusRequest, prepare_tokens
from lexome.tasks.language.pretrain_rows import PretrainRows, Told


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 rows of A and C, ten of G."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "many.fa").write_text(">m\n" + "AAAC" * 310 + "\n>v\n" + "ACGT" * 16 + "\n")
    (folder / "few.fa").write_text(">f\n" + "G" * 310 + "\n")
    request = CorpusRequest(
        [("many", folder / "many.fa"), ("few", folder / "few.fa")], load_tokenizer("byte", uppercase=True),
        32, validation=("v",), validation_share=0.0, both_strands=False,
    )  # fmt: skip
    prepare_tokens(request, folder / "store")
    return folder / "store"


def test_categories_are_drawn_as_sampling_and_weights_say(store: Path) -> None:
    def chances(sampling: float, **weights: float) -> list[float]:
        rows = PretrainRows([str(store)], sampling, weights, 8)
        assert rows.categories == ["few", "many"]
        found, members = rows.chances(rows.rows("training"))
        assert [len(one) for one in members] == [10, 40]
        return found.tolist()

    assert chances(1.0) == pytest.approx([0.2, 0.8])
    assert chances(0.0) == pytest.approx([0.5, 0.5])
    assert chances(0.5) == pytest.approx([1 / 3, 2 / 3])
    assert chances(1.0, few=4.0) == pytest.approx([0.5, 0.5])
    assert chances(1.0, few=0.0) == [0.0, 1.0]


def test_processes_share_a_batch_and_a_resumed_run_sees_the_same(store: Path) -> None:
    rows = PretrainRows([str(store)], 0.5, {}, 8)

    def draw(batch: int, rank: int, world: int, skip: int, count: int) -> list[list[list[int]]]:
        drawn = rows.batches("training", batch_size=batch, seed=3, rank=rank, world=world, skip=skip)
        return [[ids.tolist() for ids in one.ids] for one in islice(drawn, count)]

    whole = draw(4, 0, 1, 0, 5)
    halves = [a + b for a, b in zip(draw(2, 0, 2, 0, 5), draw(2, 1, 2, 0, 5), strict=True)]
    assert whole == halves
    assert draw(4, 0, 1, 3, 2) == whole[3:]
    judged = list(rows.batches("validation", batch_size=1, seed=0, rank=0, world=1, skip=0))
    assert [len(one.ids) for one in judged] == [1] * len(rows.rows("validation"))


def test_bytes_are_as_frequent_as_they_are(store: Path) -> None:
    rows = PretrainRows([str(store)], 1.0, {}, 100)
    frequency_V = np.exp(rows.log_frequencies)
    assert frequency_V.sum() == pytest.approx(1.0)
    counts = {base: frequency_V[ord(base) + 3] for base in "ACGT"}
    assert counts["A"] == pytest.approx(3 * counts["C"], rel=0.05)
    assert counts["T"] < 0.01
    told = Told(rows)
    told.add(np.array([68, 68, 70, 74]), np.array([68, 70, 70, 68]))
    figures = told.figures()
    assert figures["accuracy"] == 0.5
    assert figures["frequency_accuracy"] == 0.5  # always A
    assert (figures["accuracy_A"], figures["accuracy_C"], figures["accuracy_G"]) == (0.5, 1.0, 0.0)
    assert "accuracy_T" not in figures
    expected = -np.mean([np.log(frequency_V[i]) for i in (68, 68, 70, 74)])
    assert figures["frequency_loss"] == pytest.approx(expected)


def test_what_cannot_be_drawn_is_refused(store: Path) -> None:
    with pytest.raises(UsageError, match="names no store"):
        PretrainRows([], 1.0, {}, 8)
    with pytest.raises(UsageError, match="no category 'fungi'"):
        PretrainRows([str(store)], 1.0, {"fungi": 2.0}, 8)
    nothing = PretrainRows([str(store)], 1.0, {"few": 0.0, "many": 0.0}, 8)
    with pytest.raises(UsageError, match="leaves no category"):
        nothing.chances(nothing.rows("training"))
    with pytest.raises(UsageError, match="no row for test"):
        nothing.rows("test")
