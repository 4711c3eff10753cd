"""Parents and children of a tree as sequences: the table they are in, and what is counted of them."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.core.alphabet import BASES
from lexome.core.errors import BadInputError, UsageError
from lexome.io.partial import explained, partial_of
from lexome.tasks.language.sequences import read_rows

SPLITS = ("training", "validation", "test")
COLUMNS = ("parent_id", "child_id", "split", "parent", "child")
ENDINGS = (".tsv", ".tsv.gz")
LONGEST = 1 << 24  # letters of a sequence in a table
LEFT_OUT = "left_out"  # in the column split: of no set
Change = tuple[int, str, str]  # place from 0, letter before, letter after


@dataclass(frozen=True)
class Pair:
    """A branch of a tree: the sequences at its two ends, in upper case, and the set it belongs to."""

    parent_id: str
    child_id: str
    parent: str
    child: str
    split: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether the child is another sequence than its parent."""
        return self.parent != self.child

    def changes(self) -> list[Change] | None:
        """The letters that differ; None if the sequences differ in length, so that places do not match."""
        if len(self.parent) != len(self.child):
            return None
        both = enumerate(zip(self.parent, self.child, strict=True))
        return [(at, before, after) for at, (before, after) in both if before != after]


def read_pairs(path: Path, *, with_splits: bool = False) -> list[Pair]:
    """Reads a table with the columns parent_id, child_id, parent, child and perhaps split; .csv, .tsv, .gz.

    Rows that are `LEFT_OUT` are read, too: they belong to the tree.

    Args:
        path: the file.
        with_splits: every row must say its set, as `lexome lm mutate prepare` writes it.

    Raises:
        BadInputError: if the file cannot be read, lacks a column or a field, or is no tree (`check_tree`).
    """
    known = {*SPLITS, LEFT_OUT}
    pairs: list[Pair] = []
    required = ("parent_id", "child_id", "parent", "child", *(["split"] if with_splits else []))
    optional = [] if with_splits else ["split"]
    for number, row in read_rows(path, required, optional=optional, longest_field=LONGEST):
        parent_id, child_id, parent, child, split = row
        if not (parent_id and child_id and parent and child):
            raise BadInputError(f"{path}: row {number}: a name or a sequence is missing")
        if split not in known and (with_splits or split):
            raise BadInputError(
                f"{path}: row {number}: split is '{split}', not one of {', '.join(sorted(known))}; "
                "make the file with 'lexome lm mutate prepare'"
            )
        pairs.append(Pair(parent_id, child_id, parent.upper(), child.upper(), split))
    if not pairs:
        raise BadInputError(f"{path}: holds no pairs")
    check_tree(pairs, str(path))
    return pairs


def check_tree(pairs: Sequence[Pair], where: str) -> None:
    """Makes sure that the names of pairs form trees.

    Raises:
        BadInputError: if a child has two parents, a name two sequences, or a node is its own ancestor.
    """
    parents: dict[str, str] = {}
    sequences: dict[str, str] = {}
    for pair in pairs:
        if pair.child_id in parents:
            raise BadInputError(
                f"{where}: '{pair.child_id}' is a child twice; names must differ, and a node has one parent"
            )
        parents[pair.child_id] = pair.parent_id
        for name, sequence in ((pair.parent_id, pair.parent), (pair.child_id, pair.child)):
            if sequences.setdefault(name, sequence) != sequence:
                raise BadInputError(f"{where}: '{name}' has two different sequences")
    good: set[str] = set()
    for name in parents:
        way: list[str] = []
        seen: set[str] = set()
        while name in parents and name not in good:
            if name in seen:
                raise BadInputError(f"{where}: '{name}' is its own ancestor; the pairs must form trees")
            seen.add(name)
            way.append(name)
            name = parents[name]
        good.update(way)


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Writes pairs as a table; the same pairs give the same bytes.

    Raises:
        LexomeError: if the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((p.parent_id, p.child_id, p.split or LEFT_OUT, p.parent, p.child) for p in pairs)
    data = text.getvalue().encode()
    with explained(path):
        partial = partial_of(path)
        partial.write_bytes(gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
        partial.replace(path)


def check_pairs_output(path: Path) -> None:
    """Finds out before any work whether a table of pairs can be written.

    Raises:
        UsageError: if not, or if its name ends in something else.
    """
    from lexome.report.files import check_can_write

    if not path.name.endswith(ENDINGS):
        raise UsageError(f"{path}: pairs are written as {' or '.join(ENDINGS)}")
    check_can_write(path)


def counts(pairs: Sequence[Pair]) -> dict[str, Any]:
    """What pairs are: how many changed, how much, by which substitutions; parents and letters."""
    changed = [pair for pair in pairs if pair.is_changed]
    found = [(pair, pair.changes()) for pair in changed]
    spectrum = Counter(f"{a}>{b}" for _, changes in found for _, a, b in changes or [])
    sequences = {sequence for pair in pairs for sequence in (pair.parent, pair.child)}
    return {
        "pairs": len(pairs),
        "identical": len(pairs) - len(changed),
        "changed": len(changed),
        "other_length": sum(changes is None for _, changes in found),
        "substitutions": sum(spectrum.values()),
        "spectrum": dict(sorted(spectrum.items(), key=lambda item: (-item[1], item[0]))),
        "different_parents": len({pair.parent for pair in pairs}),
        "different_sequences": len(sequences),
        "with_other_letters": sum(bool(sequence.strip(BASES).translate(_GONE)) for sequence in sequences),
        "longest_bp": max((len(sequence) for sequence in sequences), default=0),
    }


_GONE = {ord(base): None for base in BASES}
