"""Leaks and duplicates of labelled sequences: by hand, by brute force, and as known of the real sets."""

from pathlib import Path

import numpy as np
import pytest

from lexome.tasks.language.labelled import LabelledSet, read_labelled
from lexome.tasks.language.leakage import LeakedSequence, duplicates, leakage, on_either_strand
from lexome.tasks.language.targets import Target


def _set(prefix: str, *rows: tuple[str, int]) -> LabelledSet:
    names = [f"{prefix}{i}" for i in range(len(rows))]
    truth = np.array([label for _, label in rows], np.int64)
    return LabelledSet(Path("none"), names, [text for text, _ in rows], truth, Target("classes", ("0", "1")))


def test_both_strands_and_labels() -> None:
    training = _set("a", ("AACC", 0), ("ACGT", 1), ("AACC", 1), ("TRK", 0), ("AACG", 0))
    # the third is its own reverse complement, the fifth has codes, the last one is both there and turned
    tested = _set("b", ("AACC", 1), ("GGTT", 0), ("ACGT", 0), ("AAAA", 0), ("MYA", 0), ("AACG", 1))
    found = leakage(training, tested, listed=3)
    assert (found.tested, found.same, found.reverse, found.other_label) == (6, 3, 2, 2)
    assert found.examples == (
        LeakedSequence("b0", "a0", False),
        LeakedSequence("b1", "a0", True),
        LeakedSequence("b2", "a1", False),
    )
    assert found.line("test", "train") == (
        "5 of 6 test sequences are in train too (83.3%): 3 the same, 2 as reverse complement; 2 with another "
        "label"
    )
    assert leakage(training, _set("c", ("AAA", 0))).line("dev", "train") == (
        "0 of 1 dev sequences are in train too"
    )


def test_copies_and_conflicts() -> None:
    rows = [("AAC", 0), ("AAC", 0), ("GTT", 1), ("GTT", 1), ("ACGT", 0), ("CC", 0), ("CC", 1), ("CC", 0)]
    found = duplicates(_set("x", *rows))
    assert (found.repeated, found.reverse, found.conflicts, found.conflicting) == (4, 1, 1, 3)
    assert found.examples == (("x5", "x6"),)
    assert found.line("train").endswith("; 1 sequences (3 copies) have more than one label")
    assert duplicates(_set("x", ("ACGT", 0), ("AAA", 1))).line("train") == (
        "train: 0 of 2 sequences repeat an earlier one, 0 its reverse complement"
    )


def test_both_strands_are_one() -> None:
    assert on_either_strand("TTRA") == on_either_strand("TYAA") == on_either_strand("UURA") == "TTRA"
    assert on_either_strand("GG") == "CC"


@pytest.mark.parametrize("seed", range(5))
def test_as_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def drawn(n: int) -> LabelledSet:
        texts = ["".join(rng.choice(list("ACGT"), 3)) for _ in range(n)]
        return _set("s", *[(text, int(rng.integers(0, 2))) for text in texts])

    training, tested = drawn(30), drawn(40)
    turn = {text: text[::-1].translate(str.maketrans("ACGT", "TGCA")) for text in
            training.sequences + tested.sequences}  # fmt: skip
    same = [text in training.sequences for text in tested.sequences]
    either = [text in training.sequences or turn[text] in training.sequences for text in tested.sequences]
    found = leakage(training, tested)
    assert (found.same, found.same + found.reverse) == (sum(same), sum(either))
    copies = duplicates(tested)
    texts = tested.sequences
    assert copies.repeated == sum(text in texts[:i] for i, text in enumerate(texts))
    assert copies.reverse == sum(
        turn[text] in texts[:i] and text not in texts[:i] and turn[text] != text
        for i, text in enumerate(texts)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "leaked", "repeated"), [("tf/4", 0, 3789), ("tf/2", 0, 185), ("tf/1", 2, None)]
)
def test_what_is_known_of_the_real_sets(name: str, leaked: int, repeated: int | None, shared: Path) -> None:
    folder = shared / "data/dna/gue" / name
    training = read_labelled(folder / "train.csv.gz")
    found = leakage(training, read_labelled(folder / "test.csv.gz", target=training.target))
    assert (found.tested, found.same + found.reverse) == (1000, leaked)
    if repeated is not None:
        assert duplicates(training).repeated == repeated
