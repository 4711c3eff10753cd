"""Where called reads lie on a reference: minimap2 (through mappy), many reads at a time, in input order."""

import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import mappy
import numpy as np

from lexome.core.cores import usable_cores
from lexome.core.errors import BadInputError, UsageError
from lexome.core.records import Alignment, Basecall
from lexome.evaluate.align import PRESET, map_in_order
from lexome.io.fastx import read_reference_records
from lexome.io.minimap_index import index_sequences, is_minimap_index

MAX_LENGTH_BP = 2**31 - 1  # of a sequence, in SAM
# the names that SAM allows; a comma or a bracket would break the SA tag or a region
_NAME = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")


class Aligner:
    """minimap2 with an index of one reference; may be used by several threads at once.

    The preset is minimap2's for noisy long reads (map-ont), not the one for reads above Q20 (lr:hq): small
    fast networks call at about Q10 to Q15, where more reads map with it, and `lexome evaluate reads` uses it
    too. All reported alignments are given, up to 5 secondary ones, as minimap2 does by default.

    Attributes:
        sequences: names and lengths (bp) of the reference, in its order, for the header of the output.
        description: version and options, for the header of the output.
    """

    def __init__(self, reference: Path, threads: int = 1) -> None:
        """Builds or opens the index.

        Args:
            reference: a FASTA file, may be gzip-compressed, or an index that minimap2 made of one (.mmi).
            threads: threads that build the index; not more than there are cores.

        Raises:
            UsageError: if the file is missing.
            BadInputError: if it is no FASTA, is damaged, or has names that are used twice or not allowed in
                SAM.
        """
        if not reference.is_file():
            raise UsageError(f"{reference}: no such file; a reference is a FASTA file or a minimap2 index")
        indexed = is_minimap_index(reference)
        # read here first, for the checks: minimap2 takes any text and silently finds nothing in it
        self.sequences = index_sequences(reference) if indexed else _fasta_sequences(reference)
        _check(reference, self.sequences)
        # minimap2 dies if the system refuses it a thread
        threads = min(threads, usable_cores())
        self._aligner = mappy.Aligner(str(reference), preset=PRESET, n_threads=threads)
        if not self._aligner or not self._agrees():
            raise BadInputError(
                f"{reference}: minimap2 reads it differently; is there anything but bases in it?"
            )
        built = f"k {self._aligner.k} w {self._aligner.w}"
        self.description = f"{mappy.__version__} mappy, preset {PRESET}, {built}, reference {reference.name}"
        self._local = threading.local()

    def align(self, call: Basecall) -> tuple[Alignment, ...]:
        """Aligns one read.

        Returns:
            The primary alignment, then supplementary, then secondary ones; empty if the read maps nowhere.
        """
        if not call.sequence:
            return ()
        if not hasattr(self._local, "buffer"):
            self._local.buffer = mappy.ThreadBuffer()
        # minimap2 breaks ties between equal places by the read's name, always in the same way
        hits = self._aligner.map(call.sequence, name=call.read_id, buf=self._local.buffer, MD=True)
        pieces, repeats = [], []
        for hit in hits:
            if not hit.is_primary:
                repeats.append(_alignment(hit, "secondary"))
            else:  # the first is the best
                pieces.append(_alignment(hit, "supplementary" if pieces else "primary"))
        return (*pieces, *repeats)

    def _agrees(self) -> bool:
        """Whether minimap2 has the same sequences: of each its last base and no further one."""
        return self._aligner.seq_names == [name for name, _ in self.sequences] and all(
            len(self._aligner.seq(name, length - 1) or "") == 1 for name, length in self.sequences
        )


def align_calls(
    calls: Iterable[Basecall], aligner: Aligner, threads: int = 1
) -> Iterator[tuple[Basecall, tuple[Alignment, ...]]]:
    """Aligns calls in worker threads; yields each with its alignments, in the order of the calls.

    Only a few calls per thread are held at a time. With one thread, calls are aligned where they are asked
    for. An error in `calls` or in a worker is raised here.
    """
    return map_in_order(lambda call: (call, aligner.align(call)), calls, threads)


def _fasta_sequences(reference: Path) -> list[tuple[str, int]]:
    return [(entry.name, len(entry.sequence)) for entry in read_reference_records(reference)]


def _check(reference: Path, sequences: list[tuple[str, int]]) -> None:
    if not sequences:
        raise BadInputError(f"{reference}: holds no sequence; a reference must be FASTA")
    for name, length in sequences:
        if not _NAME.fullmatch(name):
            raise BadInputError(f"{reference}: the sequence name '{name}' is not allowed in SAM; rename it")
        if length == 0:
            raise BadInputError(f"{reference}: the sequence '{name}' is empty")
        if length > MAX_LENGTH_BP:
            raise BadInputError(f"{reference}: the sequence '{name}' is too long for SAM ({length} bp)")
    name, count = Counter(name for name, _ in sequences).most_common(1)[0]
    if count > 1:
        raise BadInputError(f"{reference}: the sequence name '{name}' is there {count} times")


def _alignment(hit: mappy.Alignment, kind: str) -> Alignment:
    return Alignment(
        kind=kind,  # pyright: ignore[reportArgumentType]
        contig=hit.ctg,
        reference_start_bp=hit.r_st,
        reference_end_bp=hit.r_en,
        strand=hit.strand,
        query_start=hit.q_st,
        query_end=hit.q_en,
        cigar=np.array(hit.cigar, np.int64).reshape(-1, 2),
        mapping_quality=hit.mapq,
        edit_distance=hit.NM,
        ambiguous_bases=hit.NM - (hit.blen - hit.mlen),
        md=hit.MD,
    )
