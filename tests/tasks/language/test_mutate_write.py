"""Tests of `lexome.tasks.language.mutate_write`."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens import load_tokenizer
from lexome.tasks.language.infer import predictions
from lexome.tasks.language.model import LanguageModel
from lexome.tasks.language.mutate_write import (
    MAX_BP,
    ChildrenConfig,
    allowed_tokens,
    check_writer,
    ranker,
    write_children,
)

PARENTS = ["ACGTAC", "GGTA", "ACGTAC", "TTTTTN", "CA"]


@pytest.fixture(scope="module")
def mutations(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """The tiny models beside this file."""
    return load_file(Path(__file__).with_name("toy_mutations.py"))


def log_prob(model: LanguageModel, parent: str, child: str) -> float:
    """Of a child, all its letters at once; only A, C, G, T and the end may be written."""
    source, answer = (model.tokenizer.encode(text) for text in (parent, child))
    allowed = [*(ord(base) + 3 for base in "ACGT"), 1]
    written = torch.tensor([[0, *answer[:-1].tolist()]])
    with torch.no_grad():
        scores = model.network(torch.from_numpy(source.astype(np.int64))[None], None, written)[0]
    scores = scores.log_softmax(-1)
    assert set(answer.tolist()) <= set(allowed)
    return float(scores[torch.arange(len(answer)), torch.from_numpy(answer.astype(np.int64))].sum())


def all_children(parent: str, change: int) -> list[str]:
    """All sequences that are not much longer or shorter."""
    found, grown = [], [""]
    for length in range(1, len(parent) + change + 1):
        grown = [text + base for text in grown for base in "ACGT"]
        found += grown if length >= len(parent) - change else []
    return found


def test_with_enough_beams_the_likeliest_of_all_are_found(tmp_path: Path, mutations: ModuleType) -> None:
    model = mutations.writer(tmp_path / "m")
    config = ChildrenConfig(beams=20, max_length_change=1)
    [children] = write_children(model, ["C"], config)
    best = sorted(all_children("C", 1), key=lambda child: -log_prob(model, "C", child))
    assert [child.sequence for child in children] == best
    assert children[0].log_prob == pytest.approx(log_prob(model, "C", best[0]), abs=1e-4)
    assert len(children) == 4 + 16


@pytest.mark.parametrize(("bpe", "alone"), [(False, False), (False, True), (True, False), (True, True)])
def test_children_do_not_depend_on_the_batch(
    tmp_path: Path, mutations: ModuleType, bpe: bool, alone: bool
) -> None:
    model = mutations.writer(tmp_path / "m", bpe=bpe, alone=alone)
    check_writer(model)
    shown: list[float] = []
    config = ChildrenConfig(max_length_change=2)
    together = write_children(model, PARENTS, config, show=shown.append)
    apart = [write_children(model, [parent], config)[0] for parent in PARENTS]
    assert [[c.sequence for c in one] for one in together] == [[c.sequence for c in one] for one in apart]
    assert together[0] == together[2]
    assert shown[-1] == len(PARENTS)
    for parent, children in zip(PARENTS, together, strict=True):
        sequences = [child.sequence for child in children]
        assert 1 <= len(sequences) <= 5
        assert len(set(sequences)) == len(sequences)
        assert set("".join(sequences)) <= set("ACGT")
        if not bpe:
            assert len(sequences) == 5
            assert all(abs(len(one) - len(parent)) <= 2 for one in sequences)
            probabilities = [child.log_prob for child in children]
            assert probabilities == sorted(probabilities, reverse=True)


def test_length_and_letters_are_kept_to(tmp_path: Path, mutations: ModuleType) -> None:
    model = mutations.writer(tmp_path / "m")
    config = ChildrenConfig(beams=3, max_length_change=0, letters="AN")
    for parent, children in zip(PARENTS, write_children(model, PARENTS, config), strict=True):
        assert {len(child.sequence) for child in children} == {len(parent)}
        assert set("".join(child.sequence for child in children)) <= set("AN")


def test_with_long_tokens_children_of_another_length_go_behind(tmp_path: Path, mutations: ModuleType) -> None:
    model = mutations.writer(tmp_path / "m", bpe=True)
    config = ChildrenConfig(beams=6, max_length_change=1)
    [children] = write_children(model, ["ACGTACGTAC"], config)
    far = [abs(len(child.sequence) - 10) > 1 for child in children]
    assert far == sorted(far)


def test_a_classifier_ranks(tmp_path: Path, mutations: ModuleType) -> None:
    model, judge = mutations.writer(tmp_path / "m"), mutations.classifier(tmp_path / "c")
    [plain] = write_children(model, ["ACGTAC"], ChildrenConfig(max_length_change=1))
    [ranked] = write_children(model, ["ACGTAC"], ChildrenConfig(max_length_change=1), rank=ranker(judge))
    assert {child.sequence for child in plain} == {child.sequence for child in ranked}
    scores = [child.score or 0.0 for child in ranked]
    assert scores == sorted(scores, reverse=True)
    clean = predictions(judge, judge.encode([child.sequence for child in ranked]))[:, 0]
    assert np.allclose(scores, clean, atol=1e-6)
    noisy = ranker(judge, "noisy")([child.sequence for child in ranked])
    assert np.allclose(np.add(scores, noisy), 1)


def test_what_cannot_be_is_refused(tmp_path: Path, mutations: ModuleType) -> None:
    model = mutations.writer(tmp_path / "m")
    judge = mutations.classifier(tmp_path / "c", ("good", "bad"))
    with pytest.raises(UsageError, match="'clean'.*good, bad.*--rank-class"):
        ranker(judge)
    with pytest.raises(UsageError, match="predicts nothing of a sequence"):
        ranker(model)
    with pytest.raises(UsageError, match="writes no sequences"):
        check_writer(judge)
    with pytest.raises(BadInputError, match="0 letters"):
        write_children(model, [""], ChildrenConfig())
    with pytest.raises(BadInputError, match=f"{MAX_BP + 1} letters"):
        write_children(model, ["A" * (MAX_BP + 1)], ChildrenConfig())
    bpe = mutations.writer(tmp_path / "b", bpe=True)
    with pytest.raises(UsageError, match="no token for any of the letters XY"):
        write_children(bpe, ["A"], ChildrenConfig(letters="XY"))
    for wrong in (
        {"beams": 0},
        {"length_penalty": float("nan")},
        {"letters": "A-"},
        {"max_length_change": -1},
    ):
        with pytest.raises(UsageError):
            ChildrenConfig(**wrong)  # type: ignore[arg-type]


def test_special_tokens_are_never_allowed(mutations: ModuleType) -> None:
    byte = load_tokenizer("byte")
    assert np.flatnonzero(allowed_tokens(byte, "ACGT")).tolist() == [68, 70, 74, 87]
    of_bpe = allowed_tokens(mutations.BPE, "ACGT")
    assert [mutations.BPE.tokens[i] for i in np.flatnonzero(of_bpe)] == [
        "A",
        "C",
        "G",
        "T",
        "AC",
        "GT",
        "ACGT",
    ]
    assert np.flatnonzero(allowed_tokens(mutations.BPE, "ACE[]PSLK")).tolist() == [5, 6, 9]
