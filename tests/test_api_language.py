"""Language models from Python do what the commands do."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import lexome
from lexome.api_language import SequenceModel
from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.finetune import FinetuneRequest, finetune

SEQUENCES = ["ACGTTGCAGATTACA", "ttgacc" * 9, "GATTACANNACGT"]


@pytest.fixture(scope="module")
def tuned(load_file: Callable[[Path], ModuleType], tmp_path_factory: pytest.TempPathFactory) -> SequenceModel:
    toy = load_file(Path(__file__).parent / "tasks" / "language" / "toy_language.py")
    folder = tmp_path_factory.mktemp("tuned")
    table = toy.write_table(folder / "t.csv", toy.motif_set(80))
    finetune(FinetuneRequest(str(toy.saved_model(folder / "toy")), table, epochs=1), folder / "out", "0")
    return lexome.load_language_model(folder / "out" / "model", device="cpu")


def test_the_page_shows_what_works(capsys: pytest.CaptureFixture) -> None:
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
    exec(re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)[3], {})
    assert capsys.readouterr().out == "(2, 128) (160, 128)\n"


def test_predictions_are_of_both_strands_as_it_was_trained(tuned: SequenceModel) -> None:
    assert repr(tuned) == "<SequenceModel toy_finetuned>"
    assert tuned.outputs == ("with", "without")
    both = tuned.predict(SEQUENCES)
    assert both.shape == (3, 2)
    np.testing.assert_allclose(both.sum(1), 1)
    np.testing.assert_allclose(tuned.predict([reverse_complement(s) for s in SEQUENCES]), both, atol=1e-6)
    one = tuned.predict(SEQUENCES, rc_average=False)
    other = tuned.predict([reverse_complement(s) for s in SEQUENCES], rc_average=False)
    np.testing.assert_allclose((one + other) / 2, both, atol=1e-6)
    assert tuned.predict([]).shape == (0, 2)


def test_vectors(tuned: SequenceModel) -> None:
    means = tuned.embed(SEQUENCES)
    bases = tuned.embed(SEQUENCES, pool="base")
    assert [len(one) for one in bases] == [len(s) for s in SEQUENCES]
    for mean, of_bases in zip(means, bases, strict=True):
        np.testing.assert_allclose(mean[0], of_bases.mean(0), atol=1e-5)  # a token is a base here


def test_errors_name_the_sequence(tuned: SequenceModel) -> None:
    with pytest.raises(BadInputError, match="sequence '1' is empty"):
        tuned.embed(["ACGT", ""])
    with pytest.raises(BadInputError, match="'0' holds no A, C, G or T"):
        tuned.predict(["NNN"])
    with pytest.raises(UsageError, match="masked language model"):
        lexome.load_language_model("dna_conv").predict(["ACGT"])
    with pytest.raises(UsageError, match="not a language model"):
        lexome.load_language_model("r9.4.1_fast")
