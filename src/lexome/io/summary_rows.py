"""What the sequencing summary says of a read, from the call or from the records that hold it: the same.

docs/output.md says what the columns mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pysam

from lexome.core.errors import LexomeError
from lexome.core.records import Alignment, Basecall
from lexome.io.hts import MAX_PHRED, OutputHeader, mean_qscore, minknow_events, printable, read_start
from lexome.io.hts_records import DELETION, INSERTION, MATCH, alignment_of
from lexome.io.times import milliseconds_of

COLUMNS = (
    *("input_filename", "batch_id", "parent_read_id", "read_id", "run_id", "channel", "mux"),
    *("minknow_events", "start_time", "duration"),
    *("passes_filtering", "template_start", "num_events_template", "template_duration"),
    *("sequence_length_template", "mean_qscore_template"),
    *("pore_type", "experiment_id", "sample_id", "end_reason"),
)
ALIGNMENT_COLUMNS = tuple(
    f"alignment_{name}"
    for name in (
        *("genome", "direction", "genome_start", "genome_end", "strand_start", "strand_end"),
        *("num_insertions", "num_deletions", "num_aligned", "num_correct", "identity", "accuracy"),
        *("coverage", "mapping_quality"),
        *("num_alignments", "num_secondary_alignments", "num_supplementary_alignments"),
    )
)
_NOT_ALIGNED = ("*", "*", -1, -1, -1, -1, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0, 0, 0, 0)

Value = str | int | float


@dataclass(frozen=True)
class _Read:
    """What a row says of a read besides its alignments; a call and its record give the same."""

    read_id: str
    read_group: str
    source: str
    channel: int
    mux: int
    num_events: int
    start: str
    num_samples: int
    trimmed_samples: int
    length: int
    mean_qscore: float
    pore_type: str
    end_reason: str


def columns_of(header: OutputHeader) -> tuple[str, ...]:
    """The names of the columns of a summary."""
    return COLUMNS + ALIGNMENT_COLUMNS if header.sequences else COLUMNS


def row_of_call(
    call: Basecall, alignments: Sequence[Alignment], passes: bool, header: OutputHeader
) -> tuple[Value, ...]:
    """The row of a called read; `alignments` with the primary one first, empty if it is not aligned."""
    return _row(_of_call(call, header), alignments, passes, header)


def row_of_records(
    records: Sequence[pysam.AlignedSegment], passes: bool, header: OutputHeader
) -> tuple[Value, ...]:
    """The row of a read from all its records in an output of ours, the primary (or only) one first.

    Raises:
        LexomeError: if they lack a tag that lexome writes, or belong to a run that the header lacks.
    """
    alignments = [alignment_of(record) for record in records if not record.is_unmapped]
    return _row(_of_record(records[0]), alignments, passes, header)


def record_qscore(record: pysam.AlignedSegment) -> float:
    """The mean quality of a read from its record: exactly that of the call, which the tag qs rounds."""
    qualities = record.get_forward_qualities() if record.query_qualities is not None else []
    return mean_qscore(np.asarray(qualities, np.uint8))


def _of_call(call: Basecall, header: OutputHeader) -> _Read:
    info = call.info
    return _Read(
        read_id=printable(call.read_id),
        read_group=header.read_group_of(call),
        source=printable(info.source),
        channel=info.channel,
        mux=info.mux,
        num_events=minknow_events(info) or 0,
        start=read_start(call),
        num_samples=info.num_samples,
        trimmed_samples=call.trimmed_samples,
        length=len(call.sequence),
        mean_qscore=mean_qscore(np.minimum(call.qualities, MAX_PHRED)),
        pore_type=printable(str(info.extra.get("pore_type") or "not_set")),
        end_reason=printable(info.end_reason or "unknown"),
    )


def _of_record(record: pysam.AlignedSegment) -> _Read:
    tags: dict[str, Any] = dict(record.get_tags())
    try:
        return _Read(
            read_id=record.query_name or "",
            read_group=tags["RG"],
            source=tags["fn"],
            channel=tags["ch"],
            mux=tags["mx"],
            num_events=tags.get("me", 0),
            start=tags.get("st", ""),
            num_samples=tags["ns"],
            trimmed_samples=tags["ts"],
            length=record.query_length,
            mean_qscore=record_qscore(record),
            pore_type=tags["po"],
            end_reason=tags["er"],
        )
    except KeyError as error:
        raise LexomeError(f"read {record.query_name}: its record lacks the tag {error.args[0]}") from error


def _row(
    read: _Read, alignments: Sequence[Alignment], passes: bool, header: OutputHeader
) -> tuple[Value, ...]:
    values = _read_values(read, header, passes)
    if not header.sequences:
        return values
    return values + (_alignment_values(alignments, read.length) if alignments else _NOT_ALIGNED)


def _read_values(read: _Read, header: OutputHeader, passes: bool) -> tuple[Value, ...]:
    run = header.read_groups.get(read.read_group)
    if run is None:
        raise LexomeError(f"read {read.read_id}: its read group {read.read_group} is not in the header")
    rate_hz = run.sample_rate_hz
    start_ms = milliseconds_of(read.start) - milliseconds_of(run.start_time_utc) if read.start else 0
    template_samples = read.num_samples - read.trimmed_samples
    return (
        read.source,
        0,
        read.read_id,
        read.read_id,
        printable(run.run_id),
        read.channel,
        read.mux,
        read.num_events,
        start_ms / 1000,
        read.num_samples / rate_hz,
        "TRUE" if passes else "FALSE",
        start_ms / 1000 + read.trimmed_samples / rate_hz,
        template_samples // header.stride,
        template_samples / rate_hz,
        read.length,
        read.mean_qscore,
        read.pore_type,
        printable(str(run.extra.get("experiment_name") or "unknown")),
        printable(str(run.extra.get("sample_id") or "unknown")),
        read.end_reason,
    )


def _alignment_values(alignments: Sequence[Alignment], read_length: int) -> tuple[Value, ...]:
    best = alignments[0]
    lengths, operations = best.cigar.T
    aligned, inserted, deleted = (
        int(lengths[operations == operation].sum()) for operation in (MATCH, INSERTION, DELETION)
    )
    correct = aligned - (best.edit_distance - inserted - deleted)
    kinds = [alignment.kind for alignment in alignments]
    return (
        best.contig,
        "+" if best.strand > 0 else "-",
        best.reference_start_bp,
        best.reference_end_bp,
        best.query_start,
        best.query_end,
        inserted,
        deleted,
        aligned,
        correct,
        correct / aligned,
        correct / (aligned + inserted + deleted),
        (best.query_end - best.query_start) / read_length,
        best.mapping_quality,
        len(alignments),
        kinds.count("secondary"),
        kinds.count("supplementary"),
    )
