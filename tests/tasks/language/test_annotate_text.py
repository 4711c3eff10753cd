"""Function as text: answers are encoded, learnt, written and judged part by part."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.features.tokens import load_tokenizer
from lexome.tasks.language.annotate_text import (
    AnsweredSet,
    TextRequest,
    encoded,
    read_pairs,
    train_text,
    write_answers,
)
from lexome.tasks.language.generate import GenerateConfig


def _folder(tmp_path: Path) -> Path:
    """Fragments of A are a, others b."""
    folder = tmp_path / "sets"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", 32), ("dev", 8), ("test", 8)):
        rows = []
        for i in range(count):
            text = "".join(rng.choice(list("AT" if i % 2 else "CG"), 12))
            rows.append(f"{text},{'ab'[i % 2]},{'ab'[i % 2]}|n|,{split}{i}")
        (folder / f"{split}.csv").write_text("sequence,label,answer,name\n" + "\n".join(rows) + "\n")
    return folder


def test_figures_part_by_part() -> None:
    truth = ("tRNA|t1|glycine", "tRNA|t2|", "CDS|thrA|kinase", "CDS|x|y")
    said = ("tRNA|t1|glycine", "tRNA|t1|", "tRNA|thrA|kin", "rubbish")
    figures = AnsweredSet(("1", "2", "3", "4"), truth, said).figures()
    assert figures["right"] == {"type": 0.5, "name": 0.5, "function": 0.5}
    assert figures["whole_answer"] == 0.25
    assert figures["f1_by_type"] == {"CDS": 0.0, "tRNA": pytest.approx(0.8)}
    assert figures["f1_macro"] == pytest.approx(0.4)
    assert figures["types"] == ["CDS", "tRNA", "(none)"]
    assert figures["confusion"] == [[0, 1, 1], [0, 2, 0], [0, 0, 0]]


def test_answers_keep_their_case_and_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,sequence,answer\n1,acgt,a|B|é\n")
    assert read_pairs(path) == (["1"], ["acgt"], ["a|B|é"])
    tokenizer = load_tokenizer("byte", uppercase=True)
    pairs = encoded(path, tokenizer, 64)
    assert pairs.sources[0].tolist() == [ord(letter) + 3 for letter in "ACGT"] + [1]
    assert pairs.answers[0].tolist() == [byte + 3 for byte in "a|B|é".encode()] + [1]
    assert encoded(path, tokenizer, 3).answers[0].tolist() == [ord("a") + 3, ord("|") + 3, 1]


def test_a_tokenizer_without_bytes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,sequence,answer\n1,ACGT,a\n")
    with pytest.raises(UsageError, match="take a model with the byte tokenizer"):
        encoded(path, load_tokenizer("nucleotide"), 64)


def test_it_learns_and_is_judged(toy: ModuleType, tmp_path: Path) -> None:
    model = toy.saved_text_model(tmp_path / "model")
    log: list[dict] = []
    request = TextRequest(
        str(model), _folder(tmp_path), epochs=10, batch_size=8, lr=1e-2, max_answer=8, threads=1, device="cpu"
    )
    figures = train_text(request, tmp_path / "out", "0", on_log=log.append)
    assert {*figures} == {"dev", "test"}
    # what is the same in all answers, and which of two kinds, is learnt; the rest would be luck
    assert figures["test"]["right"]["name"] == 1
    assert figures["test"]["right"]["type"] >= 0.75
    assert json.loads((tmp_path / "out/figures.json").read_text())["sets"] == figures
    lines = [line.split(",") for line in (tmp_path / "out/answers.tsv").read_text().splitlines()]
    assert len(lines) == 1 + 8 + 8
    assert (tmp_path / "out/model/config.json").is_file()
    with pytest.raises(UsageError, match="is done"):
        train_text(request, tmp_path / "out", "0")


def test_a_model_that_writes_nothing(toy: ModuleType, tmp_path: Path) -> None:
    request = TextRequest(str(toy.saved_model(tmp_path / "m")), _folder(tmp_path))
    with pytest.raises(UsageError):
        train_text(request, tmp_path / "out", "0")
    assert not (tmp_path / "out").exists()


def test_many_sources_are_answered_in_their_order(
    toy: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from lexome.checkpoint.build import build_language_network

    tokenizer = load_tokenizer("byte", uppercase=True)
    network = build_language_network(toy.enbed_model())
    sources = tokenizer.encode_batch(["ACGT", "GGGGGG", "T", "ACGTACGTT", "CC"])
    together = write_answers(network, sources, tokenizer, GenerateConfig(1, 6))
    monkeypatch.setattr("lexome.tasks.language.annotate_text.ANSWERED_AT_ONCE", 2)
    assert write_answers(network, sources, tokenizer, GenerateConfig(1, 6)) == together
    assert len(together) == 5
