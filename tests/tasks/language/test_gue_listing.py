"""Which sets are asked for, by names, groups, suites and completeness."""

from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.gue_listing import chosen_sets, listed_sets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, splits in (
        ("tf/0", "train dev test"), ("tf/1", "train dev"), ("mouse/2", "train test"), ("mine", "test"),
        ("nucleotide_transformer", "test"),
    ):  # fmt: skip
        (tmp_path / name).mkdir(parents=True)
        for split in splits.split():
            (tmp_path / name / f"{split}.csv").write_text("sequence,label\n")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], 3 + 18 + 1),
        (["tf/1", "tf/0"], ["tf/0", "tf/1"]),
        (["TF-H"], ["tf/0", "tf/1"]),
        (["GUE"], ["mouse/2", "tf/0", "tf/1"]),
        (["complete"], ["mouse/2", "tf/0"]),
        (["mine", "TF-M", "mouse/2"], ["mouse/2", "mine"]),
        (["Nucleotide Transformer"], 18),
    ],
)
def test_chosen(folder: Path, names: list[str], expected: list[str] | int) -> None:
    found = [one.described.name for one in chosen_sets(folder, names)]
    assert (len(found) if isinstance(expected, int) else found) == expected


def test_unknown_names(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no set or group 'tf/4'; did you mean"):
        chosen_sets(folder, ["tf/0", "tf/4"])
    with pytest.raises(UsageError, match="no such folder"):
        chosen_sets(tmp_path / "none", [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no set"):
        chosen_sets(tmp_path / "empty", [])
    for name in ("virus/covid", "covid"):
        (folder / name).mkdir(parents=True)
        (folder / name / "train.csv").write_text("sequence,label\n")
    with pytest.raises(UsageError, match="two sets are called 'covid'"):
        chosen_sets(folder, ["tf/0"])


def test_listed(folder: Path) -> None:
    everything = listed_sets()
    assert len(everything) == 28
    assert all(one["files"] == [] and one["protocol"] is None for one in everything)
    here = {one["name"]: one for one in listed_sets(folder)}
    assert len(here) == 28 + 18 + 1
    assert here["tf/0"]["files"] == ["train", "dev", "test"]
    assert here["tf/0"]["protocol_published"]
    assert here["tf/1"]["protocol"].startswith("no test set")
    assert not here["tf/1"]["protocol_published"]
    assert here["mine"]["published"] is None
    assert here["covid"]["num_classes"] == 9
    with pytest.raises(UsageError, match="no such folder"):
        listed_sets(folder / "none")
