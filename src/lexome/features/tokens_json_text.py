"""What a tokenizer.json holds, from a tokenizer; `tokens_json` reads it.

Source: as `tokens_json`.
"""

from collections.abc import Sequence
from typing import Any

from lexome.features.tokens_bpe import Bpe
from lexome.features.tokens_byte import Bytes
from lexome.features.tokens_kmer import Kmers
from lexome.features.tokens_text import TokenModel
from lexome.features.tokens_tokenizer import Tokenizer

WORDS = {"type": "WhitespaceSplit"}


def split_into_kmers(k: int) -> dict[str, Any]:
    """The step that cuts words into k-mers of A, C, G, T and, where there are none, single letters."""
    return {
        "type": "Split",
        "pattern": {"Regex": f"[ACGT]{{{k}}}|."},
        "behavior": "Isolated",
        "invert": False,
    }


def tokenizer_as_json(tokenizer: Tokenizer) -> dict[str, Any]:
    """The contents of the file of a tokenizer.

    It cannot say that the longest tokens are taken first: the way to encode is chosen on loading.
    """
    added = [
        {"id": number, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for name, number in sorted(tokenizer.special.items(), key=lambda entry: entry[1])
    ]  # fmt: skip
    letters = [
        {"type": "Replace", "pattern": {"String": old}, "content": new}
        for old, new in tokenizer.replaced.items()
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": letters} if letters else None,
        "pre_tokenizer": _pre_tokenizer(tokenizer.model),
        "post_processor": _template(tokenizer),
        "decoder": _decoder(tokenizer),
        "model": _model_as_json(tokenizer),
    }


def _pre_tokenizer(model: TokenModel) -> dict[str, Any] | None:
    match model:
        case Bytes():
            return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        case Kmers(overlapping=True):
            return dict(WORDS)
        case Kmers():
            return {"type": "Sequence", "pretokenizers": [dict(WORDS), split_into_kmers(model.k)]}
        case _:
            return {"type": "Whitespace"} if model.drops_space else None


def _template(tokenizer: Tokenizer) -> dict[str, Any] | None:
    if not tokenizer.prefix and not tokenizer.suffix:
        return None
    name = {i: text for text, i in tokenizer.special.items()}

    def pieces(ids: Sequence[int], kind: int) -> list[dict[str, Any]]:
        return [{"SpecialToken": {"id": name[i], "type_id": kind}} for i in ids]

    first = [
        *pieces(tokenizer.prefix, 0),
        {"Sequence": {"id": "A", "type_id": 0}},
        *pieces(tokenizer.suffix, 0),
    ]
    second = [{"Sequence": {"id": "B", "type_id": 1}}, *pieces(tokenizer.suffix, 1)]
    used = sorted({*tokenizer.prefix, *tokenizer.suffix})
    return {
        "type": "TemplateProcessing",
        "single": first,
        "pair": [*first, *second],
        "special_tokens": {name[i]: {"id": name[i], "ids": [i], "tokens": [name[i]]} for i in used},
    }


def _decoder(tokenizer: Tokenizer) -> dict[str, Any] | None:
    if isinstance(tokenizer.model, Bytes):
        return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {"type": "Fuse"} if tokenizer.fuses else None


def _model_as_json(tokenizer: Tokenizer) -> dict[str, Any]:
    model = tokenizer.model
    vocab = {token: i for i, token in enumerate(model.tokens)}
    if isinstance(model, Kmers):
        return {"type": "WordLevel", "vocab": vocab, "unk_token": model.tokens[model.unknown_id]}
    merges, unknown_id = [], tokenizer.special_ids.get("unk")
    if isinstance(model, Bpe):
        unknown_id = model.unknown_id
        merges = [[model.tokens[a], model.tokens[b]] for a, b in model.merges.tolist()]
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None if unknown_id is None else model.tokens[unknown_id],
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": vocab,
        "merges": merges,
    }
