"""Reading PacBio subreads together with the CCS reads that they are aligned to, one ZMW at a time.

The subreads must stand together by ZMW, as every program that makes such files leaves them; the CCS reads may
be in any order. They are joined by the name of the sequence that a subread is aligned to, so names may be
those of Sequel, Sequel II or Revio, and of strands apart (`<movie>/<hole>/ccs/fwd`). In memory are one ZMW at
a time, nine bytes for each CCS read, and the names of CCS reads that the header of the subreads lacks.

Source: the PacBio BAM format. Differs from DeepConsensus: that reads the CCS file forward only and stops at
the first ZMW out of order, and takes secondary and supplementary alignments for passes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pysam

from lexome.core.errors import BadInputError
from lexome.core.zmw import Ccs, Subread, ZmwOutcome, ZmwReads, ZmwReport
from lexome.io.alignment_files import open_alignments, reading, records_of
from lexome.io.record_offsets import RecordOffsets

OnReport = Callable[[ZmwReport], None]

_KINETICS = {"B": np.uint8, "H": np.uint16}  # type codes of a tag's array
_ONCE, _AGAIN = 1, 2  # how often the subreads of a CCS read were met
_ON_CCS = (pysam.CMATCH, pysam.CDEL, pysam.CREF_SKIP, pysam.CEQUAL, pysam.CDIFF)  # take bases of the CCS read
_PLAIN = {
    ZmwOutcome.UNMAPPED: "not aligned",
    ZmwOutcome.SECONDARY: "a secondary alignment",
    ZmwOutcome.SUPPLEMENTARY: "a supplementary alignment",
    ZmwOutcome.EMPTY: "without bases",
    ZmwOutcome.NO_KINETICS: "without pw or ip (kinetics)",
    ZmwOutcome.NO_SNR: "without sn (signal-to-noise ratio)",
    ZmwOutcome.MALFORMED: "contradicting itself",
}


def read_zmws(subreads: Path, ccs: Path, on_report: OnReport) -> Iterator[ZmwReads]:
    """Yields every ZMW that can be used; every other one is reported.

    If only some subreads of a ZMW can be used, these are yielded and the others counted in `unused`.

    Args:
        subreads: subreads aligned to their CCS reads (BAM, SAM or CRAM), together by ZMW.
        ccs: the CCS reads (BAM), in any order.
        on_report: told of every CCS read that is not used, and why: also of those that have no subreads.

    Returns:
        One item for each CCS read with subreads, in the order of the subreads.

    Raises:
        BadInputError: if a file cannot be read or is cut off. If the subreads are damaged at some place, all
            ZMWs before it are yielded first and all others reported as truncated.
    """
    with open_alignments(subreads) as file, open_alignments(ccs) as ccs_file:
        join = _Join(subreads, file, ccs, ccs_file, on_report)
        for hole, records, damage in _holes(file, subreads):
            if damage is not None:
                join.report_rest(ZmwOutcome.TRUNCATED, "the file of the subreads is damaged here or before")
                raise damage
            yield from join.zmws_of(hole, records)
        join.report_rest(ZmwOutcome.NO_SUBREADS, "nothing is aligned to the CCS read")


def _holes(
    file: pysam.AlignmentFile, path: Path
) -> Iterator[tuple[str, list[pysam.AlignedSegment], BadInputError | None]]:
    """The records that stand together, by `<movie>/<hole>`; an error instead of the first ones not whole."""
    damage = None
    hole, group = "", []
    records = records_of(path, file)
    while True:
        try:
            record = next(records, None)
        except BadInputError as error:
            record, damage = None, error
        if record is None:
            break
        name = hole_of(record.query_name or "")
        if group and name != hole:
            yield hole, group, None
            group = []
        hole = name
        group.append(record)
    if damage is not None:
        yield hole, group, damage
    elif group:
        yield hole, group, None


def hole_of(name: str) -> str:
    """The `<movie>/<hole>` that a read's name begins with; all of a name that is made otherwise.

    >>> hole_of("m84004_220919_222401_s1/206377606/ccs/fwd")
    'm84004_220919_222401_s1/206377606'
    """
    return "/".join(name.split("/")[:2])


class _Join:
    """Brings together what belongs to one CCS read, and knows which CCS reads were dealt with."""

    def __init__(
        self,
        path: Path,
        subreads: pysam.AlignmentFile,
        ccs_path: Path,
        ccs_file: pysam.AlignmentFile,
        on_report: OnReport,
    ) -> None:
        self._path, self._subreads, self._ccs_path, self._on_report = path, subreads, ccs_path, on_report
        self._strangers: dict[str, list[str]] = {}  # CCS reads that the header of the subreads lacks, by hole
        self._done = bytearray(subreads.nreferences)
        self._ccs = RecordOffsets(
            ccs_path, ccs_file, subreads.nreferences, self._number_of, self._report_repeated
        )

    def _number_of(self, record: pysam.AlignedSegment) -> int:
        if record.is_secondary or record.is_supplementary:
            return -1
        name = record.query_name or ""
        number = self._subreads.get_tid(name)
        if number < 0:
            self._strangers.setdefault(hole_of(name), []).append(name)
        return number

    def _report_repeated(self, record: pysam.AlignedSegment) -> None:
        reason = "there again among the CCS reads; the first one is used"
        self._on_report(ZmwReport(record.query_name or "", ZmwOutcome.DUPLICATE_CCS, reason))

    def zmws_of(self, hole: str, records: list[pysam.AlignedSegment]) -> list[ZmwReads]:
        """What can be used of the records of one hole, by CCS read; the rest is reported."""
        unused: Counter[ZmwOutcome] = Counter()
        groups: dict[int, list[pysam.AlignedSegment]] = {}
        for record in records:
            if record.is_unmapped:
                unused[ZmwOutcome.UNMAPPED] += 1
            else:
                groups.setdefault(record.reference_id, []).append(record)
        if not groups:
            self._report_unaligned(hole, unused)
        zmws = [self._zmw(number, group, unused) for number, group in groups.items()]
        return [zmw for zmw in zmws if zmw is not None]

    def _report_unaligned(self, hole: str, unused: Mapping[ZmwOutcome, int]) -> None:
        names = [f"{hole}/ccs{strand}" for strand in ("", "/fwd", "/rev")]
        numbers = [self._subreads.get_tid(name) for name in names]
        known = [i for i, number in enumerate(numbers) if number >= 0 and number in self._ccs]
        for i in known:
            if not self._done[numbers[i]]:
                self._done[numbers[i]] = _ONCE
                self._report(names[i], ZmwOutcome.UNMAPPED, _count(unused))
        if not known:
            for name in self._strangers.pop(hole, [hole]):
                self._report(name, ZmwOutcome.UNMAPPED, _count(unused))

    def _zmw(
        self, number: int, records: list[pysam.AlignedSegment], unaligned: Mapping[ZmwOutcome, int]
    ) -> ZmwReads | None:
        name = self._subreads.get_reference_name(number)
        if self._done[number]:
            if self._done[number] == _ONCE:
                reason = "more subreads in another place of the file are not used; sort it by name"
                self._report(name, ZmwOutcome.NOT_CONTIGUOUS, reason)
            self._done[number] = _AGAIN
            return None
        self._done[number] = _ONCE
        unused = Counter(unaligned)
        with reading(self._path):
            found = [_subread(record) for record in records]
        unused.update(item for item in found if isinstance(item, ZmwOutcome))
        usable = tuple(item for item in found if isinstance(item, Subread))
        if number not in self._ccs:
            return self._report(name, ZmwOutcome.NO_CCS, "there is no such CCS read")
        record = self._ccs.read(number)
        with reading(self._ccs_path):
            ccs = _ccs_read(record)
        if not ccs.sequence:
            return self._report(name, ZmwOutcome.EMPTY_CCS, "the CCS read has no bases")
        length = self._subreads.get_reference_length(name)
        if len(ccs.sequence) != length:
            reason = f"the CCS read has {len(ccs.sequence)} bases, the subreads were aligned to {length}"
            return self._report(name, ZmwOutcome.CCS_DIFFERS, reason)
        if not usable:
            return self._report(name, unused.most_common(1)[0][0], _count(unused))
        return ZmwReads(ccs, usable, dict(unused))

    def report_rest(self, outcome: ZmwOutcome, reason: str) -> None:
        """Reports all CCS reads that nothing was heard of."""
        for number, done in enumerate(self._done):
            if not done and number in self._ccs:
                self._report(self._subreads.get_reference_name(number), outcome, reason)
        for names in self._strangers.values():
            for name in names:
                self._report(name, outcome, reason)

    def _report(self, name: str, outcome: ZmwOutcome, reason: str) -> None:
        self._on_report(ZmwReport(name, outcome, reason))


def _count(unused: Mapping[ZmwOutcome, int]) -> str:
    counts = ", ".join(f"{number} {_PLAIN[outcome]}" for outcome, number in unused.items())
    return f"no subread can be used: {counts}"


def _subread(record: pysam.AlignedSegment) -> Subread | ZmwOutcome:
    """A subread, or why it cannot be used."""
    if record.is_secondary:
        return ZmwOutcome.SECONDARY
    if record.is_supplementary:
        return ZmwOutcome.SUPPLEMENTARY
    sequence = record.query_sequence
    cigar_O2 = np.array(record.cigartuples or [], np.int64).reshape(-1, 2)[:, ::-1].copy()
    if not sequence or not np.isin(cigar_O2[:, 1], _ON_CCS).any():
        return ZmwOutcome.EMPTY
    if not (record.has_tag("pw") and record.has_tag("ip")):
        return ZmwOutcome.NO_KINETICS
    if not record.has_tag("sn"):
        return ZmwOutcome.NO_SNR
    pw, ip = _kinetics(record, "pw"), _kinetics(record, "ip")
    snr = np.atleast_1d(np.asarray(record.get_tag("sn")))
    if pw is None or ip is None or not len(pw) == len(ip) == len(sequence):
        return ZmwOutcome.MALFORMED
    if snr.shape != (4,) or snr.dtype.kind not in "fiu" or not np.isfinite(snr).all():
        return ZmwOutcome.MALFORMED
    strand = -1 if record.is_reverse else 1
    return Subread(
        record.query_name or "", sequence, pw[::strand], ip[::strand], strand, record.reference_start,
        cigar_O2, snr.astype(np.float32),
    )  # fmt: skip


def _kinetics(record: pysam.AlignedSegment, tag: str) -> np.ndarray | None:
    """The values of pw or ip in the direction of sequencing; None if they are of another kind."""
    values = record.get_tag(tag)
    kind = _KINETICS.get(getattr(values, "typecode", ""))
    return None if kind is None else np.array(values, kind)


def _ccs_read(record: pysam.AlignedSegment) -> Ccs:
    # pysam fails on a reverse record without qualities
    qualities = None if record.query_qualities is None else record.get_forward_qualities()
    return Ccs(
        record.query_name or "",
        record.get_forward_sequence() or "",
        None if qualities is None else np.array(qualities, np.uint8),
        tuple(record.get_tags(with_value_type=True)),
    )
