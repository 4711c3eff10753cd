"""Figures by group, and predictions that are read back."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.judged_sets import (
    by_group,
    check_predictions,
    class_table,
    column_of,
    figures_table,
    plain_figures,
    read_predictions,
)
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.targets import Target

SET = LabelledSet(
    Path("t.csv"),
    ["1", "2", "3", "4"],
    ["A", "C", "G", "T"],
    np.array([0, 1, 1, 0]),
    Target("classes", ("a", "b")),
)
RIGHT = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])


def test_groups_are_judged_apart() -> None:
    scored = list(by_group("test", SET, ["x", "x", "y", "y"], "me", RIGHT))
    assert [(one.group, one.judged.figures["accuracy"]) for one in scored] == [("x", 1.0), ("y", 0.5)]
    plain = plain_figures(scored, {"folder": "d"})
    assert plain["folder"] == "d"
    assert plain["scores"][1]["f1_by_class"] == {"a": pytest.approx(2 / 3), "b": 0.0}
    assert plain["scores"][1]["sequences_by_class"] == {"a": 1, "b": 1}
    rows = figures_table(scored, "").rows
    assert rows[0][:5] == ("test", "x", "me", "2", "1.000 (1.000–1.000)")


def test_classes_beside_each_other() -> None:
    scored = [
        *by_group("test", SET, ["all"] * 4, "me", RIGHT),
        *by_group("test", SET, ["all"] * 4, "you", 1 - RIGHT),
    ]
    table = class_table(scored, "")
    assert table.columns == ("set", "class", "number", "me", "you")
    assert table.rows == (("test", "a", "2", "0.800", "0.000"), ("test", "b", "2", "0.667", "0.400"))


def _written(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "p.tsv"
    path.write_text("\n".join(["set\tname\ttruth\tp_b\tp_a", *rows]) + "\n")
    return path


def test_predictions_go_together_by_name(tmp_path: Path) -> None:
    rows = [f"test\t{name}\ta\t0.{name}\t0.5" for name in ("4", "3", "2", "1")]
    path = _written(tmp_path, *rows, "validation\t1\ta\t0\t1")
    check_predictions(path)
    found = read_predictions(path, "test", SET)
    assert found is not None
    assert found.tolist() == [[0.5, 0.1], [0.5, 0.2], [0.5, 0.3], [0.5, 0.4]]
    assert read_predictions(path, "test_species", SET) is None
    with pytest.raises(UsageError, match="no row of set 'dev' for '2' and 2 others"):
        read_predictions(path, "dev", SET)


def test_what_is_no_prediction(tmp_path: Path) -> None:
    for text, told in (("x", "is no number"), ("nan", "is no finite number")):
        path = _written(tmp_path, *(f"test\t{name}\ta\t{text}\t1" for name in "1234"))
        with pytest.raises(BadInputError, match=told):
            read_predictions(path, "test", SET)
    path.write_text("name,prediction\n")
    with pytest.raises(BadInputError, match="no predictions of 'lexome lm finetune'"):
        check_predictions(path)
    with pytest.raises(BadInputError, match="cannot be read"):
        check_predictions(tmp_path / "none")


def test_a_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    assert column_of(path, "b") == ["2", "4"]
