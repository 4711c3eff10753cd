"""tokenizer.json, the file of Hugging Face's tokenizers: the parts of it that DNA needs, strictly checked.

Reading needs no package of theirs. What a file asks for beyond these parts is refused by name, so that ids
are never silently others than theirs.

Source: the layout of tokenizers 0.23, found out from what it writes; older versions agree in these parts.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from lexome.core.errors import BadInputError
from lexome.features.tokens_bpe import Bpe
from lexome.features.tokens_byte import LETTER_OF_BYTE, Bytes
from lexome.features.tokens_json_text import WORDS, split_into_kmers
from lexome.features.tokens_kmer import MAX_K, Kmers
from lexome.features.tokens_text import TokenModel
from lexome.features.tokens_tokenizer import Tokenizer

MAX_FILE_BYTES = 64 * 2**20
MAX_TOKENS = 2**17
MAX_TOKEN_LETTERS = 4096


class _RefusedError(Exception):
    """What is wrong with a file."""


def read_tokenizer_json(path: Path) -> Tokenizer:
    """Reads a tokenizer.json.

    Raises:
        BadInputError: if the file is missing, too large or damaged, or asks for what is not known here.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise BadInputError(f"{path}: {size:,} bytes are too many for a tokenizer")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: not a tokenizer.json: no JSON ({error})") from error
    return _checked(data, str(path))


def read_tokenizer_text(text: str, where: str) -> Tokenizer:
    """Reads what a tokenizer.json holds, such as the one inside a checkpoint; errors name `where`.

    Raises:
        BadInputError: if it is damaged, or asks for what is not known here.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{where}: the tokenizer is no JSON ({error})") from error
    return _checked(data, where)


def _checked(data: Any, where: str) -> Tokenizer:
    try:
        return tokenizer_from(data)
    except _RefusedError as error:
        raise BadInputError(f"{where}: {error}") from None


def tokenizer_from(data: Any) -> Tokenizer:
    """A tokenizer from the contents of its file."""
    if not isinstance(data, dict) or not isinstance(data.get("model"), dict):
        raise _RefusedError("not a tokenizer.json: it has no model")
    model = data["model"]
    for name in ("truncation", "padding"):
        _check(data.get(name) is None, f"'{name}' is set; set it to null: lengths are made where batches are")
    special = _special(data.get("added_tokens") or [])
    tokens = _tokens(model.get("vocab"), special)
    prefix, suffix = _around(data.get("post_processor"), special)
    decoder = data.get("decoder")
    _check(decoder in (None, {"type": "Fuse"}) or _type(decoder) == "ByteLevel", f"unknown decoder {decoder}")
    return Tokenizer(
        _model(model, tokens, special, data.get("pre_tokenizer")),
        special,
        prefix,
        suffix,
        _replaced(data.get("normalizer")),
        decoder is not None,
    )


def _check(is_right: bool, message: str) -> None:
    if not is_right:
        raise _RefusedError(message)


def _type(part: Any) -> Any:
    return part.get("type") if isinstance(part, dict) else None


def _is_id(number: Any) -> bool:
    return type(number) is int and 0 <= number < MAX_TOKENS


def _is_letter(text: Any) -> TypeGuard[str]:
    return isinstance(text, str) and len(text) == 1 and text.isascii() and not text.isspace()


def _special(added: Any) -> dict[str, int]:
    _check(isinstance(added, list) and len(added) <= MAX_TOKENS, "added_tokens is no list of tokens")
    special: dict[str, int] = {}
    for entry in added:
        is_entry = isinstance(entry, dict) and isinstance(entry.get("content"), str) and entry["content"]
        _check(bool(is_entry) and _is_id(entry.get("id")), f"a damaged added token: {str(entry)[:80]}")
        for flag in ("single_word", "lstrip", "rstrip", "normalized"):
            _check(
                not entry.get(flag), f"the added token {entry['content']!r} has '{flag}', which is not known"
            )
        _check(bool(entry.get("special")), f"the added token {entry['content']!r} is not special")
        _check(entry["content"] not in special, f"the added token {entry['content']!r} is there twice")
        special[entry["content"]] = entry["id"]
    return special


def _tokens(vocab: Any, special: Mapping[str, int]) -> tuple[str, ...]:
    """All tokens by id, which are 0, 1, 2, ... without gaps."""
    _check(
        isinstance(vocab, dict) and len(vocab) <= MAX_TOKENS, "the model has no vocabulary, or one too large"
    )
    for token, number in vocab.items():
        _check(_is_id(number), f"the id {str(number)[:20]} of the token {token[:40]!r} is none")
        _check(0 < len(token) <= MAX_TOKEN_LETTERS, f"a token of {len(token)} letters")
        _check(special.get(token, number) == number, f"the special token {token!r} has two ids")
    everything = {**vocab, **special}
    by_id = sorted((number, token) for token, number in everything.items())
    _check(
        [n for n, _ in by_id] == list(range(len(by_id))),
        "ids are missing or used twice; they must be 0, 1, 2, ...",
    )
    return tuple(token for _, token in by_id)


def _around(part: Any, special: Mapping[str, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids before and behind a sequence."""
    if part is None or (_type(part) == "ByteLevel"):
        return (), ()
    _check(_type(part) == "TemplateProcessing", f"unknown post_processor {_type(part)!r}")
    around: tuple[list[int], list[int]] = ([], [])
    behind = 0
    single = part.get("single")
    _check(
        isinstance(single, list) and all(isinstance(piece, dict) for piece in single),
        "a damaged post_processor",
    )
    for piece in single:
        if "Sequence" in piece:
            behind += 1
        else:
            name = piece.get("SpecialToken", {}).get("id")
            _check(name in special, f"the post_processor names {name!r}, which is no special token")
            ids = part.get("special_tokens", {}).get(name, {}).get("ids")
            _check(ids == [special[name]], f"the post_processor gives {name!r} other ids than added_tokens")
            around[min(behind, 1)].append(special[name])
    _check(behind == 1, "a post_processor without one place for the sequence")
    return tuple(around[0]), tuple(around[1])


def _replaced(part: Any) -> dict[str, str]:
    if part is None:
        return {}
    steps = part.get("normalizers") if _type(part) == "Sequence" else [part]
    _check(isinstance(steps, list), "a damaged normalizer")
    replaced: dict[str, str] = {}
    for step in steps:
        pattern = step.get("pattern") if _type(step) == "Replace" else None
        old, new = (pattern.get("String"), step.get("content")) if isinstance(pattern, dict) else (None, None)
        if not (_is_letter(old) and _is_letter(new)):
            raise _RefusedError(
                f"unknown normalizer {str(step)[:80]}; known: Replace of one letter by another"
            )
        # one after the other, so what an earlier step made is replaced too
        replaced = {a: new if b == old else b for a, b in replaced.items()}
        replaced.setdefault(old, new)
    return replaced


def _model(
    model: Mapping[str, Any], tokens: tuple[str, ...], special: Mapping[str, int], pre: Any
) -> TokenModel:
    unknown = model.get("unk_token")
    number = {token: i for i, token in enumerate(tokens)}
    _check(unknown is None or unknown in number, f"the unknown token {unknown!r} is not in the vocabulary")
    unknown_id = None if unknown is None else number[unknown]
    if _type(model) == "WordLevel":
        return _kmers(tokens, special, pre, unknown_id)
    _check(_type(model) == "BPE", f"unknown model {_type(model)!r}; known: BPE, WordLevel")
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        _check(model.get(name) in (None, ""), f"the model has '{name}', which is not known")
    for name in ("fuse_unk", "byte_fallback", "ignore_merges"):
        _check(not model.get(name), f"the model has '{name}', which is not known")
    merges = model.get("merges")
    if not isinstance(merges, list) or len(merges) > MAX_TOKENS:
        raise _RefusedError("the model has no list of merges, or one too long")
    if _type(pre) == "ByteLevel":
        _check(not merges and not pre.get("add_prefix_space") and pre.get("use_regex") is False,
               "a byte-level tokenizer with merges, a prefix blank or a pattern")  # fmt: skip
        _check(not set(LETTER_OF_BYTE) - set(tokens), "a byte-level tokenizer without a token for every byte")
        return Bytes(tokens)
    # words and punctuation are the same division as blanks, since all letters of the vocabulary are in words
    _check(pre is None or pre in ({"type": "Whitespace"}, WORDS), f"unknown pre_tokenizer {str(pre)[:80]}")
    special_ids = frozenset([*special.values(), *(() if unknown_id is None else (unknown_id,))])
    wrong = [t for i, t in enumerate(tokens) if i not in special_ids and not (t.isascii() and t.isalpha())]
    _check(not wrong, f"the token {wrong[:1]} is no DNA")
    pairs = _merges(merges, tokens, special_ids)
    return Bpe(tokens, pairs, special_ids, unknown_id, drops_space=pre is not None)


def _merges(merges: Sequence[Any], tokens: tuple[str, ...], special_ids: frozenset[int]) -> np.ndarray:
    """Ids of the parts by rank; each makes another token of the vocabulary, from parts made before."""
    number = {token: i for i, token in enumerate(tokens) if i not in special_ids}
    made = {token for token in number if len(token) == 1}
    pairs = np.empty((len(merges), 2), np.int32)
    for rank, merge in enumerate(merges):
        parts = merge.split(" ") if isinstance(merge, str) else merge
        is_pair = isinstance(parts, list) and len(parts) == 2 and all(isinstance(p, str) for p in parts)
        _check(is_pair and all(part in made for part in parts),
               f"merge {rank} ({str(merge)[:80]}) is not of two tokens made before")  # fmt: skip
        token = parts[0] + parts[1]
        _check(token in number, f"merge {rank} makes {token[:80]!r}, which is not in the vocabulary")
        _check(token not in made, f"merge {rank} makes {token[:80]!r}, which was made before")
        made.add(token)
        pairs[rank] = number[parts[0]], number[parts[1]]
    never = next((token for token in number if token not in made), None)
    _check(never is None, f"no merge makes the token {str(never)[:80]!r}")
    return pairs


def _kmers(tokens: tuple[str, ...], special: Mapping[str, int], pre: Any, unknown_id: int | None) -> Kmers:
    plain = [token for i, token in enumerate(tokens) if token not in special and i != unknown_id]
    k = max(map(len, plain), default=0)
    _check(
        unknown_id is not None and 0 < k <= MAX_K, "a vocabulary of k-mers needs k-mers and an unknown token"
    )
    assert unknown_id is not None
    known = set(plain)
    whole = {token for token in known if len(token) == k and not set(token) - set("ACGT")}
    _check(len(whole) == 4**k, f"not all {k}-mers of A, C, G, T are in the vocabulary")
    if pre == WORDS:
        _check(known == whole, "a vocabulary of overlapping k-mers with other tokens")
        return Kmers(tokens, k, True, unknown_id)
    steps = pre.get("pretokenizers") if _type(pre) == "Sequence" else None
    split = steps[1] if isinstance(steps, list) and len(steps) == 2 and steps[0] == WORDS else None
    expected = split_into_kmers(k)
    _check(split == expected, f"unknown pre_tokenizer {str(pre)[:120]} for {k}-mers")
    _check(all(len(token) == 1 and token.isascii() for token in known - whole)
           and set("ACGT") <= known,
           f"a vocabulary of {k}-mers side by side with other tokens than letters")  # fmt: skip
    return Kmers(tokens, k, False, unknown_id)
