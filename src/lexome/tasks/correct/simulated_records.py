"""The three BAM files of simulated subreads, with the names, tags and headers of real ones (Sequel, ccs 6).

The bases of each CCS are known only once it is made, but the header, which stands first, says its length: so
aligned records go to a spool file with lengths of 1, whose blocks are then copied behind the true header.
"""

import hashlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pysam

from lexome import __version__
from lexome.core.alphabet import decode
from lexome.dp.kernels.guided_align import DELETION, INSERTION, PAIR
from lexome.io.partial import explained
from lexome.simulate.hifi import Molecule
from lexome.simulate.hifi_draft import Draft

_EQUAL, _DIFF = 7, 8
_KIT = "BINDINGKIT=101-500-400;SEQUENCINGKIT=101-427-800;BASECALLERVERSION=5.0.0;FRAMERATEHZ=100.000000"
_KINETICS = "Ipd:CodecV1=ip;PulseWidth:CodecV1=pw"
_SUBREAD_RQ = 0.8  # what the instrument says of every subread


def movie_name(seed: int) -> str:
    """The movie that simulated reads belong to; real names begin with an m."""
    return f"lexome_simulated_{seed}"


def cigar_of(query: np.ndarray, reference: np.ndarray, ops_C: np.ndarray) -> list[tuple[int, int]]:
    """A CIGAR with = and X, as pysam takes it.

    Args:
        query: codes of the aligned part, likewise `reference`.
        reference: codes of the aligned part.
        ops_C: operations from end to end.
    """
    pairs = ops_C == PAIR
    same = (
        query[(np.cumsum(ops_C != DELETION) - 1)[pairs]]
        == reference[(np.cumsum(ops_C != INSERTION) - 1)[pairs]]
    )
    codes = ops_C.copy()  # insertion and deletion are 1 and 2 in BAM as well
    codes[pairs] = np.where(same, _EQUAL, _DIFF)
    starts = np.flatnonzero(np.diff(codes.astype(np.int16), prepend=-1))
    return list(zip(codes[starts].tolist(), np.diff(starts, append=len(codes)).tolist(), strict=True))


class SimulatedBams:
    """Writes the subreads, the drafts and the truths of molecules; a context manager."""

    def __init__(self, subreads: Path, ccs: Path, truth: Path, movie: str, numbers: range) -> None:
        """Opens the files.

        Args:
            subreads: subreads aligned to their drafts.
            ccs: drafts, unaligned.
            truth: molecules aligned to their drafts; gets an index.
            movie: the first part of all names.
            numbers: of the molecules, in the order of `write`.
        """
        self._paths = {"subreads": subreads, "truth": truth}
        self._movie, self._first = movie, numbers.start
        self._names = [f"{movie}/{n}/ccs" for n in numbers]
        self._lengths = np.ones(len(numbers), np.int64)
        self._groups = {k: hashlib.md5(f"{movie}//{k}".encode()).hexdigest()[:8] for k in ("SUBREAD", "CCS")}
        self._headers = {k: self._header(k) for k in ("subreads", "ccs", "truth")}
        with explained(ccs):
            self._files = {
                "ccs": pysam.AlignmentFile(str(ccs), "wb", header=self._headers["ccs"]),
                "subreads": pysam.AlignmentFile(
                    str(_spool(subreads)), "wb", header=self._headers["subreads"]
                ),
                "truth": pysam.AlignmentFile(str(_spool(truth)), "wb", header=self._headers["truth"]),
            }

    def __enter__(self) -> "SimulatedBams":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        if kind is None:
            for name, path in self._paths.items():
                with explained(path):
                    _copy_behind(self._header(name), _spool(path), path)
                    _spool(path).unlink()
            pysam.index(str(self._paths["truth"]))

    def write(
        self,
        number: int,
        molecule: Molecule,
        draft: Draft,
        alignments: Sequence[tuple[int, np.ndarray]],
        truth_ops: np.ndarray,
    ) -> int:
        """Writes one molecule.

        Args:
            number: of the molecule.
            molecule: with its passes.
            draft: its consensus.
            alignments: of the passes to the draft.
            truth_ops: of the molecule to the draft.

        Returns:
            By how many bases the draft differs from the molecule.
        """
        index = number - self._first
        self._lengths[index] = len(draft.codes)
        snr = array("f", molecule.snr.tolist())
        self._write_draft(number, molecule, draft, snr)
        for one, (start, ops) in zip(molecule.passes, alignments, strict=True):
            if len(ops) == 0:
                continue  # a pass of which no base is left
            read, _, _ = one.forward()
            end_query = one.query_start + len(read)
            name = f"{self._movie}/{number}/{one.query_start}_{end_query}"
            segment = self._segment("subreads", name, read)
            _place(segment, index, start, read, draft.codes, ops)
            segment.flag = 16 if one.is_reverse else 0
            segment.set_tags(
                [
                    ("RG", self._groups["SUBREAD"], "Z"), ("cx", one.adapters, "i"),
                    ("ip", array("B", one.gap.tobytes())), ("np", 1, "i"),
                    ("pw", array("B", one.pulse.tobytes())), ("qe", end_query, "i"),
                    ("qs", one.query_start, "i"), ("rq", _SUBREAD_RQ, "f"),
                    ("sn", snr), ("zm", number, "i"),
                ]
            )  # fmt: skip
            self._files["subreads"].write(segment)
        return self._write_truth(number, molecule, draft, truth_ops)

    def _write_draft(self, number: int, molecule: Molecule, draft: Draft, snr: array) -> None:
        segment = self._segment("ccs", f"{self._movie}/{number}/ccs", draft.codes)
        segment.flag, segment.mapping_quality = 4, 255
        segment.query_qualities = array("B", draft.qualities.tobytes())
        segment.set_tags(
            [
                ("RG", self._groups["CCS"], "Z"), ("ec", draft.coverage, "f"),
                ("np", molecule.full_passes, "i"), ("rq", draft.rq, "f"), ("sn", snr), ("zm", number, "i"),
            ]
        )  # fmt: skip
        self._files["ccs"].write(segment)

    def _write_truth(self, number: int, molecule: Molecule, draft: Draft, ops: np.ndarray) -> int:
        kept = np.flatnonzero(ops != DELETION)
        start, ops_inside = int(kept[0]), ops[kept[0] : kept[-1] + 1]
        segment = self._segment("truth", f"{self._movie}/{number}/truth", molecule.codes)
        cigar = _place(segment, number - self._first, start, molecule.codes, draft.codes, ops_inside)
        matches = sum(length for op, length in cigar if op == _EQUAL)
        segment.set_tags(
            [
                ("RG", "default", "Z"), ("qs", 0, "i"), ("qe", len(molecule.codes), "i"),
                ("mg", 100 * matches / len(ops), "f"),
            ]
        )  # fmt: skip
        self._files["truth"].write(segment)
        return len(ops) - matches

    def _segment(self, file: str, name: str, codes: np.ndarray) -> pysam.AlignedSegment:
        segment = pysam.AlignedSegment(self._headers[file])
        segment.query_name, segment.query_sequence = name, decode(codes)
        return segment

    def _header(self, file: str) -> pysam.AlignmentHeader:
        lines = [f"@HD\tVN:1.5\tSO:{'coordinate' if file == 'truth' else 'unknown'}\tpb:3.0.1"]
        if file != "ccs":
            pairs = zip(self._names, self._lengths.tolist(), strict=True)
            lines += [f"@SQ\tSN:{name}\tLN:{length}" for name, length in pairs]
        kind = "SUBREAD" if file == "subreads" else "CCS"
        read_type = f"READTYPE={kind};{_KINETICS + ';' if kind == 'SUBREAD' else ''}{_KIT}"
        group = "default" if file == "truth" else self._groups[kind]
        chemistry = "" if kind == "SUBREAD" else "\tCM:S/P3-C3/5.0"
        lines.append(f"@RG\tID:{group}\tPL:PACBIO\tDS:{read_type}\tPU:{self._movie}\tPM:SEQUEL{chemistry}")
        lines.append(f"@PG\tID:lexome\tPN:lexome\tVN:{__version__}\tDS:simulated; no molecule ever existed")
        return pysam.AlignmentHeader.from_text("".join(line + "\n" for line in lines))


def _place(
    segment: pysam.AlignedSegment,
    index: int,
    start: int,
    query: np.ndarray,
    reference: np.ndarray,
    ops: np.ndarray,
) -> list[tuple[int, int]]:
    end = start + int((ops != INSERTION).sum())
    cigar = cigar_of(query, reference[start:end], ops)
    segment.flag, segment.reference_id, segment.reference_start = 0, index, start
    segment.mapping_quality, segment.cigartuples = 60, cigar
    return cigar


def _spool(path: Path) -> Path:
    return path.with_name(path.name + ".spool")


def _copy_behind(header: pysam.AlignmentHeader, spool: Path, output: Path) -> None:
    text = output.with_name(output.name + ".header")
    text.write_text(str(header))
    pysam.reheader("--no-PG", str(text), str(spool), save_stdout=str(output))
    text.unlink()
