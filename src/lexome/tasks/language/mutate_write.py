"""Children of sequences, written by a model with a decoder of text.

Legend: N parents, T tokens, V tokens of the vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int

from lexome.core.alphabet import BASES
from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.tasks.language.generate import GenerateConfig, Written, generate
from lexome.tasks.language.infer import in_order, predictions, target_of_model
from lexome.tasks.language.model import LanguageModel

MAX_BP = 16_384  # of a parent; the paper's longest input
CLEAN = "clean"
_ONE_LETTER = ("byte", "nucleotide")  # kinds of tokenizers whose tokens are letters


@dataclass(frozen=True)
class ChildrenConfig:
    """How children are written.

    Attributes:
        beams: texts that are followed at once; as many children are given, if so many differ.
        max_length_change: letters that a child may be shorter or longer than its parent. With tokens of
            several letters the search cannot know: children beyond that go behind the others.
        length_penalty: see `generate.GenerateConfig`.
        letters: that a child may consist of.
        batch_size: parents that are worked on at once: memory and speed.
    """

    beams: int = 5
    max_length_change: int = 20
    length_penalty: float = 0.0
    letters: str = BASES
    batch_size: int = 16

    def __post_init__(self) -> None:
        if self.beams < 1 or self.batch_size < 1 or self.max_length_change < 0:
            raise UsageError("beams and batch size must be positive, the change of length not negative")
        if not self.length_penalty >= 0 or self.length_penalty == float("inf"):
            raise UsageError("the length penalty must be finite and not negative")
        if not self.letters or not self.letters.isascii() or not self.letters.isalpha():
            raise UsageError(f"letters of children must be letters, not '{self.letters}'")


@dataclass(frozen=True)
class Child:
    """A child that a model foretells.

    Attributes:
        sequence: its letters.
        log_prob: of all its tokens and the end, nats.
        score: of the classifier that ranked it; None without one.
    """

    sequence: str
    log_prob: float
    score: float | None = None


def check_writer(model: LanguageModel) -> None:
    """Makes sure that a model writes text.

    Raises:
        UsageError: if not, or its tokenizer has no token that ends one.
    """
    if model.checkpoint.head.name != "text":
        raise UsageError(
            f"model {model.name} writes no sequences: it has the head '{model.checkpoint.head.name}', not "
            "'text'; make one with 'lexome lm mutate train'"
        )
    end_of(model.tokenizer, model.name)


def end_of(tokenizer: Tokenizer, name: str) -> int:
    """The token that ends a text.

    Raises:
        UsageError: if there is none.
    """
    if "sep" not in tokenizer.special_ids:
        raise UsageError(f"the tokenizer of model {name} has no token that ends a text ([SEP] or </s>)")
    return tokenizer.special_ids["sep"]


def allowed_tokens(tokenizer: Tokenizer, letters: str) -> Bool[np.ndarray, " V"]:
    """Which tokens consist of some letters; no special ones."""
    special, allowed = set(tokenizer.special.values()), set(letters)
    return np.array(
        [i not in special and bool(text) and set(text) <= allowed for i, text in enumerate(tokenizer.tokens)]
    )


def write_children(
    model: LanguageModel,
    parents: Sequence[str],
    config: ChildrenConfig,
    *,
    rank: Callable[[Sequence[str]], Sequence[float]] | None = None,
    show: Callable[[float], None] = lambda done: None,
) -> list[list[Child]]:
    """The children of sequences that a model finds likeliest, the best first, all of them different.

    Parents that are the same are worked out once. The same parents get the same children whatever else is in
    the input, up to float noise.

    Args:
        model: with a decoder of text (`check_writer`).
        parents: upper case.
        config: how.
        rank: scores of sequences; the children of a parent are then ordered by them, the highest first.
        show: told how many parents are done.

    Raises:
        UsageError: if no token of the model consists of the letters.
        BadInputError: if a parent is empty or has more than `MAX_BP` letters.
    """
    for parent in parents:
        if not 0 < len(parent) <= MAX_BP:
            raise BadInputError(f"a sequence of {len(parent)} letters; 1 to {MAX_BP} are possible")
    allowed_V = allowed_tokens(model.tokenizer, config.letters)
    if not allowed_V.any():
        raise UsageError(f"model {model.name} has no token for any of the letters {config.letters}")
    unique = list(dict.fromkeys(parents))
    tokens = model.encode(unique)
    found: dict[str, list[Child]] = {}
    copies = {parent: parents.count(parent) for parent in unique} if len(unique) < len(parents) else {}
    done = 0
    for batch in _batches([len(ids) for ids in tokens], config.batch_size):
        texts = generate(
            model.network, [tokens[i] for i in batch], _search(model, tokens[batch[0]], config),
            allowed_V=allowed_V, end_id=end_of(model.tokenizer, model.name),
        )  # fmt: skip
        for i, written in zip(batch, texts, strict=True):
            found[unique[i]] = _ranked(_children(model, unique[i], written, config), rank)
            done += copies.get(unique[i], 1)
        show(done)
    return [found[parent] for parent in parents]


def _batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Batches of one length: decoders without cross attention need that, and so length is controlled."""
    of_length: dict[int, list[int]] = {}
    for i, length in enumerate(lengths):
        of_length.setdefault(length, []).append(i)
    return [
        one[start : start + size]
        for _, one in sorted(of_length.items())
        for start in range(0, len(one), size)
    ]


def _search(model: LanguageModel, ids: Int[np.ndarray, " T"], config: ChildrenConfig) -> GenerateConfig:
    """How the children of parents with so many tokens are searched for."""
    tokenizer = model.tokenizer
    length, change = len(ids) - len(tokenizer.prefix) - len(tokenizer.suffix), config.max_length_change
    low, high = (length - change, length + change)
    if tokenizer.kind not in _ONE_LETTER:  # a changed letter may divide a token of many into as many
        low, high = 1, length + max(length // 2, 16) + change
    return GenerateConfig(config.beams, max(high, 1), max(low, 1), config.length_penalty)


def _children(
    model: LanguageModel, parent: str, written: Sequence[Written], config: ChildrenConfig
) -> list[Child]:
    """Texts as sequences; of those that are the same, in other tokens, the first."""
    found: dict[str, Child] = {}
    for text in written:
        sequence = model.tokenizer.decode(text.ids)
        found.setdefault(sequence, Child(sequence, text.log_prob))
    return sorted(
        found.values(), key=lambda one: abs(len(one.sequence) - len(parent)) > config.max_length_change
    )


def _ranked(children: list[Child], rank: Callable[[Sequence[str]], Sequence[float]] | None) -> list[Child]:
    if rank is None:
        return children
    scores = rank([one.sequence for one in children])
    scored = [replace(one, score=float(score)) for one, score in zip(children, scores, strict=True)]
    return sorted(scored, key=lambda one: -(one.score or 0.0))


def ranker(model: LanguageModel, wanted: str = "") -> Callable[[Sequence[str]], list[float]]:
    """Scores sequences by the probability of a class, such as that of being free of noise.

    Args:
        model: a classifier.
        wanted: the class; empty: `CLEAN`.

    Raises:
        UsageError: if the model has no such class.
    """
    target = target_of_model(model)
    if target.kind == "value" or (wanted or CLEAN) not in target.names:
        raise UsageError(
            f"model {model.name} cannot rank by '{wanted or CLEAN}': it predicts a {target.kind} of "
            f"{', '.join(target.names)}; name the class of good sequences with --rank-class"
        )
    column = target.names.index(wanted or CLEAN)

    def scores(sequences: Sequence[str]) -> list[float]:
        rows = in_order(model.encode(sequences), len, lambda ids: list(predictions(model, ids)))
        return [float(row_K[column]) for _, row_K in rows]

    return scores
