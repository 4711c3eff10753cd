"""CKA between the layers of two networks on the same items of a store (`lexome evaluate similarity`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lexome import __version__
from lexome.core.errors import UsageError
from lexome.evaluate.cka import Cka, LinearCka
from lexome.tasks.compare.layers import chosen_layers, positions_of
from lexome.tasks.compare.models import ComparedModel, Items, items_of, untrained

BATCH_SIZE = 32


@dataclass(frozen=True)
class Similarity:
    """Two networks, their layers in the order in which they run, and how alike these are.

    `untrained` is the CKA of the first network with the second as it was before any training: what both
    having the same input makes alike.
    """

    models: tuple[ComparedModel, ComparedModel]
    layers: tuple[tuple[str, ...], tuple[str, ...]]
    features: tuple[tuple[int, ...], tuple[int, ...]]
    split: str
    items: int
    cka: Cka
    untrained: Cka

    def to_json(self) -> dict[str, Any]:
        """All figures as plain values; null where layers were not compared or one is constant."""
        sides = [
            model.to_json() | {"layers": list(layers), "features": list(features)}
            for model, layers, features in zip(self.models, self.layers, self.features, strict=True)
        ]
        return {
            "lexome_version": __version__,
            "store": str(self.models[0].task.stores[0].path),
            "split": self.split,
            self.models[0].noun: self.items,
            "model_a": sides[0],
            "model_b": sides[1],
            "cka": _known(self.cka.unbiased),
            "cka_biased": _known(self.cka.biased),
            "cka_untrained": _known(self.untrained.unbiased),
            "positions": self.cka.examples.tolist(),
        }


def compare_layers(
    first: ComparedModel,
    second: ComparedModel,
    split: str,
    *,
    taps: Sequence[str] = (),
    on_items: Callable[[int], None] = lambda items: None,
) -> Similarity:
    """Runs two networks on the same items and compares their layers, position by position.

    Args:
        first: one network.
        second: another, opened with the same store and number of items.
        split: "validation" or "test".
        taps: patterns of module names (see `layers.chosen_layers`); without them the networks' layers.
        on_items: told how many items are done.

    Raises:
        UsageError: for networks of different strides, modules that do not exist, run or give no features of
            positions, or too few items.
    """
    if first.network.stride != second.network.stride:
        raise UsageError(
            f"{first.source} makes a step of {first.network.stride} samples, {second.source} of "
            f"{second.network.stride}: their steps are not the same positions, so layers cannot be compared"
        )
    sides = [_Side(model, chosen_layers(model.network, taps, model.source)) for model in (first, second)]
    sums: LinearCka | None = None
    done = 0
    with torch.no_grad():
        for items in items_of(first, split, BATCH_SIZE, on_items):
            if sums is None:
                sides.append(_Side(untrained(second, items.batch), sides[1].names))
            of_a, of_b, of_new = (side.run(items) for side in sides)
            sums = sums or LinearCka(len(of_a), len(of_b) + len(of_new))
            sums.add(of_a, of_b + of_new)
            done += len(items.reads_N)
    assert sums is not None  # the task refuses a split without items
    try:
        cka = sums.result()
    except ValueError as error:
        raise UsageError(f"too few {first.noun} to compare networks on: {error}") from error
    a, b = sides[:2]
    return Similarity(
        (first, second), (a.names, b.names), (a.features, b.features), split, done, *_halves(cka)
    )


class _Side:
    """A network and those of its modules that are compared."""

    def __init__(self, model: ComparedModel, names: Sequence[str]) -> None:
        self.model, self.names = model, tuple(names)
        self.features: tuple[int, ...] = ()

    def run(self, items: Items) -> list[np.ndarray]:
        """What the modules give for every position, in the order in which they run."""
        model = self.model
        outputs = model.task.outputs(model.network, items.batch, self.names).features
        missing = sorted(set(self.names) - set(outputs))
        if missing:
            raise UsageError(f"{model.source}: module {missing[0]} does not run; choose others with --taps")
        self.names = tuple(outputs)
        values = [
            positions_of(model.network, name, output, items.read_columns_NL)
            for name, output in outputs.items()
        ]
        self.features = tuple(value.shape[1] for value in values)
        return values


def _halves(cka: Cka) -> tuple[Cka, Cka]:
    """The left and the right half of the columns."""
    half = cka.examples.shape[1] // 2
    left, right = (
        Cka(cka.unbiased[:, side], cka.biased[:, side], cka.examples[:, side])
        for side in (slice(None, half), slice(half, None))
    )
    return left, right


def _known(values: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]
