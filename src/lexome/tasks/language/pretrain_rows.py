"""The rows of stores that pre-training learns from: how they are drawn, how frequent their tokens are.

Legend: V tokens of the vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lexome.core.errors import UsageError
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.io.token_store import TokenStore, read_token_store
from lexome.tasks.language.networks import common_tokenizer
from lexome.train.shuffling import fixed_choice

Ids = Int[np.ndarray, " _"]
BASES = "ACGT"


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows of a batch, and what to draw the rest with: of each batch, process and split its own numbers."""

    ids: list[Ids]
    rng: np.random.Generator


class PretrainRows:
    """The rows of stores of one tokenizer.

    Args:
        paths: folders made by `lexome prepare lm`.
        sampling: rows of a category are drawn in proportion to (their number) ** sampling.
        weights: further factors by category; those that are not named have 1.
        validation_rows: what each validation looks at (a fixed choice).

    Raises:
        UsageError: if there is no store, they have several tokenizers, or a weight is of no category.
        BadInputError: if a store cannot be read.
    """

    def __init__(
        self, paths: Sequence[str], sampling: float, weights: Mapping[str, float], validation_rows: int
    ) -> None:
        if not paths:
            raise UsageError("the recipe names no store; set task.stores to folders of 'lexome prepare lm'")
        self.stores: list[TokenStore] = [read_token_store(Path(path)) for path in paths]
        self.tokenizer: Tokenizer = common_tokenizer(self.stores)
        self.validation_rows = validation_rows
        self.categories = sorted({name for store in self.stores for name in store.categories})
        self._sampling, self._weights = sampling, weights
        unknown = sorted(weights.keys() - set(self.categories))
        if unknown:
            raise UsageError(
                f"task.weights: no category '{unknown[0]}' in the stores; there are: "
                f"{', '.join(self.categories)}"
            )
        self._rows: dict[str, np.ndarray] = {}

    def rows(self, split: str) -> Int[np.ndarray, "rows 4"]:
        """(store, shard, row, category) of every row of a split."""
        if split not in self._rows:
            parts = []
            for n, store in enumerate(self.stores):
                found = store.rows(split)
                number = np.array([self.categories.index(name) for name in store.categories], np.int64)
                parts.append(np.column_stack([np.full(len(found), n), found[:, :2], number[found[:, 2]]]))
            rows = np.concatenate(parts)
            if len(rows) == 0:
                raise UsageError(f"the stores hold no row for {split}")
            self._rows[split] = rows
        return self._rows[split]

    def batches(
        self, split: str, *, batch_size: int, seed: int, rank: int, world: int, skip: int
    ) -> Iterator[Drawn]:
        """See `Task.batches`; training draws rows with replacement, by category."""
        rows = self.rows(split)
        if split != "training":
            rows = rows[fixed_choice(len(rows), self.validation_rows)]
            for start in range(0, len(rows), batch_size):
                rng = np.random.default_rng([0, 4, start])
                yield Drawn(self._ids(rows[start : start + batch_size]), rng)
            return
        chances, members = self.chances(rows)
        step = skip
        while True:
            rng = np.random.default_rng([seed, 2, step])
            picked = rng.choice(len(chances), batch_size * world, p=chances)
            within = rng.random(batch_size * world)
            drawn = [members[c][int(at * len(members[c]))] for c, at in zip(picked, within, strict=True)]
            own = rows[drawn[rank * batch_size : (rank + 1) * batch_size]]
            yield Drawn(self._ids(own), np.random.default_rng([seed, 3, step, rank]))
            step += 1

    def chances(self, rows: Int[np.ndarray, "rows 4"]) -> tuple[np.ndarray, list[np.ndarray]]:
        """How often a category is drawn, and its rows.

        Raises:
            UsageError: if the weights leave none.
        """
        members = [np.flatnonzero(rows[:, 3] == number) for number in range(len(self.categories))]
        factors = [self._weights.get(name, 1.0) for name in self.categories]
        counts = [len(found) for found in members]
        weights = np.array(
            [f * n**self._sampling if n else 0.0 for f, n in zip(factors, counts, strict=True)]
        )
        if not weights.any():
            raise UsageError("task.weights leaves no category to train on")
        return weights / weights.sum(), members

    def _ids(self, rows: np.ndarray) -> list[Ids]:
        return [self.stores[store].ids(shard, row) for store, shard, row, _ in rows]

    @cached_property
    def log_frequencies(self) -> Float[np.ndarray, " V"]:
        """Logarithms of how often each token is there in (a choice of) the training rows, float64[V]."""
        rows = self.rows("training")
        ids = np.concatenate(self._ids(rows[fixed_choice(len(rows), 4 * self.validation_rows)]))
        # one more for each: nothing is impossible
        counts_V = 1.0 + np.bincount(ids, minlength=self.tokenizer.vocab_size)
        counts_V[list(self.tokenizer.special.values())] = 1e-9
        return np.log(counts_V / counts_V.sum())

    @property
    def made_from(self) -> list[dict[str, Any]]:
        """How the stores were made, for a model's provenance."""
        return [{k: v for k, v in store.meta.items() if k != "tokenizer_json"} for store in self.stores]

    @property
    def tokenizer_json(self) -> str:
        """The tokenizer as checkpoints keep it."""
        return self.stores[0].meta["tokenizer_json"]


class Told:
    """Hidden tokens of a validation: how many are told, of each base, and what frequencies alone give."""

    def __init__(self, rows: PretrainRows) -> None:
        self._log_frequencies_V = rows.log_frequencies
        tokens = rows.tokenizer.tokens
        self._bases = {base: tokens.index(base) for base in BASES} if rows.tokenizer.kind == "byte" else {}
        self._asked: list[np.ndarray] = []
        self._right: list[np.ndarray] = []

    def add(self, asked_M: Int[np.ndarray, " M"], told_M: Int[np.ndarray, " M"]) -> None:
        """Takes hidden tokens, and what they were told to be."""
        self._asked.append(asked_M)
        self._right.append(asked_M == told_M)

    def figures(self) -> dict[str, float]:
        """Accuracies, loss (nats) of the frequencies, and how many tokens; with bytes, accuracy by base."""
        asked, right = np.concatenate(self._asked), np.concatenate(self._right)
        figures = {
            "accuracy": float(right.mean()),
            "frequency_loss": float(-self._log_frequencies_V[asked].mean()),
            "frequency_accuracy": float((asked == self._log_frequencies_V.argmax()).mean()),
            "tokens": len(asked),
        }
        for base, token in self._bases.items():
            if (of_base := asked == token).any():
                figures[f"accuracy_{base}"] = float(right[of_base].mean())
        return figures
