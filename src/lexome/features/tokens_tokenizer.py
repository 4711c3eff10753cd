"""A tokenizer: a model of tokens, special tokens, what is put around a sequence, letters replaced first.

Legend: N tokens.

Source: own. Ids, offsets and the order of steps are those of Hugging Face's tokenizers for the same file.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Int, Int32

from lexome.core.errors import BadInputError
from lexome.features.tokens_bpe import Bpe, EncodeOrder
from lexome.features.tokens_text import Segments, TokenModel

_ROLES = {
    "cls": ("[CLS]", "<cls>", "<s>", "<bos>"),
    "sep": ("[SEP]", "<sep>", "</s>", "<eos>"),
    "pad": ("[PAD]", "<pad>"),
    "mask": ("[MASK]", "<mask>"),
    "unk": ("[UNK]", "<unk>"),
}


@dataclass(frozen=True)
class Encoded:
    """Ids and, of each, the letters of the sequence that it covers: start, end; (0, 0) if it was added.

    These are bases as long as the sequence holds nothing but bases.
    """

    ids: Int32[np.ndarray, " N"]
    offsets: Int[np.ndarray, "N 2"]


@dataclass(frozen=True)
class Tokenizer:
    """Turns sequences into ids and back; made by `lexome.features.tokens.load_tokenizer`.

    Attributes:
        model: divides text into tokens.
        special: special tokens and their ids. Where one is written out in a sequence, it is that token.
        prefix: ids before every sequence.
        suffix: ids behind it.
        replaced: letters that are others first, such as lower case; one for one.
        fuses: Hugging Face's tokenizers write the tokens without blanks between when they decode.
    """

    model: TokenModel
    special: Mapping[str, int]
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    replaced: Mapping[str, str] = field(default_factory=dict)
    fuses: bool = True

    @property
    def kind(self) -> str:
        """bpe, nucleotide, byte, or such as 6mer-overlapping and 3mer-nonoverlapping."""
        return self.model.kind

    @property
    def vocab_size(self) -> int:
        """Tokens of the vocabulary, special ones too: ids are below."""
        return len(self.model.tokens)

    @property
    def tokens(self) -> tuple[str, ...]:
        """All tokens by id."""
        return self.model.tokens

    @cached_property
    def special_names(self) -> dict[str, str]:
        """The special tokens that have a role: cls, sep, pad, mask, unk -> how they are written."""
        return {role: name for role, names in _ROLES.items() for name in names if name in self.special}

    @cached_property
    def special_ids(self) -> dict[str, int]:
        """The ids by role; roles that the tokenizer has not are missing. ByT5's end (</s>) is sep."""
        return {role: self.special[name] for role, name in self.special_names.items()}

    @property
    def sentinel_ids(self) -> tuple[int, ...]:
        """Ids of <extra_id_0>, <extra_id_1>, ...; none in most tokenizers."""
        numbered = {int(n[10:-1]): i for n, i in self.special.items() if re.fullmatch(r"<extra_id_\d+>", n)}
        return tuple(numbered[number] for number in sorted(numbered))

    @property
    def mask_id(self) -> int | None:
        """What hidden tokens are shown as: the mask; of a tokenizer without one the first sentinel."""
        return self.special_ids.get("mask", next(iter(self.sentinel_ids), None))

    def encode(self, sequence: str, *, special: bool = True) -> Int32[np.ndarray, " N"]:
        """The ids of a sequence, with what the file puts around it unless `special` is False.

        Raises:
            BadInputError: if the sequence holds a letter for which the tokenizer has no token at all.
        """
        return self.encode_with_offsets(sequence, special=special).ids

    def encode_with_offsets(self, sequence: str, *, special: bool = True) -> Encoded:
        """As `encode`, with the letters that each token covers."""
        segments = self._segments(sequence)
        before, behind = (self.prefix, self.suffix) if special else ((), ())
        ids = np.concatenate([np.array(before, np.int32), segments.ids, np.array(behind, np.int32)])
        offsets = np.zeros((len(ids), 2), np.int64)
        offsets[len(before) : len(before) + len(segments.ids)] = np.stack([segments.starts, segments.ends], 1)
        return Encoded(ids, offsets)

    def encode_batch(
        self, sequences: Iterable[str], *, special: bool = True
    ) -> list[Int32[np.ndarray, " N"]]:
        """The ids of several sequences; faster than one by one when they are short."""
        texts = list(sequences)
        together = " ".join(texts)
        if not self.model.drops_space or self._written(together):
            return [self.encode(text, special=special) for text in texts]
        segments = self._segments(together)
        ends = np.cumsum([len(text) + 1 for text in texts])
        parts = np.split(segments.ids, np.searchsorted(segments.starts, ends[:-1])) if texts else []
        if not special:
            return parts
        before, behind = np.array(self.prefix, np.int32), np.array(self.suffix, np.int32)
        return [np.concatenate([before, part, behind]) for part in parts]

    def decode(self, ids: Sequence[int] | Int[np.ndarray, " N"]) -> str:
        """The sequence of ids; special tokens are left out, an unknown letter is N.

        Exact for sequences of A, C, G, T, N in upper case; white space between tokens does not come back.

        Raises:
            BadInputError: if an id is not in the vocabulary.
        """
        ids_N = np.asarray(ids, np.int64).reshape(-1)
        if len(ids_N) and not 0 <= ids_N.min() <= ids_N.max() < self.vocab_size:
            raise BadInputError(
                f"ids from {ids_N.min()} to {ids_N.max()} in a vocabulary of {self.vocab_size}"
            )
        unknown_id = self.special_ids.get("unk")
        left_out = [i for i in self.special.values() if i != unknown_id or not self.model.drops_space]
        return self.model.text_of(ids_N[~np.isin(ids_N, left_out)])

    def in_upper_case(self) -> "Tokenizer":
        """The same, with lower case made upper case first; for every letter that then has a meaning."""
        letters = {letter.lower(): letter for letter in self.model.alphabet if letter.isupper()}
        return replace(self, replaced={**letters, **self.replaced})

    def with_order(self, order: EncodeOrder) -> "Tokenizer":
        """The same with another way to encode (see `tokens_bpe`).

        Raises:
            BadInputError: if it is no BPE.
        """
        if not isinstance(self.model, Bpe):
            raise BadInputError(f"a tokenizer of kind {self.kind} has one way to encode only, not '{order}'")
        return replace(self, model=replace(self.model, order=order))

    @cached_property
    def _special_pattern(self) -> re.Pattern[str] | None:
        names = sorted(self.special, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, names))) if names else None

    def _written(self, text: str) -> bool:
        """Whether a special token is written out in a text."""
        return self._special_pattern is not None and self._special_pattern.search(text) is not None

    def _segments(self, sequence: str) -> Segments:
        """Tokens of a sequence without what is put around it."""
        pattern = self._special_pattern
        if pattern is None or not self._written(sequence):
            return self._plain(sequence)
        parts, at = [], 0
        for found in pattern.finditer(sequence):
            place = np.array([found.start()])
            token = np.array([self.special[found[0]]], np.int32)
            parts += [_moved(self._plain(sequence[at : found.start()]), at)]
            parts += [Segments(token, place, place + len(found[0]))]
            at = found.end()
        parts.append(_moved(self._plain(sequence[at:]), at))
        return Segments(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.ends for part in parts]),
        )

    def _plain(self, text: str) -> Segments:
        if self.replaced:
            text = text.translate(self._translation)
        segments = self.model.segment(text)
        if isinstance(self.model, Bpe) and self.model.unknown_id is None:
            self._refuse_unknown(text)
        return segments

    @cached_property
    def _translation(self) -> dict[int, str]:
        return str.maketrans(dict(self.replaced))

    def _refuse_unknown(self, text: str) -> None:
        known = set(self.model.alphabet)
        unknown = next(
            (a for a in text if a not in known and not (self.model.drops_space and a.isspace())), None
        )
        if unknown is not None:
            raise BadInputError(
                f"the letter {unknown!r} has no token, and the tokenizer none for unknown letters"
            )


def _moved(segments: Segments, by: int) -> Segments:
    return Segments(segments.ids, segments.starts + by, segments.ends + by)
