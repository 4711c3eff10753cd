"""The engine for windows: torch's scores, in every batch and thread, and integers that stay near them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import build_network, weights_of
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.errors import UsageError
from lexome.engine.windows import WindowEngine, export_windows, in_integers
from lexome.models.registry import new_network

COLUMNS = 30
CONFIG: dict[str, Any] = {
    "pileup": {"passes": 3, "ccs_qualities": True},
    "size": 40,
    "num_heads": 2,
    "band": 5,
    "feed_forwards": [96, 64],
}


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    network = new_network(
        {"name": "deepconsensus", "config": CONFIG}, {"name": "consensus", "config": {}}
    ).eval()
    for name, parameter in network.named_parameters():
        if name.endswith("gate"):
            torch.nn.init.constant_(parameter, 0.5)
    return Checkpoint(
        "correct", Component("deepconsensus", CONFIG), Component("consensus", {}), {}, None, {"name": "tiny"},
        weights_of(network),
    )  # fmt: skip


@pytest.fixture(scope="module")
def engine(checkpoint: Checkpoint) -> WindowEngine:
    return WindowEngine(checkpoint, columns=COLUMNS)


@pytest.fixture(scope="module")
def int8_engine(checkpoint: Checkpoint) -> WindowEngine:
    return WindowEngine(checkpoint, columns=COLUMNS, int8=True)


def some_rows(windows: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    low_high = [(0, 5)] * 3 + [(0, 256)] * 6 + [(0, 3)] * 3 + [(0, 5), (-1, 94)] + [(0, 501)] * 4
    return np.stack([rng.integers(*lh, (windows, COLUMNS)) for lh in low_high], axis=1).astype(np.int16)


def torch_scores(checkpoint: Checkpoint, rows: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return build_network(checkpoint)(torch.from_numpy(rows).float()).numpy()


def test_the_scores_are_those_of_torch(checkpoint: Checkpoint, engine: WindowEngine) -> None:
    rows = some_rows(7)
    np.testing.assert_allclose(engine.scores(rows), torch_scores(checkpoint, rows), rtol=0, atol=1e-5)
    fractions = rows.astype(np.float64)
    fractions[:, -4:] += 0.7
    assert np.array_equal(engine.scores(fractions), engine.scores(rows))


def test_integers_stay_near_the_scores(checkpoint: Checkpoint, int8_engine: WindowEngine) -> None:
    rows = some_rows(7)
    expected = torch_scores(checkpoint, rows)
    found = int8_engine.scores(rows)
    assert not np.array_equal(found, expected)
    assert np.sqrt(np.square(found - expected).mean()) < 0.03 * expected.std()


@pytest.mark.parametrize("which", ["engine", "int8_engine"])
def test_neither_batch_nor_threads_change_a_bit(
    request: pytest.FixtureRequest, checkpoint: Checkpoint, which: str
) -> None:
    alone: WindowEngine = request.getfixturevalue(which)
    rows = some_rows(23)
    expected = [alone.scores(rows[i : i + 1])[0] for i in range(len(rows))]
    for threads, batch_size in ((3, 2), (2, 64)):
        other = WindowEngine(
            checkpoint, columns=COLUMNS, int8=alone.int8, threads=threads, batch_size=batch_size
        )
        found = list(other.run(enumerate(rows), np.copy))
        assert [key for key, _ in found] == list(range(23))
        assert all(np.array_equal(scores, e) for (_, scores), e in zip(found, expected, strict=True))
    assert np.array_equal(alone.scores(rows), np.stack(expected))


def test_no_windows_are_no_scores(engine: WindowEngine) -> None:
    assert engine.scores(some_rows(0)).shape == (0, COLUMNS, 5)
    assert not list(engine.run([], np.copy))


@pytest.mark.parametrize(("row", "value"), [(0, 5), (0, -1), (13, -2), (13, 94), (4, 256), (17, 501)])
def test_values_outside_their_tables_are_refused(engine: WindowEngine, row: int, value: int) -> None:
    rows = some_rows(3)
    rows[1, row, 2] = value
    with pytest.raises(ValueError, match=f"window 1, row {row}, column 2: values are .*, not {value}"):
        engine.scores(rows)
    not_a_number = some_rows(1).astype(np.float32)
    not_a_number[0, row, 2] = np.nan
    with pytest.raises(ValueError, match="not nan"):
        engine.scores(not_a_number)


def test_windows_of_another_shape_are_refused(engine: WindowEngine) -> None:
    def items() -> Iterator[tuple[int, np.ndarray]]:
        yield 0, some_rows(1)[0, :, :-1]

    with pytest.raises(ValueError, match=r"18 rows of 30 columns, not \(18, 29\)"):
        list(engine.run(items(), np.copy))


def test_only_networks_that_take_windows_are_run(checkpoint: Checkpoint) -> None:
    with pytest.raises(UsageError, match="at least one"):
        export_windows(checkpoint, 0)
    torch.manual_seed(0)
    config = {"convs": [{"size": 4, "kernel": 5, "stride": 5}], "lstms": [{"size": 6, "reverse": True}]}
    other = new_network({"name": "bonito", "config": config}, {"name": "crf", "config": {"state_len": 1}})
    basecaller = replace(
        checkpoint,
        architecture=Component("bonito", config),
        head=Component("crf", {"state_len": 1}),
        weights=weights_of(other),
    )
    with pytest.raises(UsageError, match=r"model tiny \(bonito\) does not take windows"):
        WindowEngine(basecaller)


def test_the_layers_are_in_integers_and_the_ends_are_not(
    checkpoint: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    import onnx

    model = onnx.load_model_from_string(in_integers(export_windows(checkpoint, COLUMNS)))
    names = [node.name for node in model.graph.node if node.op_type == "MatMulInteger"]
    assert len(names) == 2 * 4  # queries with keys and values, heads joined, two of the feed-forward block
    assert not [name for name in names if "scorer" in name or "condenser" in name]
    assert not caplog.records, "the quantizer complains to the user"


def test_graphs_are_kept_for_the_next_start(checkpoint: Checkpoint, tmp_path: Path, monkeypatch) -> None:
    rows = some_rows(3)
    forms = [(COLUMNS, False), (COLUMNS, True), (COLUMNS + 1, False)]
    for columns, int8 in forms:
        WindowEngine(checkpoint, columns=columns, int8=int8, cache=tmp_path)
    assert len(list(tmp_path.glob("*.onnx"))) == len(forms)

    def both() -> list[np.ndarray]:
        kinds = (False, True)
        return [WindowEngine(checkpoint, columns=COLUMNS, int8=k, cache=tmp_path).scores(rows) for k in kinds]

    made = both()
    monkeypatch.setattr("lexome.engine.windows.export_windows", None)  # nothing is exported any more
    kept = both()
    assert all(np.array_equal(a, b) for a, b in zip(made, kept, strict=True))
    assert not np.array_equal(*kept)
