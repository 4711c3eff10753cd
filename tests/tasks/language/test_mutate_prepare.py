"""Tests of `lexome.tasks.language.mutate_prepare`."""

from pathlib import Path

import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.mutate_pairs import Pair, counts
from lexome.tasks.language.mutate_prepare import AncestorConfig, How, Reconstructed, pairs_of_phylogeny

TREE = "((a:1,b:1)0.9:1,(c:1,d:1)'inner d':1)root:0;"
SEQUENCES = {"a": "ACGTAC", "b": "ACGTAA", "c": "ACTTAA", "d": "AC-TNA"}


def made(
    folder: Path, tree: str, sequences: dict[str, str], how: How = "parsimony", **options: object
) -> Reconstructed:
    """The pairs of a tree and sequences as files."""
    (folder / "tree.nwk").write_text(tree)
    (folder / "tips.fa").write_text("".join(f">{n} said\n{s}\n" for n, s in sequences.items()))
    return pairs_of_phylogeny(folder / "tips.fa", folder / "tree.nwk", AncestorConfig(how, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["parsimony", "likelihood"])
def test_ancestors_gaps_and_missing_letters(tmp_path: Path, how: How) -> None:
    found = made(tmp_path, TREE, {**SEQUENCES, "e": "AAAAAA"}, how)
    by_child = {pair.child_id: pair for pair in found.pairs}
    assert list(by_child) == ["node_1", "a", "b", "inner d", "c", "d"]
    assert by_child["a"] == Pair("node_1", "a", "ACGTAA", "ACGTAC")
    assert by_child["b"].child == "ACGTAA"
    assert by_child["d"].child == "ACTAA"  # a deletion, and an N filled in
    assert by_child["d"].parent == "ACTTAA"
    assert found.record["letters_filled_in"] == 1
    assert found.record["sequences_not_in_tree"] == 1
    assert found.record["tips_without_sequence"] == 0
    assert found.record["columns"] == 6
    assert counts(found.pairs)["other_length"] == 1


def test_gaps_at_ends_are_missing_letters(tmp_path: Path) -> None:
    found = made(tmp_path, "(a,b,c);", {"a": "--GT", "b": "ACGT", "c": "ACG-"})
    assert {pair.child for pair in found.pairs} == {"ACGT"}
    assert found.record["letters_filled_in"] == 3


def test_tips_without_a_sequence_and_what_is_only_above_them_make_no_pairs(tmp_path: Path) -> None:
    found = made(tmp_path, "((a,b)x,(y,z)w,c);", {"a": "AC", "c": "AC", "b": "AC"})
    assert [pair.child_id for pair in found.pairs] == ["x", "a", "b", "c"]
    assert found.record["tips_without_sequence"] == 2


def test_polytomies_are_counted_and_lengths_are_not_needed_for_parsimony(tmp_path: Path) -> None:
    found = made(tmp_path, "((a,b,c),d);", {"a": "A", "b": "A", "c": "C", "d": "C"})
    assert found.record["polytomies"] == 1
    assert found.record["parsimony_changes"] == 2
    with pytest.raises(BadInputError, match=r"5 of 5 branches have no length.*parsimony"):
        made(tmp_path, "((a,b,c),d);", dict.fromkeys("abcd", "A"), "likelihood")
    with pytest.raises(BadInputError, match="no branch has a positive length"):
        made(tmp_path, "(a:0,b:0);", dict.fromkeys("ab", "A"), "likelihood")


def test_likelihood_tells_its_model_and_takes_negative_lengths_for_none(tmp_path: Path) -> None:
    tree = "((a:1,b:1):-0.5,(c:1,d:1):1);"
    record = made(tmp_path, tree, SEQUENCES, "likelihood", model="jc69", rate=0.1).record
    assert record["negative_lengths"] == 1
    assert record["kappa"] == 1
    assert record["rate"] == 0.1
    assert record["log_likelihood"] < 0
    with pytest.raises(UsageError, match="kappa and rate"):
        made(tmp_path, tree, SEQUENCES, "likelihood", kappa=-1.0)


def test_given_ancestors_and_missing_ones(tmp_path: Path) -> None:
    given = {"root": "ACGT", "x": "ACGA", "a": "ACGA", "b": "AC-A", "c": "CCGT"}
    found = made(tmp_path, "((a,b)x,(c)y)root;", given, "given")
    assert [(p.parent_id, p.child_id) for p in found.pairs] == [
        ("root", "x"), ("x", "a"), ("x", "b"), ("root", "c"),
    ]  # fmt: skip
    assert found.pairs[2].child == "ACA"
    assert found.record["ancestors_without_sequence"] == 1
    with pytest.raises(BadInputError, match="no ancestor of the tree has a sequence"):
        made(tmp_path, "((a,b),c);", given, "given")


def test_names_of_inner_nodes_may_be_support_values(tmp_path: Path) -> None:
    found = made(tmp_path, "((a,b)90,((c,d)90,e)node_1)a;", dict.fromkeys("abcde", "A"))
    names = [pair.child_id for pair in found.pairs]
    assert len(set(names)) == len(names) == 8
    assert "node_1" in names
    assert "90" not in names


@pytest.mark.parametrize(
    ("tree", "sequences", "said"),
    [
        ("(a,a);", {"a": "A"}, "'a' is there twice"),
        ("(a,b);", {"x": "A"}, "none of its tips is in"),
        ("(a,b);", {"a": "A", "b": "AC"}, "1 to 2 letters; an alignment has one length"),
        ("(a,b);", {}, "holds no sequence"),
        ("(a,b", {"a": "A"}, "cut off"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, tree: str, sequences: dict[str, str], said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        made(tmp_path, tree, sequences)


def test_sequences_that_are_there_twice_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.nwk").write_text("(a,b);")
    (tmp_path / "a.fa").write_text(">a\nA\n>a\nA\n")
    with pytest.raises(BadInputError, match="'a' is there twice"):
        pairs_of_phylogeny(tmp_path / "a.fa", tmp_path / "t.nwk", AncestorConfig())
    with pytest.raises(BadInputError, match="'x' is there twice"):
        made(tmp_path, "((a,b)x,(c,d)x);", {"x": "A", "a": "A"}, "given")


def test_columns(tmp_path: Path) -> None:
    found = made(tmp_path, "(a,b);", {"a": "ACGT", "b": "ACGA"}, columns=(3, 4))
    assert {pair.child for pair in found.pairs} == {"GT", "GA"}
    with pytest.raises(UsageError, match="has columns 1 to 4"):
        made(tmp_path, "(a,b);", {"a": "ACGT", "b": "ACGA"}, columns=(3, 5))


def test_a_real_phylogeny(shared: Path) -> None:
    folder = shared / "data" / "dna" / "phylogeny" / "neherlab_treetime_examples" / "data" / "h3n2_na"
    config = AncestorConfig("parsimony")
    found = pairs_of_phylogeny(folder / "h3n2_na_500.fasta", folder / "h3n2_na_500.nwk", config)
    figures = counts(found.pairs)
    assert figures["pairs"] == 916
    assert figures["substitutions"] == found.record["parsimony_changes"]
    assert figures["other_length"] == figures["with_other_letters"] == 0
