"""Stores of windows that cannot be trained on together are refused, with the reason."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.core.zmw import Truth, Window
from lexome.features.pileup import PileupConfig
from lexome.io.windows import WindowStore, open_window_writer, read_windows
from lexome.tasks.correct.stores import check_disjoint, check_rows, common_pileup

CONFIG = PileupConfig(max_passes=2, width=5)
TRUTH = Truth("t", "A", 0, np.array([[1, 7]]), "c", 0, 1, "train")


def store(path: Path, pileup: Any, windows: dict[str, str]) -> WindowStore:
    """A window for each CCS read, in the split that is given for it."""
    with open_window_writer(path, CONFIG.num_rows, CONFIG.width) as writer:
        for name, split in windows.items():
            rows, snr = np.zeros((CONFIG.num_rows, CONFIG.width), np.uint8), np.ones(4, np.float32)
            window = Window(name, 0, rows, snr, 2, 0, 1, 0, 1, False)
            writer.add([window], np.ones((1, CONFIG.width), np.uint8), TRUTH, split)
        writer.finish({"pileup": pileup})
    return read_windows(path)


def test_no_read_is_trained_on_and_held_out(tmp_path: Path) -> None:
    one = store(tmp_path / "one", asdict(CONFIG), {"m/1/ccs": "training", "m/2/ccs": "validation"})
    two = store(tmp_path / "two", asdict(CONFIG), {"m/3/ccs": "training", "m/2/ccs": "test"})
    check_disjoint([one, two])
    for split in ("validation", "test"):
        bad = store(tmp_path / split, asdict(CONFIG), {"m/4/ccs": "training", "m/3/ccs": split})
        check_disjoint([one, bad])
        for stores in ([one, two, bad], [bad, two]):
            with pytest.raises(UsageError, match=f"{split} holds out m/3/ccs, which is trained on too"):
                check_disjoint(stores)
    both = store(tmp_path / "both", asdict(CONFIG), {"m/9/ccs": "training"})
    check_disjoint([both, both])


def test_all_windows_are_made_in_one_way(tmp_path: Path) -> None:
    one = store(tmp_path / "one", asdict(CONFIG), {"m/1/ccs": "training"})
    other = store(tmp_path / "other", asdict(replace(CONFIG, max_insertion_bp=3)), {"m/2/ccs": "training"})
    assert common_pileup([one, one]) == CONFIG
    with pytest.raises(UsageError, match="other and .*one were made in different ways"):
        common_pileup([one, other])


@pytest.mark.parametrize(
    "pileup",
    [None, 3, asdict(CONFIG) | {"width": 6}, asdict(CONFIG) | {"width": 0}, {"wide": 3}, {"max_passes": 3}],
)
def test_a_record_that_says_something_else_is_refused(tmp_path: Path, pileup: Any) -> None:
    with pytest.raises(BadInputError, match="windows"):
        common_pileup([store(tmp_path / "s", pileup, {"m/1/ccs": "training"})])


def test_an_architecture_must_take_the_rows() -> None:
    plain, qualities = PileupConfig(), PileupConfig(with_qualities=True)
    check_rows(plain, {"config": {}})
    check_rows(qualities, {"config": {"pileup": {"ccs_qualities": True, "width": 4}}})
    check_rows(CONFIG, {"config": {"pileup": {"passes": 2}}})
    for config, pileup in ((plain, {"passes": 19}), (qualities, {}), (plain, {"ccs_qualities": True})):
        with pytest.raises(UsageError, match=r"change architecture\.config\.pileup"):
            check_rows(config, {"config": {"pileup": pileup}})
