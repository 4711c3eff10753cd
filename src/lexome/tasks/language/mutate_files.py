"""Parents from files, and children into files."""

import csv
import gzip
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from lexome.core.errors import BadInputError, UsageError
from lexome.evaluate.mutations import levenshtein
from lexome.io.partial import explained, partial_of
from lexome.report.files import check_can_write
from lexome.tasks.language.mutate_write import MAX_BP, Child
from lexome.tasks.language.sequences import read_sequences

COLUMNS = ("parent", "rank", "edits", "log_prob", "score", "sequence")
FASTA, TABLE = (".fasta", ".fa"), (".tsv",)


def read_parents(files: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Names and sequences, in upper case.

    Raises:
        BadInputError: if a file cannot be read, or a sequence is empty or longer than `MAX_BP`.
    """
    names: list[str] = []
    parents: list[str] = []
    for name, sequence in read_sequences(files):
        if not 0 < len(sequence) <= MAX_BP:
            raise BadInputError(f"'{name}' has {len(sequence)} letters; 1 to {MAX_BP} are possible")
        names.append(name)
        parents.append(sequence.upper())
    if not parents:
        raise BadInputError(f"{', '.join(map(str, files))}: no sequences")
    return names, parents


def check_children_output(path: Path | None) -> None:
    """Finds out before any work whether children can be written.

    Raises:
        UsageError: if not, or if the name ends in something else.
    """
    if path is None:
        return
    if not path.name.removesuffix(".gz").endswith((*FASTA, *TABLE)):
        raise UsageError(f"{path}: children are written as {', '.join((*TABLE, *FASTA))}, also .gz")
    check_can_write(path)


def write_children_file(
    path: Path | None, names: Sequence[str], parents: Sequence[str], children: Sequence[Sequence[Child]]
) -> None:
    """Writes children; the same ones give the same bytes.

    Args:
        path: .tsv or .fasta, also .gz; None: a table on stdout.
        names: of the parents.
        parents: their sequences.
        children: of each, the best first.

    Raises:
        LexomeError: if the file cannot be written; there is then none.
    """
    is_fasta = path is not None and path.name.removesuffix(".gz").endswith(FASTA)
    text = _fasta(names, children) if is_fasta else _table(names, parents, children)
    with explained(path):
        if path is None:
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        data = text.encode()
        partial = partial_of(path)
        partial.write_bytes(gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
        partial.replace(path)


def _fasta(names: Sequence[str], children: Sequence[Sequence[Child]]) -> str:
    return "".join(
        f">{name}_{rank} log_prob={child.log_prob:.4f}\n{child.sequence}\n"
        for name, of in zip(names, children, strict=True)
        for rank, child in enumerate(of, 1)
    )


def _table(names: Sequence[str], parents: Sequence[str], children: Sequence[Sequence[Child]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, parent, of in zip(names, parents, children, strict=True):
        for rank, child in enumerate(of, 1):
            edits, score = levenshtein(parent, child.sequence), child.score
            shown = "" if score is None else f"{score:.6f}"
            writer.writerow((name, rank, edits, f"{child.log_prob:.4f}", shown, child.sequence))
    return text.getvalue()
