"""Whether a set of labelled sequences is tested on what it was trained on, and what it holds twice.

A sequence leaks if the training set has the same one, or its reverse complement. Sequences that are only
alike (one base changed, or shifted) are not found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lexome.core.alphabet import reverse_complement
from lexome.tasks.language.labelled import LabelledSet


@dataclass(frozen=True)
class LeakedSequence:
    """A tested sequence that the training set has: their names, and whether on the other strand only."""

    tested: str
    training: str
    reverse: bool


@dataclass(frozen=True)
class Leakage:
    """Tested sequences that the training set has.

    Attributes:
        tested: sequences in the tested set.
        same: of these, those that the training set has too.
        reverse: those of which it has the reverse complement, and not the same.
        other_label: those of `same` of which no equal training sequence has the same label.
        examples: the first ones.
    """

    tested: int
    same: int
    reverse: int
    other_label: int
    examples: tuple[LeakedSequence, ...]

    @property
    def share(self) -> float:
        """Leaked sequences of all that are tested."""
        return (self.same + self.reverse) / max(1, self.tested)

    def line(self, tested: str, training: str) -> str:
        """One line that says it, with the names of the two sets."""
        text = f"{self.same + self.reverse} of {self.tested} {tested} sequences are in {training} too"
        if not self.same + self.reverse:
            return text
        text += f" ({100 * self.share:.1f}%): {self.same} the same, {self.reverse} as reverse complement"
        return text + (f"; {self.other_label} with another label" if self.other_label else "")


@dataclass(frozen=True)
class Duplicates:
    """Sequences that a set holds more than once.

    Attributes:
        sequences: in the set.
        repeated: those that are the same as one before them.
        reverse: those that are the reverse complement of one before them, and not the same as any.
        conflicts: different sequences of which equal copies have different labels or values; on the other
            strand another label may be right, so these are not counted.
        conflicting: all their copies.
        examples: names of two copies with different labels.
    """

    sequences: int
    repeated: int
    reverse: int
    conflicts: int
    conflicting: int
    examples: tuple[tuple[str, str], ...]

    def line(self, name: str) -> str:
        """One line that says it, with the name of the set."""
        text = (
            f"{name}: {self.repeated} of {self.sequences} sequences repeat an earlier one, "
            f"{self.reverse} its reverse complement"
        )
        if not self.conflicts:
            return text
        return f"{text}; {self.conflicts} sequences ({self.conflicting} copies) have more than one label"


def leakage(training: LabelledSet, tested: LabelledSet, listed: int = 5) -> Leakage:
    """Finds the sequences of a tested set that the training set has, on either strand.

    Args:
        training: with the same target as `tested`.
        tested: for validation or test.
        listed: examples to name at most.
    """
    places = _places(training)
    same = reverse = other_label = 0
    examples: list[LeakedSequence] = []
    for i, text in enumerate(_keys(tested)):
        is_reverse = text not in places
        found = places.get(reverse_complement(text) if is_reverse else text)
        if found is None:
            continue
        same += not is_reverse
        reverse += is_reverse
        if not is_reverse:
            label = tested.truth[i].tobytes()
            other_label += all(training.truth[j].tobytes() != label for j in found)
        if len(examples) < listed:
            examples.append(LeakedSequence(tested.names[i], training.names[found[0]], is_reverse))
    return Leakage(len(tested), same, reverse, other_label, tuple(examples))


def duplicates(labelled: LabelledSet, listed: int = 5) -> Duplicates:
    """Finds the sequences that a set holds more than once, and those with different labels."""
    places = _places(labelled)
    repeated = len(labelled) - len(places)
    # a dict keeps the order of first copies, so of a pair of strands the later one is counted
    reverse = sum(
        1
        for text, (first, *_) in places.items()
        if (other := places.get(reverse_complement(text))) is not None and other[0] < first
    )
    conflicts = conflicting = 0
    examples: list[tuple[str, str]] = []
    for found in places.values():
        labels = [labelled.truth[i].tobytes() for i in found]
        if len(set(labels)) == 1:
            continue
        conflicts += 1
        conflicting += len(found)
        if len(examples) < listed:
            other = next(i for i, label in zip(found, labels, strict=True) if label != labels[0])
            examples.append((labelled.names[found[0]], labelled.names[other]))
    return Duplicates(len(labelled), repeated, reverse, conflicts, conflicting, tuple(examples))


def _keys(labelled: LabelledSet) -> list[str]:
    return [sequence.replace("U", "T") for sequence in labelled.sequences]


def _places(labelled: LabelledSet) -> dict[str, Sequence[int]]:
    """Where each different sequence is, in order."""
    places: dict[str, list[int]] = {}
    for i, text in enumerate(_keys(labelled)):
        places.setdefault(text, []).append(i)
    return dict(places)


def on_either_strand(sequence: str) -> str:
    """The same text for a sequence and its reverse complement: the one that is first in the alphabet."""
    text = sequence.replace("U", "T")
    return min(text, reverse_complement(text))
