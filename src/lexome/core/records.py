"""The records that travel between the stages; numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class RunInfo:
    """One sequencing run, as far as calling and the output header need it.

    `run_id` is the acquisition id. `start_time_utc` is the acquisition start in ISO 8601 with milliseconds
    (`2025-02-05T23:08:58.101000+00:00`), empty if unknown. `extra` keeps all other metadata of the source
    file under that file's own names, so that a writer can give them back.
    """

    run_id: str
    flow_cell: str
    sample_rate_hz: int
    device: str
    start_time_utc: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadInfo:
    """What is known of a read besides its signal; goes from the input through to the output's tags.

    `start_sample` counts from the start of the run, `num_samples` is the length before any trimming, `source`
    is the name of the file (no folder), `extra` holds further fields under the source file's names.
    """

    read_id: str
    num_samples: int
    channel: int
    mux: int
    read_number: int
    start_sample: int
    end_reason: str
    run: RunInfo
    source: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RawRead:
    """A read with its raw signal: pA = scale * (raw + offset)."""

    info: ReadInfo
    raw: np.ndarray  # int16[S]
    scale: float
    offset: float

    @property
    def read_id(self) -> str:
        """The read's id."""
        return self.info.read_id

    def signal_pa(self) -> np.ndarray:
        """The calibrated current, float32[S], in picoampere."""
        return (self.raw.astype(np.float32) + np.float32(self.offset)) * np.float32(self.scale)


@dataclass(frozen=True)
class Chunk:
    """A fixed-length piece of one read's normalised signal.

    `start_sample` is its place in the trimmed read; `valid_samples` of `signal` belong to the read, the rest
    was filled (only in a read shorter than a chunk).
    """

    read_index: int
    start_sample: int
    valid_samples: int
    signal: np.ndarray  # float32[S]


@dataclass(frozen=True)
class Basecall:
    """A called read.

    `moves` has one entry per time step of `stride` samples, 1 where a base begins; its sum is the number of
    bases. `trimmed_samples` were cut from the start. `shift_pa` and `scale_pa` are the normalisation
    (signal = (pA - shift) / scale) found by `scaling_method`.
    """

    info: ReadInfo
    sequence: str
    qualities: np.ndarray  # uint8[L], Phred
    moves: np.ndarray | None  # uint8[T]
    stride: int
    trimmed_samples: int
    shift_pa: float
    scale_pa: float
    scaling_method: str
    model_name: str

    @property
    def read_id(self) -> str:
        """The read's id."""
        return self.info.read_id

    @property
    def run(self) -> RunInfo:
        """The run that the read belongs to."""
        return self.info.run


@dataclass(frozen=True)
class Skipped:
    """Something in the input that was not used, and why; counted and listed at the end of a run."""

    name: str  # read id or file
    reason: str


@dataclass(frozen=True)
class KmerLevels:
    """A table of expected current per k-mer, indexed as `core.alphabet.kmer_index` does (last base fastest).

    `centre` is the index within the k-mer (in sequencing order) of the base whose dwell the level belongs to.
    """

    name: str
    k: int
    centre: int
    mean_pa: np.ndarray  # float32[4**k]
    sd_pa: np.ndarray  # float32[4**k]


@dataclass(frozen=True)
class Alignment:
    """One place of a called read on a reference.

    `kind` is "primary" (the best place, one per read), "supplementary" (a further piece of a read that does
    not lie in one place) or "secondary" (another place for bases that have a better one). Positions count
    from 0, ends are excluded; `query_start` and `query_end` index the read as called, on either strand (+1,
    -1). `cigar` has rows of (length, BAM code of the operation), no clips, and `md` the text of the MD tag,
    both in the direction of the reference. `edit_distance` counts mismatches, inserted and deleted bases, and
    the `ambiguous_bases` (columns with a letter other than A, C, G, T) among them.
    """

    kind: Literal["primary", "supplementary", "secondary"]
    contig: str
    reference_start_bp: int
    reference_end_bp: int
    strand: int
    query_start: int
    query_end: int
    cigar: np.ndarray  # int64[O, 2]
    mapping_quality: int
    edit_distance: int
    ambiguous_bases: int
    md: str
