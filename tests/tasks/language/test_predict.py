"""Predictions: both strands, windows, what they are called, going on after an interruption."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens import load_tokenizer
from lexome.simulate.genome import random_genome
from lexome.tasks.language.infer import predictions
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.pieces import CutConfig, Source, Tally, pieces
from lexome.tasks.language.predict import (
    PredictConfig,
    Prediction,
    PredictRequest,
    check_threshold,
    columns_of,
    predict,
    predict_to_file,
    row_of,
)
from lexome.tasks.language.targets import Target

Make = Callable[..., Path]
TARGET = Target("classes", ("x", "y"))
SEQUENCES = [random_genome(length, length) for length in (30, 90, 31, 500, 12)]


def source(*sequences: str) -> Source:
    def read() -> Iterator[tuple[str, str]]:
        return ((f"s{i}", sequence) for i, sequence in enumerate(sequences))

    return read


@pytest.fixture(scope="module")
def model(random_language_model: Make) -> LanguageModel:
    return open_language_model(random_language_model("nucleotide", TARGET), device="cpu")


@pytest.fixture(scope="module")
def regressor(random_language_model: Make) -> LanguageModel:
    return open_language_model(random_language_model("nucleotide", Target("value", ("v",))), device="cpu")


@pytest.mark.parametrize("batch_tokens", [1, 64, 10_000])
def test_both_strands_are_averaged_whatever_the_batch(regressor: LanguageModel, batch_tokens: int) -> None:
    model = regressor
    forwards, back = (
        predictions(model, model.encode(texts))
        for texts in (SEQUENCES, [reverse_complement(s) for s in SEQUENCES])
    )
    assert np.abs(forwards - back).max() > 0.02
    for both, expected in ((False, forwards), (True, (forwards + back) / 2)):
        cut = pieces(source(*SEQUENCES), model.tokenizer, CutConfig(), both_strands=both)
        found = list(predict(model, cut, PredictConfig(rc_average=both, batch_tokens=batch_tokens)))
        assert [one.piece.name for one in found] == [f"s{i}" for i in range(len(SEQUENCES))]
        np.testing.assert_allclose([one.outputs_K for one in found], expected, atol=1e-5)


def test_rows_of_all_kinds() -> None:
    (piece,) = pieces(source("ACGT"), load_tokenizer("byte"), CutConfig())
    classes, labels = Target("classes", ("no", "yes")), Target("labels", ("a", "b", "c"))
    value = Target("value", ("dose",))

    def row(target: Target, *outputs: float, windowed: bool = False, threshold: float = 0.5) -> list:
        return row_of(Prediction(piece, np.array(outputs)), target, windowed, threshold)

    assert row(classes, 0.4, 0.6) == ["s0", "yes", 0.4, 0.6]
    assert row(classes, 0.4, 0.6, windowed=True) == ["s0", 0, 4, "yes", 0.4, 0.6]
    assert row(labels, 0.5, 0.4, 0.9) == ["s0", "a;c", 0.5, 0.4, 0.9]
    assert row(labels, 0.5, 0.4, 0.9, threshold=0.95)[1] == ""
    assert row(value, -3.5) == ["s0", -3.5]
    assert [name for name, _ in columns_of(labels, True)] == [
        "name", "start", "end", "prediction", "p_a", "p_b", "p_c",
    ]  # fmt: skip
    assert columns_of(value, False) == [("name", str), ("dose", float)]
    assert columns_of(Target("value", ("name",)), False)[1][0] == "prediction"
    assert check_threshold(labels, 0.2) == 0.2
    assert check_threshold(classes, None) == 0.5
    for target, threshold in ((classes, 0.2), (labels, 1.0)):
        with pytest.raises(UsageError, match="--threshold"):
            check_threshold(target, threshold)


def test_windows_without_bases_are_left_out(model: LanguageModel, tmp_path: Path) -> None:
    sequence = random_genome(20, 1) + "N" * 30 + random_genome(10, 2)
    tally = Tally()
    request = PredictRequest(source(sequence), [], tmp_path / "o.tsv")
    written = predict_to_file(model, request, PredictConfig(CutConfig(10)), tally=tally)
    rows = [line.split("\t") for line in (tmp_path / "o.tsv").read_text().splitlines()[1:]]
    assert [(row[1], row[2]) for row in rows] == [("0", "10"), ("10", "20"), ("50", "60")]
    assert (written.rows, tally.left_out, tally.bases) == (3, 3, 60)
    expected = predictions(model, model.encode([sequence[50:60]]))[0]
    np.testing.assert_allclose([float(rows[2][4]), float(rows[2][5])], expected, atol=1e-5)


@pytest.mark.parametrize("window", [None, 40])
def test_an_interrupted_run_is_gone_on_with(model: LanguageModel, tmp_path: Path, window: int | None) -> None:
    config = PredictConfig(CutConfig(window), batch_tokens=8)
    (tmp_path / "x.fa").write_text("")

    def request(name: str, read: Source, resume: bool = False) -> PredictRequest:
        return PredictRequest(read, [tmp_path / "x.fa"], tmp_path / name, resume)

    predict_to_file(model, request("whole.tsv", source(*SEQUENCES)), config)

    def stopping() -> Iterator[tuple[str, str]]:
        yield from list(source(*SEQUENCES)())[:4]
        raise KeyboardInterrupt

    out = tmp_path / "o.tsv"
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(model, request("o.tsv", stopping), config)
    left = (tmp_path / "o.tsv.partial").read_text()
    assert 1 < left.count("\n") < (tmp_path / "whole.tsv").read_text().count("\n")
    (tmp_path / "o.tsv.partial").write_text(left[:-3])  # and killed within a line
    with pytest.raises(UsageError, match="--window"):
        predict_to_file(model, request("o.tsv", source(*SEQUENCES), True), PredictConfig(CutConfig(7)))
    with pytest.raises(BadInputError, match=r"row 1 of the interrupted run is of s0"):
        predict_to_file(model, request("o.tsv", lambda: iter([("z", "ACGT")]), True), config)
    assert not out.exists()
    written = predict_to_file(model, request("o.tsv", source(*SEQUENCES), True), config)
    assert written.kept == left.count("\n") - 2
    assert out.read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.tsv", "whole.tsv", "x.fa"]
