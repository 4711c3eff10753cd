"""Copies of random sequences, with which a model learns first to write children of sequences.

A child is nearly a copy of its parent. A small network with new weights takes long to find out that it can
look up in the parent what comes next; sequences of one family are so much alike that it learns them by heart
instead, and fails on another family. Copies of random sequences can be learnt in no other way.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from lexome.core.alphabet import BASES
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.tasks.language.mutate_pairs import Pair
from lexome.tasks.language.text_batches import TextBatch, text_batch
from lexome.tasks.language.text_task import Pairs, TextTask
from lexome.train.around import TaskAround

COPY_LETTERS = 1024  # of a step's copies together
_FEWEST_COPIES = 4
_GROWS_FROM = 0.4  # of the steps with copies


class CopiesFirst(TaskAround[TextTask]):
    """A task that first shows copies of random sequences.

    Args:
        inner: the task proper.
        steps: with copies.
        length_bp: of the random sequences at first: how to look up is learnt fastest on short ones.
        last_bp: they then grow to this length, for what tells places apart in a short sequence does not in a
            long one.
        tokenizer: the model's.
    """

    def __init__(
        self, inner: TextTask, steps: int, length_bp: int, last_bp: int, tokenizer: Tokenizer
    ) -> None:
        super().__init__(inner)
        self.steps, self.length_bp, self.last_bp, self.tokenizer = steps, length_bp, last_bp, tokenizer

    def length_at(self, step: int) -> int:
        """Letters of the copies of a step."""
        grown = max(0.0, (step + 1) / max(self.steps, 1) - _GROWS_FROM) / (1 - _GROWS_FROM)
        return round(self.length_bp * (max(self.last_bp, self.length_bp) / self.length_bp) ** grown)

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[TextBatch]:
        """Copies, then the batches of the task within; only in training."""
        if split == "training":
            for step in range(skip, self.steps):
                rng = np.random.default_rng([seed, 11, step, rank])
                yield self._copies(rng, self.length_at(step))
            skip = max(0, skip - self.steps)
        yield from super().batches(split, batch_size=batch_size, seed=seed, rank=rank, world=world, skip=skip)

    def _copies(self, rng: np.random.Generator, length_bp: int) -> TextBatch:
        letters = np.frombuffer(BASES.encode(), np.uint8)
        count = max(_FEWEST_COPIES, COPY_LETTERS // length_bp)
        texts = [rng.choice(letters, length_bp).tobytes().decode() for _ in range(count)]
        pairs = as_tokens([Pair("", "", text, text) for text in texts], self.tokenizer)
        head = self.inner.head["config"]
        return text_batch(
            pairs.sources, pairs.answers, start_id=head.get("start_id", 0),
            in_front=not head.get("cross_attention", True),
        )  # fmt: skip


def as_tokens(pairs: Sequence[Pair], tokenizer: Tokenizer) -> Pairs:
    """Pairs as sources and answers, ended."""
    end = np.array([tokenizer.special_ids["sep"]])
    answers = tokenizer.encode_batch([pair.child for pair in pairs], special=False)
    return Pairs(
        tokenizer.encode_batch([pair.parent for pair in pairs]),
        [np.concatenate([ids, end]) for ids in answers],
    )
