"""Thin layers from wide ones, with and without training."""

from pathlib import Path

import pytest

from lexome.checkpoint.store import load
from lexome.core.errors import UsageError
from lexome.tasks.shrink.low_rank import LowRankRequest, make_low_rank


def test_at_once_and_with_training(tiny_store: Path, tmp_path: Path) -> None:
    once = make_low_rank(LowRankRequest("r9.4.1_turbo", rank=8), tmp_path / "once", "0")
    assert once.identities == {}
    assert not once.trained
    model = load(once.model)
    assert model.num_parameters == once.after.parameters < once.before.parameters
    assert once.after.macs < once.before.macs
    assert model.provenance["name"] == "r9.4.1_turbo_low_rank"
    assert all(layer.rank == 8 for layer in once.layers)

    request = LowRankRequest("r9.4.1_turbo", rank=8, stores=[tiny_store], steps=2)
    with pytest.raises(UsageError, match="chunks"):
        make_low_rank(LowRankRequest("r9.4.1_turbo", rank=8, steps=2), tmp_path / "none", "0")
    assert not (tmp_path / "none").exists()
    done = make_low_rank(request, tmp_path / "trained", "0")
    assert set(done.identities) == {"before", "factorised", "trained"}
    assert done.trained == (done.identities["trained"] >= done.identities["factorised"])


def test_refused(tmp_path: Path) -> None:
    (tmp_path / "there" / "model").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds a model or a training already"):
        make_low_rank(LowRankRequest("r9.4.1_turbo", rank=8), tmp_path / "there", "0")
