"""Tokenizers for DNA: byte pair encoding, k-mers, single nucleotides, bytes, all behind one class.

>>> tokenizer = load_tokenizer("3mer-nonoverlapping")
>>> tokenizer.encode("ACGTAC", special=False).tolist()
[16, 59]
>>> tokenizer.decode(tokenizer.encode("ACGTACG"))
'ACGTACG'
"""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Int

from lexome.core.errors import LexomeError, UsageError, nearest
from lexome.features.tokens_bpe import Bpe, EncodeOrder
from lexome.features.tokens_byte import FIRST_BYTE, SENTINELS, Bytes, byte_tokens
from lexome.features.tokens_json import read_tokenizer_json
from lexome.features.tokens_json_text import tokenizer_as_json
from lexome.features.tokens_kmer import Kmers, kmers
from lexome.features.tokens_tokenizer import Tokenizer

FILE_NAME = "tokenizer.json"
SPECIAL_TOKENS = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")  # DNABERT-2's, with its ids
_UNK, _CLS, _SEP = 0, 1, 2
BUILT_IN = (
    "nucleotide",
    "byte",
    *(f"{k}mer-{how}" for k in (3, 4, 5, 6) for how in ("overlapping", "nonoverlapping")),
)


def load_tokenizer(
    source: str | Path, *, uppercase: bool = False, order: EncodeOrder = "merges"
) -> Tokenizer:
    """Opens a tokenizer.

    Args:
        source: a tokenizer.json, a folder that holds one, or one of `BUILT_IN`.
        uppercase: make lower case upper case first. The published DNABERT-2 tokenizer does not: there every
            lower-case letter is unknown.
        order: for BPE: apply merges by rank, as the file means it, or take the longest tokens first.

    Raises:
        BadInputError: if the file is damaged, or asks for what is not known here.
        UsageError: if there is no such file or name, or `order` does not fit.
    """
    path = Path(source)
    if path.exists():
        tokenizer = read_tokenizer_json(path / FILE_NAME if path.is_dir() else path)
    elif str(source) in BUILT_IN:
        tokenizer = _built_in(str(source))
    else:
        raise UsageError(
            f"'{source}': no such file, nor a tokenizer of this name; {nearest(str(source), BUILT_IN)}"
        )
    if order != "merges":
        if tokenizer.kind != "bpe":
            raise UsageError(f"{source}: of kind {tokenizer.kind}, which has one way to encode only")
        tokenizer = tokenizer.with_order(order)
    return tokenizer.in_upper_case() if uppercase else tokenizer


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Writes a tokenizer.json, which `tokenizers.Tokenizer.from_file` opens with the same ids.

    Overlapping k-mers it takes as words with blanks between (`Kmers.spaced`): it cannot cut them itself.

    Raises:
        LexomeError: if the file cannot be written; there is then none, or the old one.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(
            json.dumps(tokenizer_as_json(tokenizer), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        partial.replace(path)
    except OSError as error:
        raise LexomeError(f"{path}: cannot be written ({error.strerror or error})") from error


def tokenizer_text(tokenizer: Tokenizer) -> str:
    """A tokenizer in one line of JSON, as checkpoints keep it; `tokens_json.read_tokenizer_text` reads it."""
    return json.dumps(tokenizer_as_json(tokenizer), ensure_ascii=False, separators=(",", ":"))


def bpe_tokenizer(merges: Int[np.ndarray, "R 2"], *, uppercase: bool = True) -> Tokenizer:
    """A BPE tokenizer over A, C, G, T with DNABERT-2's special tokens, ids and template.

    Args:
        merges: by rank; parts are 0 to 3 (A, C, G, T) or 4 + the rank that makes them.
        uppercase: make lower case upper case first.
    """
    texts = list("ACGT")
    for left, right in merges.tolist():
        texts.append(texts[left] + texts[right])
    first = len(SPECIAL_TOKENS)
    model = Bpe((*SPECIAL_TOKENS, *texts), (merges + first).astype(np.int32), frozenset(range(first)), _UNK)
    tokenizer = Tokenizer(model, _special(), (_CLS,), (_SEP,))
    return tokenizer.in_upper_case() if uppercase else tokenizer


def kmer_tokenizer(k: int, *, overlapping: bool) -> Tokenizer:
    """k-mers in alphabetical order behind the special tokens; side by side also single letters and N."""
    single = () if overlapping else ("A", "C", "G", "T", "N")
    tokens = (*SPECIAL_TOKENS, *single, *(kmers(k) if overlapping or k > 1 else ()))
    return Tokenizer(Kmers(tokens, k, overlapping, _UNK), _special(), (_CLS,), (_SEP,))


def _built_in(name: str) -> Tokenizer:
    if name == "byte":
        tokens = byte_tokens()
        special = {tokens[i]: i for i in (0, 1, 2, *range(FIRST_BYTE + 256, FIRST_BYTE + 256 + SENTINELS))}
        return Tokenizer(Bytes(tokens), special, (), (1,))
    if name == "nucleotide":
        return kmer_tokenizer(1, overlapping=False)
    return kmer_tokenizer(int(name[0]), overlapping=name.endswith("-overlapping"))


def _special() -> dict[str, int]:
    return {name: i for i, name in enumerate(SPECIAL_TOKENS)}
