"""Tests of `lexome.tasks.language.mutate_copies`."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from lexome.features.tokens import load_tokenizer
from lexome.tasks.language.mutate_copies import CopiesFirst, as_tokens
from lexome.tasks.language.mutate_pairs import Pair
from lexome.tasks.language.mutate_train import opened
from lexome.tasks.language.text_task import TextTask, TextTaskConfig


@pytest.fixture(scope="module")
def mutations(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """The tiny models beside this file."""
    return load_file(Path(__file__).with_name("toy_mutations.py"))


@pytest.mark.parametrize("alone", [False, True])
def test_training_begins_with_copies(mutations: ModuleType, tmp_path: Path, alone: bool) -> None:
    (tmp_path / "r.toml").write_text(mutations.DECODER if alone else mutations.RECIPE)
    model, is_new = opened(str(tmp_path / "r.toml"))
    assert is_new
    tokenizer = load_tokenizer("byte")
    pairs = as_tokens([Pair("", "", "A" * 19 + end, "A" * 20) for end in "ACGT"], tokenizer)
    inner = TextTask(TextTaskConfig(new_weights=True), model, {"training": pairs, "validation": pairs}, {})
    task = CopiesFirst(inner, 10, 4, 20, tokenizer)
    given = {"batch_size": 2, "seed": 3, "rank": 0, "world": 1}
    batches = list(islice(task.batches("training", skip=0, **given), 16))
    lengths = [task.length_at(step) for step in range(10)]
    assert lengths[:4] == [4] * 4
    assert lengths == sorted(lengths)
    assert lengths[-1] == 20
    for batch, length in zip(batches, lengths, strict=False):
        answer = batch.asked_NU[batch.asked_NU >= 0].reshape(max(4, 1024 // length), -1)
        assert answer.tolist() == batch.tokens_NT.tolist()  # copies with an end
        assert answer.shape[1] == length + 1
        assert batch.written_NU.shape[1] == (2 * length + 2 if alone else length + 1)
    assert batches[0].tokens_NT.tolist() != batches[1].tokens_NT.tolist()
    assert set(batches[10].tokens_NT[:, :19].flatten().tolist()) == {68}  # then the pairs
    for skip in (7, 13):  # a training that goes on sees what it would have seen
        later = list(islice(task.batches("training", skip=skip, **given), 16 - skip))
        for one, other in zip(later, batches[skip:], strict=True):
            assert one.tokens_NT.tolist() == other.tokens_NT.tolist()
    assert next(task.batches("validation", skip=0, **given)).tokens_NT[0, 0] == 68
