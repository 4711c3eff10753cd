"""Files that are damaged, or ask for what is not known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.features.tokens import bpe_tokenizer, load_tokenizer
from lexome.features.tokens_json import MAX_FILE_BYTES, read_tokenizer_json
from lexome.features.tokens_json_text import tokenizer_as_json

Change = Callable[[dict[str, Any]], object]


def bpe_file() -> dict[str, Any]:
    return json.loads(json.dumps(tokenizer_as_json(bpe_tokenizer(np.array([[0, 0], [4, 1]], np.int32)))))


def written(folder: Path, data: Any) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(data))
    return path


CHANGES: dict[str, tuple[Change, str]] = {
    "no model": (lambda d: d.pop("model"), "no model"),
    "padding": (lambda d: d.update(padding={"strategy": "BatchLongest"}), "'padding' is set"),
    "truncation": (lambda d: d.update(truncation={"max_length": 5}), "'truncation' is set"),
    "decoder": (lambda d: d.update(decoder={"type": "WordPiece"}), "unknown decoder"),
    "normalizer": (lambda d: d.update(normalizer={"type": "Lowercase"}), "unknown normalizer"),
    "pre_tokenizer": (lambda d: d.update(pre_tokenizer={"type": "Metaspace"}), "unknown pre_tokenizer"),
    "template": (lambda d: d["post_processor"].update(type="Bert"), "unknown post_processor 'Bert'"),
    "template ids": (lambda d: d["post_processor"]["special_tokens"]["[CLS]"].update(ids=[3]), "other ids"),
    "template name": (
        lambda d: d["post_processor"]["single"][0]["SpecialToken"].update(id="[X]"),
        "no special",
    ),
    "no place": (lambda d: d["post_processor"]["single"].pop(1), "one place for the sequence"),
    "a token that strips": (lambda d: d["added_tokens"][0].update(lstrip=True), "'lstrip'"),
    "a plain added token": (lambda d: d["added_tokens"][0].update(special=False), "is not special"),
    "twice": (lambda d: d["added_tokens"].append(d["added_tokens"][0]), "there twice"),
    "no name": (lambda d: d["added_tokens"][0].pop("content"), "a damaged added token"),
    "kind": (lambda d: d["model"].update(type="Unigram"), "unknown model 'Unigram'"),
    "dropout": (lambda d: d["model"].update(dropout=0.1), "'dropout'"),
    "suffix": (lambda d: d["model"].update(end_of_word_suffix="</w>"), "'end_of_word_suffix'"),
    "fuse": (lambda d: d["model"].update(fuse_unk=True), "'fuse_unk'"),
    "unknown": (lambda d: d["model"].update(unk_token="<unk>"), "not in the vocabulary"),
    "a gap": (lambda d: d["model"]["vocab"].update(A=99), "ids are missing"),
    "an id twice": (lambda d: d["model"]["vocab"].update(A=6), "ids are missing or used twice"),
    "an id of text": (lambda d: d["model"]["vocab"].update(A="5"), "is none"),
    "a huge id": (lambda d: d["model"]["vocab"].update(A=10**30), "is none"),
    "a true id": (lambda d: d["model"]["vocab"].update(A=True), "is none"),
    "two ids": (lambda d: d["model"]["vocab"].update({"[CLS]": 7}), "has two ids"),
    "no vocabulary": (lambda d: d["model"].update(vocab=[]), "no vocabulary"),
    "no merges": (lambda d: d["model"].update(merges=None), "no list of merges"),
    "not of two": (lambda d: d["model"]["merges"].append(["A"]), "merge 2 "),
    "of the unmade": (lambda d: d["model"]["merges"].reverse(), "not of two tokens made before"),
    "makes none": (lambda d: d["model"]["merges"].append(["G", "T"]), "not in the vocabulary"),
    "makes it again": (lambda d: d["model"]["merges"].append(["A", "A"]), "made before"),
    "never made": (lambda d: d["model"]["merges"].pop(), "no merge makes the token 'AAC'"),
    "not DNA": (lambda d: d["model"]["vocab"].update({"A-": 11}), "is no DNA"),
    "word level": (lambda d: d["model"].update(type="WordLevel"), "not all 3-mers"),
}


def test_the_unchanged_file_is_read(tmp_path: Path) -> None:
    data = bpe_file()
    data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]  # as older versions write
    tokenizer = read_tokenizer_json(written(tmp_path, data))
    assert tokenizer.encode("AACA").tolist() == [1, 10, 5, 2]


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_not_known_is_refused_by_name(name: str, tmp_path: Path) -> None:
    change, message = CHANGES[name]
    data = bpe_file()
    change(data)
    path = written(tmp_path, data)
    with pytest.raises(BadInputError, match=message) as caught:
        read_tokenizer_json(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[", "\x00", "[]", "3", '{"model": 1}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_files_that_are_no_tokenizer(text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"not a tokenizer\.json"):
        read_tokenizer_json(path)


def test_files_that_are_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        load_tokenizer(tmp_path)
    with (tmp_path / "big.json").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(BadInputError, match="too many"):
        read_tokenizer_json(tmp_path / "big.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInputError, match="no JSON"):
        read_tokenizer_json(tmp_path / "bytes.json")


def damaged_kmers(change: Change, tmp_path: Path, message: str) -> None:
    data = json.loads(json.dumps(tokenizer_as_json(load_tokenizer("3mer-nonoverlapping"))))
    change(data)
    with pytest.raises(BadInputError, match=message):
        read_tokenizer_json(written(tmp_path, data))


def test_damaged_kmers(tmp_path: Path) -> None:
    damaged_kmers(lambda d: d["pre_tokenizer"]["pretokenizers"].pop(), tmp_path, "unknown pre_tokenizer")
    damaged_kmers(
        lambda d: d.update(pre_tokenizer={"type": "WhitespaceSplit"}), tmp_path, "with other tokens"
    )
    damaged_kmers(lambda d: d["model"].update(unk_token=None), tmp_path, "needs k-mers and an unknown")
    damaged_kmers(lambda d: d["model"]["vocab"].update(AT=74), tmp_path, "other tokens than letters")


def test_replacements_follow_each_other(tmp_path: Path) -> None:
    data = bpe_file()
    steps = [("u", "t"), ("t", "T")]
    data["normalizer"] = {
        "type": "Sequence",
        "normalizers": [{"type": "Replace", "pattern": {"String": a}, "content": b} for a, b in steps],
    }
    tokenizer = read_tokenizer_json(written(tmp_path, data))
    assert tokenizer.encode("utT", special=False).tolist() == [8, 8, 8]
