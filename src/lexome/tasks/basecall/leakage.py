"""No store may train on what another one holds out: by stretch of sequence, and by run.

A store's meta.json says which runs its reads are of, which runs and stretches it holds out, and the digests
of the contigs concerned: so a contig is known again under another name.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lexome.core.errors import BadInputError, UsageError
from lexome.io.chunks import ChunkStore
from lexome.tasks.basecall.intervals import Interval, intervals_in

EVENTS = "events_from"  # a composed store's key: contigs its events are from, and the stretches left out
LISTED = 20  # stretches that a model's record names one by one


def contig_digest(sequence: str) -> str:
    """The SHA-256 of a sequence in capitals, as hexadecimal text."""
    return hashlib.sha256(sequence.upper().encode("ascii", "replace")).hexdigest()


def contig_records(reference: Mapping[str, str], contigs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What meta.json says of contigs: their lengths and digests."""
    return {
        name: {"length_bp": len(reference[name]), "sha256": contig_digest(reference[name])}
        for name in sorted(set(contigs))
    }


def check_disjoint(stores: Sequence[ChunkStore]) -> None:
    """Refuses stores of which one trains on what another (or the same one) holds out.

    Stores made before digests were kept say nothing about their contigs; of them only the runs are compared.

    Raises:
        UsageError: naming two stores, and the stretch or the run.
    """
    for holding in stores:
        held_runs = set(holding.meta.get("held_out_runs", ()))
        for training in stores:
            runs = held_runs & set(training.meta.get("runs", ()))
            if runs:
                raise UsageError(
                    f"{training.path} holds reads of run {min(runs)}, which {holding.path} holds out; leave "
                    "one of them out, or prepare again with --hold-out-runs"
                )
            for interval in intervals_in(
                [*holding.meta.get("validation", ()), *holding.meta.get("test", ())]
            ):
                digest = _digest(holding, interval.contig)
                if digest is not None and _trains_on(training, digest, interval):
                    raise UsageError(
                        f"{training.path} trains on {interval}, at least in part, which {holding.path} holds "
                        "out; prepare both with the same intervals"
                    )


def _trains_on(store: ChunkStore, digest: str, interval: Interval) -> bool:
    """Whether the store's training chunks touch a stretch of the contig with this digest."""
    names = [name.encode()[:32] for name in store.meta.get("contigs", {}) if _digest(store, name) == digest]
    rows = store.source_N[store.split_N == 0]
    rows = rows[np.isin(rows["contig"], names)]
    if ((rows["start_bp"] < interval.end_bp) & (interval.start_bp < rows["end_bp"])).any():
        return True
    events = store.meta.get(EVENTS)
    if not events:
        return False
    for name, record in events["contigs"].items():
        if record["sha256"] == digest:
            left_out = [i for i in intervals_in(events["without"]) if i.contig == name]
            if not _is_within(interval, left_out):
                return True
    return False


def _is_within(interval: Interval, others: list[Interval]) -> bool:
    """Whether every base of the interval lies in one of the others."""
    reached = interval.start_bp
    for other in sorted(others, key=lambda i: i.start_bp):
        if other.start_bp <= reached:
            reached = max(reached, other.end_bp)
    return reached >= interval.end_bp


def _digest(store: ChunkStore, contig: str) -> str | None:
    record = store.meta.get("contigs", {}).get(contig)
    return record["sha256"] if record is not None else None


def read_run_list(path: Path) -> tuple[str, ...]:
    """Reads run ids from a text file: the first word of each line, without empty lines and # comments.

    Raises:
        UsageError: if there is no such file.
        BadInputError: if it is no text or names no run.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: the list of runs cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a list of runs: it is no text") from error
    words = [line.split("#")[0].split() for line in lines]
    runs = tuple(dict.fromkeys(found[0] for found in words if found))
    if not runs:
        raise BadInputError(f"{path}: names no run; one id per line is expected")
    return runs


def in_brief(meta: Mapping[str, Any]) -> dict[str, Any]:
    """A store's description for a model's record: long lists of stretches become their number and length.

    What `check_disjoint` needs of them stays with the store; a model of a hundred kilobytes of intervals
    would help nobody.
    """

    def brief(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: brief(part) for key, part in value.items()}
        if isinstance(value, list) and len(value) > LISTED and all(isinstance(v, Mapping) for v in value):
            if all("start_bp" in stretch for stretch in value):
                bases = sum(stretch["end_bp"] - stretch["start_bp"] for stretch in value)
                return {"stretches": len(value), "bases": bases}
        return value

    return brief(meta)
