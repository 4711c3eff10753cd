"""Sequences with labels or values, from tables: what language models learn from and are judged on.

Legend: N sequences, K outputs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.sequences import read_rows
from lexome.tasks.language.targets import Kind, Target

LONGEST_FIELD = 300_000_000  # letters; the longest human chromosome has 249 million
_NO_CODE = re.compile("[^ACGTURYSWKMBDHVNacgturyswkmbdhvn]")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LARGEST = float(np.finfo(np.float32).max)
_LISTED = 10  # names in a message


@dataclass
class LabelledSet:
    """Sequences and what is known of them.

    Attributes:
        path: the file.
        names: of the sequences: its column `name`, or the numbers of its rows, from 1.
        sequences: in upper case.
        truth: for classes int64 (N,), an index into the target's names; for labels float32 (N, K), 0 or 1;
            for a value float32 (N,), as in the file.
        target: what `truth` means.
        notes: what the reader should be told of the labels, a sentence each.
    """

    path: Path
    names: list[str]
    sequences: list[str]
    truth: np.ndarray
    target: Target
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sequences)


def read_labelled(
    path: Path,
    *,
    kind: Kind = "classes",
    target: Target | None = None,
    label_columns: Sequence[str] = ("label",),
    sequence_column: str = "sequence",
    only: tuple[str, str] | None = None,
) -> LabelledSet:
    """Reads a table of sequences with their labels: .csv or .tsv, plain or .gz.

    Classes may be any text; if all are whole numbers, their order is that of the numbers, else of the text.
    Labels stand in one column, divided by ";" (empty: none), or in several columns of 0 and 1, named as the
    labels. A column `name` names the sequences.

    Args:
        path: the file.
        kind: what the labels are; `target` overrides it.
        target: that of the training set, to read another set (validation, test) in the same meaning; without
            it the names of classes and labels, or the mean and scale of a value, are taken from this file.
        label_columns: where the labels are; more than one only for labels.
        sequence_column: where the sequences are.
        only: a column and what stands there in the rows to read, where one table holds several sets.

    Raises:
        UsageError: if there are several label columns and the kind is not labels, or none.
        BadInputError: if the file cannot be read, has no such column or no row, or a row has no sequence,
            letters that are no IUPAC code, or a label that is missing, no number, or unknown to `target`.
    """
    kind = target.kind if target is not None else kind
    if len(label_columns) != 1 and (kind != "labels" or not label_columns):
        raise UsageError(f"{len(label_columns)} label columns; {kind} need one")
    names: list[str] = []
    sequences: list[str] = []
    rows = _Rows(path, tuple(label_columns))
    columns = [sequence_column, *label_columns, *([] if only is None else only[:1])]
    for number, row in read_rows(path, columns, optional=["name"], longest_field=LONGEST_FIELD):
        if only is not None and row[-2] != only[1]:
            continue
        sequences.append(_checked(row[0], f"{path}: row {number}"))
        rows.numbers.append(number)
        rows.labels.append(row[1 : 1 + len(label_columns)])
        names.append(row[-1] or str(number))
    if not sequences:
        raise BadInputError(
            f"{path}: holds no row" + ("" if only is None else f" with {only[0]} '{only[1]}'")
        )
    truth, target, notes = {"classes": _classes, "labels": _labels, "value": _values}[kind](rows, target)
    return LabelledSet(path, names, sequences, truth, target, notes)


@dataclass
class _Rows:
    """The label fields of a file's rows, with the rows' numbers and the columns' names."""

    path: Path
    columns: tuple[str, ...]
    numbers: list[int] = field(default_factory=list)
    labels: list[list[str]] = field(default_factory=list)

    def wrong(self, i: int, message: str) -> BadInputError:
        return BadInputError(f"{self.path}: row {self.numbers[i]} has {message}")

    def unknown(self, i: int, label: str, target: Target) -> BadInputError:
        known = _listed(target.names)
        return self.wrong(
            i, f"the label '{_shown(label)}', which the training set does not have; it has {known}"
        )


def _checked(sequence: str, where: str) -> str:
    if not sequence:
        raise BadInputError(f"{where} has no sequence")
    if found := _NO_CODE.search(sequence):
        at = found.start()
        raise BadInputError(
            f"{where} has {sequence[at]!r} at base {at + 1} of its sequence, which is no IUPAC code of DNA"
        )
    return sequence.upper()


def _target(path: Path, kind: Kind, names: Sequence[str], mean: float = 0.0, scale: float = 1.0) -> Target:
    try:
        return Target(kind, tuple(names), mean, scale)
    except ValueError as error:
        raise BadInputError(f"{path}: {error}") from error


_Read = tuple[np.ndarray, Target, list[str]]


def _classes(rows: _Rows, target: Target | None) -> _Read:
    notes: list[str] = []
    labels = [label for (label,) in rows.labels]
    if "" in labels:
        raise rows.wrong(labels.index(""), f"nothing in column '{rows.columns[0]}'")
    if target is None:
        found = set(labels)
        if len(found) == 1:
            raise BadInputError(
                f"{rows.path}: all rows are of one class, '{_shown(labels[0])}'; two are needed"
            )
        target = _target(rows.path, "classes", _in_order(found))
        notes = _class_notes(rows.path, target.names, len(labels))
    index = {name: i for i, name in enumerate(target.names)}
    for i, label in enumerate(labels):
        if label not in index:
            raise rows.unknown(i, label, target)
    return np.array([index[label] for label in labels], np.int64), target, notes


def _in_order(found: set[str]) -> list[str]:
    if all(_WHOLE_NUMBER.fullmatch(name) for name in found):
        return sorted(found, key=lambda name: (int(name), name))
    return sorted(found)


def _class_notes(path: Path, names: Sequence[str], num_rows: int) -> list[str]:
    notes: list[str] = []
    numbers = {int(name) for name in names if _WHOLE_NUMBER.fullmatch(name)}
    # a gap is told, not refused: labels need not count from 0, but a class may have been lost on the way
    if len(numbers) == len(names) and 0 <= min(numbers) <= 1 and max(numbers) < 1000:
        gaps = [str(n) for n in range(min(numbers), max(numbers)) if n not in numbers]
        if gaps:
            notes.append(
                f"{path}: the labels go from {names[0]} to {names[-1]}, but no row has {_listed(gaps)}; "
                f"the {len(names)} classes that are there are used"
            )
    if len(names) > max(_LISTED, num_rows // 2):
        notes.append(f"{path}: {len(names)} classes in {num_rows} rows; are the labels values?")
    return notes


def _labels(rows: _Rows, target: Target | None) -> _Read:
    columns, is_list = rows.columns, len(rows.columns) == 1
    read = _listed_labels if is_list else _flagged
    labels = [read(rows, i) for i in range(len(rows.labels))]
    if target is None:
        names = _in_order(set().union(*labels)) if is_list else list(columns)
        if not names:
            raise BadInputError(f"{rows.path}: no row has a label in column '{columns[0]}'")
        target = _target(rows.path, "labels", names)
    elif not is_list and set(columns) != set(target.names):
        raise BadInputError(
            f"{rows.path}: the label columns are {_listed(columns)}, those of the training set "
            f"{_listed(target.names)}"
        )
    index = {name: i for i, name in enumerate(target.names)}
    truth_NK = np.zeros((len(labels), len(index)), np.float32)
    for i, of_row in enumerate(labels):
        for label in of_row:
            if label not in index:
                raise rows.unknown(i, label, target)
            truth_NK[i, index[label]] = 1
    empty = [name for name, count in zip(target.names, truth_NK.sum(axis=0), strict=True) if not count]
    notes = [f"{rows.path}: no row has the label {_listed(empty)}"] if empty else []
    return truth_NK, target, notes


def _listed_labels(rows: _Rows, i: int) -> list[str]:
    return [name for part in rows.labels[i][0].split(";") if (name := part.strip())]


def _flagged(rows: _Rows, i: int) -> list[str]:
    flags = list(zip(rows.columns, rows.labels[i], strict=True))
    for name, text in flags:
        if text not in ("0", "1"):
            raise rows.wrong(i, f"{_said(text)} in column '{name}'; 0 or 1 is needed")
    return [name for name, text in flags if text == "1"]


def _values(rows: _Rows, target: Target | None) -> _Read:
    values = np.empty(len(rows.labels), np.float64)
    for i, (text,) in enumerate(rows.labels):
        if not _NUMBER.fullmatch(text) or abs(value := float(text)) > _LARGEST:
            raise rows.wrong(i, f"{_said(text)} in column '{rows.columns[0]}'; a finite number is needed")
        values[i] = value
    notes: list[str] = []
    if target is None:
        is_constant = values.min() == values.max()
        if is_constant:
            notes = [f"{rows.path}: all values are {values[0]:g}"]
        scale = 1.0 if is_constant else float(values.std())
        target = _target(rows.path, "value", rows.columns, float(values.mean()), scale)
    return values.astype(np.float32), target, notes


def _said(text: str) -> str:
    return f"'{_shown(text)}'" if text else "nothing"


def _shown(text: str) -> str:
    """A field as it may stand in a message of one line."""
    return " ".join(text.split())[:80]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(_shown, names[:_LISTED])) + more
