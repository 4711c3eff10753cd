"""Tests of `lexome.tasks.language.mutate_evaluate`."""

from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.evaluate.bootstrap import BootstrapConfig
from lexome.tasks.language.mutate_evaluate import evaluate_mutations, judged_pairs, tree_of
from lexome.tasks.language.mutate_pairs import LEFT_OUT, Pair, read_pairs
from lexome.tasks.language.mutate_split import divide

PAIRS = [
    Pair("r", "a", "AAAA", "AAAC", "training"),
    Pair("r", "b", "AAAA", "AAAC", "training"),
    Pair("b", "c", "AAAC", "GGAC", LEFT_OUT),
    Pair("c", "d", "GGAC", "GGAC", "test"),
    Pair("c", "e", "GGAC", "GGAA", "test"),
    Pair("c", "f", "GGAC", "GGAA", "test"),
    Pair("s", "g", "GGAA", "GGAC", "test"),
]
FEW = BootstrapConfig(20)


def test_predictors_stand_side_by_side() -> None:
    guesses = [["GGAC", "GGAA"]] * 3 + [["GGAC"]]
    found = evaluate_mutations(PAIRS, "test", {"mine": guesses}, FEW)
    assert found.figures["pairs"] == {"all": 4, "changed": 3}
    assert found.figures["parents"] == {"all": 2, "changed": 2}
    assert found.figures["training_pairs"] == 2
    rows = {row["name"]: row for row in found.figures["systems"]}
    assert [(row["name"], row["kind"]) for row in found.figures["systems"]] == [
        ("copy the parent", "baseline"), ("common substitutions", "baseline"),
        ("sites x spectrum", "baseline"), ("mine", "model"), ("oracle", "ceiling"),
    ]  # fmt: skip
    top1 = {
        name: (row["all"]["top1"]["value"], row["changed"]["top1"]["value"]) for name, row in rows.items()
    }
    top5 = {
        name: (row["all"]["top5"]["value"], row["changed"]["top5"]["value"]) for name, row in rows.items()
    }
    # the commonest substitution of training, A to C at the last place, turns GGAA into GGAC
    assert top1 == {
        "copy the parent": (0.25, 0), "common substitutions": (0.25, 0), "sites x spectrum": (0.25, 0),
        "mine": (0.5, pytest.approx(1 / 3)), "oracle": (0.75, 1.0),
    }  # fmt: skip
    assert top5["common substitutions"] == top5["sites x spectrum"] == (0.5, pytest.approx(1 / 3))
    assert top5["mine"] == (1.0, 1.0)
    assert rows["mine"]["all"]["top1_minus_copy"]["value"] == 0.25
    assert rows["mine"]["changed"]["top5_minus_substitutions"]["value"] == pytest.approx(2 / 3)
    assert "top1_minus_copy" not in rows["copy the parent"]["all"]


def test_sets() -> None:
    assert len(judged_pairs(PAIRS, "all")) == 6
    assert len(judged_pairs(PAIRS, "training")) == 2
    with pytest.raises(UsageError, match="no pairs of the set 'validation'"):
        evaluate_mutations(PAIRS, "validation", {}, FEW)


def test_the_tree_tells_what_became_of_each_branch() -> None:
    guesses = [["GGAC", "GGAA"]] * 2 + [["T"]] + [["GGAC"]]
    found = evaluate_mutations(PAIRS, "test", {"mine": guesses}, FEW)
    tree = tree_of(PAIRS, found, "mine")
    assert len(tree.parents) == 10  # seven children, two roots, one node above them
    assert tree.parents[0] == -1
    assert all(parent < node for node, parent in enumerate(tree.parents))
    assert sorted(tree.outcomes) == [*[""] * 6, "among the five", "right", "right", "wrong"]
    changed = [o for o, is_changed in zip(tree.outcomes, tree.is_changed, strict=True) if is_changed]
    assert sorted(changed) == ["", "", "", "among the five", "right", "wrong"]


def test_baselines_on_the_real_pairs(shared: Path) -> None:
    pairs = read_pairs(shared / "data" / "dna" / "influenza" / "h3n2_ha_pairs_train.csv.gz")
    found = evaluate_mutations(divide(pairs, 0.1, 0.15, 0).pairs, "test", {}, FEW)
    rows = {row["name"]: row for row in found.figures["systems"]}
    copy, oracle = (rows[name]["all"]["top1"]["value"] for name in ("copy the parent", "oracle"))
    assert 0.5 < copy < oracle < 0.75
    changed = rows["common substitutions"]["changed"]
    assert changed["top1"]["value"] == 0
    assert 0 < changed["top5"]["value"] < 0.2
    tree = tree_of(pairs, found, "copy the parent")
    assert len(tree.parents) == 2524
    assert sum(o == "right" for o in tree.outcomes) == round(copy * found.figures["pairs"]["all"])
