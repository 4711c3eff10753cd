"""What SAM, BAM and CRAM say of a called read: the tags and headers that dorado writes.

Order and types of the tags, the fields of read groups and the rule for the mean quality follow dorado 1.4, so
that tools made for its output find what they expect.
"""

import array
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pysam
from jaxtyping import Integer

from lexome.core.errors import LexomeError
from lexome.core.records import Basecall, ReadInfo, RunInfo
from lexome.io.times import iso_utc, milliseconds_of

QUALITY_START = 60  # bases left out of the mean quality: the adapter's calls are worse than the read's
MAX_PHRED = 93  # the highest quality that SAM and FASTQ have a letter for
MAX_MV_STRIDE = 127  # mv is an array of signed bytes and the stride stands first in it

Tag = tuple[str, int | float | str | array.array, str]


@dataclass(frozen=True)
class OutputHeader:
    """What stands at the head of an output: the program and the runs that reads may come from.

    A header precedes the first record, so all runs must be known by then (`signal_files.runs_of`).

    Attributes:
        runs: the runs, in the order of their read groups.
        model_name: the model that calls.
        stride: samples per time step of the model.
        version: of lexome.
        command_line: as the user gave it.
        description: further words on how it was run (device, engine); may be empty.
        sequences: names and lengths (bp) of the reference; empty if reads are not aligned.
        aligner: version of minimap2 and, after a blank, how it was used; empty if reads are not aligned.
    """

    runs: Sequence[RunInfo]
    model_name: str
    stride: int
    version: str
    command_line: str
    description: str = ""
    sequences: Sequence[tuple[str, int]] = ()
    aligner: str = ""

    @cached_property
    def read_groups(self) -> dict[str, RunInfo]:
        """The runs by the id of their read group, each id once."""
        groups: dict[str, RunInfo] = {}
        for run in self.runs:
            groups.setdefault(read_group_id(run, self.model_name), run)
        return groups

    def read_group_of(self, call: Basecall) -> str:
        """The id of a call's read group.

        Raises:
            LexomeError: if the header does not have it.
        """
        group = read_group_id(call.run, call.model_name)
        if group not in self.read_groups:
            raise LexomeError(
                f"read {call.read_id}: the header of the output lacks its run {call.run.run_id} "
                f"(model {call.model_name}); were input files changed while lexome was running?"
            )
        return group

    def sam_text(self) -> str:
        """The header as SAM text, lines ending in newlines."""
        lines = ["@HD\tVN:1.6\tSO:unknown"]
        lines += [f"@SQ\tSN:{name}\tLN:{length}" for name, length in self.sequences]
        program = {"ID": "basecaller", "PN": "lexome", "VN": self.version, "CL": self.command_line}
        if self.description:
            program["DS"] = self.description
        lines.append(_header_line("@PG", program))
        if self.aligner:
            version, _, options = self.aligner.partition(" ")
            program = {"ID": "aligner", "PN": "minimap2", "PP": "basecaller", "VN": version, "DS": options}
            lines.append(_header_line("@PG", program))
        for group, run in self.read_groups.items():
            fields = {
                "ID": group,
                "PU": run.flow_cell,
                "PM": run.device,
                "DT": experiment_start(run),
                "PL": "ONT",
                "DS": self.group_description(run),
                "LB": str(run.extra.get("sample_id", "")),
            }
            lines.append(_header_line("@RG", fields))
        return "".join(line + "\n" for line in lines)

    def group_description(self, run: RunInfo) -> str:
        """The DS field of a run's read group: `key=value` pairs."""
        values = {"runid": run.run_id, "basecall_model": self.model_name}
        if run.extra.get("experiment_name"):
            values["experiment_id"] = str(run.extra["experiment_name"])
        values["acquisition_start_time"] = run.start_time_utc
        values["model_stride"] = str(self.stride)
        return " ".join(f"{key}={value or 'unknown'}" for key, value in values.items())

    @cached_property
    def pysam_header(self) -> pysam.AlignmentHeader:
        """The header as pysam takes it; from the text, since pysam reorders the fields of a dict."""
        return pysam.AlignmentHeader.from_text(self.sam_text())


def read_group_id(run: RunInfo, model_name: str) -> str:
    """The read group of a run called by a model: `<run id>_<model>`."""
    return printable(f"{run.run_id or 'unknown'}_{model_name or 'unknown'}")


def experiment_start(run: RunInfo) -> str:
    """When the protocol of a run began, else when its acquisition began; "" if neither is known."""
    return str(run.extra.get("protocol_start_time") or run.start_time_utc)


def read_start(call: Basecall) -> str:
    """When the read began, whole milliseconds in ISO 8601, UTC; "" if the start of its run is not known."""
    run_start = milliseconds_of(call.run.start_time_utc)
    if run_start == 0:
        return ""
    try:
        return iso_utc(run_start + call.info.start_sample * 1000 // call.run.sample_rate_hz)
    except ValueError:
        return ""  # a damaged start sample, beyond the year 9999


def mean_qscore(qualities: Integer[np.ndarray, " L"]) -> float:
    """The mean quality of a read: -10 log10 of the mean error probability.

    The first 60 bases are left out unless the read has no more than these, as dorado does.

    Args:
        qualities: Phred scores, shape (L,).

    Returns:
        A Phred score; 0 for a read without bases.
    """
    counted = qualities[QUALITY_START:] if len(qualities) > QUALITY_START else qualities
    if len(counted) == 0:
        return 0.0
    return float(-10.0 * np.log10(np.mean(10.0 ** (counted.astype(np.float64) / -10.0))))


def tags_of(call: Basecall, header: OutputHeader, emit_moves: bool) -> list[Tag]:
    """The tags of a call as (name, value, SAM type), in dorado's order."""
    info = call.info
    start = read_start(call)
    tags: list[Tag] = [
        ("qs", mean_qscore(call.qualities), "f"),
        ("du", info.num_samples / call.run.sample_rate_hz, "f"),
        ("ns", info.num_samples, "i"),
        ("ts", call.trimmed_samples, "i"),
        ("mx", info.mux, "i"),
        ("ch", info.channel, _integer_type(info.channel)),
        *([("st", start, "Z")] if start else []),
        ("rn", info.read_number, _integer_type(info.read_number)),
        ("fn", printable(info.source), "Z"),
        ("sm", float(call.shift_pa), "f"),
        ("sd", float(call.scale_pa), "f"),
        ("sv", printable(call.scaling_method), "Z"),
        ("dx", 0, "i"),
        ("RG", header.read_group_of(call), "Z"),
    ]
    if emit_moves and call.moves is not None:
        tags.append(("mv", array.array("b", [call.stride, *call.moves.tolist()]), "B"))
    tags.append(("po", printable(str(info.extra.get("pore_type") or "not_set")), "Z"))
    tags.append(("er", printable(info.end_reason or "unknown"), "Z"))
    events = minknow_events(info)
    if events is not None:
        tags.append(("me", events, "I"))
    return tags


def minknow_events(info: ReadInfo) -> int | None:
    """The events that MinKNOW counted in a read; None if not known, or a number that no tag can hold."""
    events = int(info.extra.get("num_minknow_events", -1))
    return events if 0 <= events < 2**32 else None


def _integer_type(value: int) -> str:
    """Signed, as dorado writes it, but for what only fits unsigned: files hold -1 turned unsigned."""
    return "i" if value < 2**31 else "I"


def check_lengths(call: Basecall) -> None:
    """Refuses a call with more or fewer qualities than bases: written out it would corrupt the file."""
    if len(call.sequence) != len(call.qualities):
        raise LexomeError(
            f"read {call.read_id}: {len(call.sequence)} bases but {len(call.qualities)} qualities; "
            "please report this as a bug of lexome"
        )


def printable(text: str) -> str:
    """Text fit for a tag or name: what SAM does not allow there (tabs, line ends, non-ASCII) becomes '_'."""
    return re.sub(r"[^ -~]", "_", text)


def _header_line(kind: str, fields: dict[str, str]) -> str:
    """One header line; a tab or line end in a value would end the field and becomes a space."""
    values = {key: re.sub(r"[\t\r\n]", " ", value).strip() or "unknown" for key, value in fields.items()}
    return "\t".join([kind, *(f"{key}:{value}" for key, value in values.items())])
