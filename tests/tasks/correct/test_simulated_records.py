"""CIGARs and the writing of simulated BAM files, on molecules made by hand."""

from pathlib import Path

import numpy as np
import pysam
import pytest

from lexome.core.alphabet import encode
from lexome.core.homopolymer_runs import runs_of
from lexome.dp.kernels.guided_align import DELETION as D
from lexome.dp.kernels.guided_align import INSERTION as I
from lexome.dp.kernels.guided_align import PAIR as P
from lexome.simulate.hifi import Molecule, SimulatedPass
from lexome.simulate.hifi_draft import Draft
from lexome.simulate.places import Place
from lexome.tasks.correct.simulated_records import SimulatedBams, cigar_of, movie_name


def test_cigars_tell_equal_from_different() -> None:
    ops = np.array([P, P, I, I, P, D, P, P], np.uint8)
    assert cigar_of(encode("ACGGTAA"), encode("ACTGTA"), ops) == [
        (7, 2),
        (1, 2),
        (7, 1),
        (2, 1),
        (8, 1),
        (7, 1),
    ]


def molecule() -> tuple[Molecule, Draft]:
    codes = encode("ACGTTGCA")
    native = encode("GCAACG")  # the reverse complement of CGTTGC
    numbers = np.arange(6, dtype=np.uint8)
    one = SimulatedPass(
        native, numbers, numbers + 50, 6 - np.arange(6), np.zeros(6, bool), 1, 7, True, 100, 2
    )  # fmt: skip
    made = Molecule(Place("c", 0, 8, "+"), codes, runs_of(codes), np.array([5.0, 10, 4.5, 8]), (one,), 0)
    draft = Draft(encode("AACGTTGCA"), np.arange(9, dtype=np.uint8), np.arange(1, 10), 0.99, 1.0)
    return made, draft


def test_records_say_what_was_given(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("s.bam", "c.bam", "t.bam")]
    made, draft = molecule()
    with SimulatedBams(*paths, movie_name(7), range(4, 5)) as bams:
        differences = bams.write(
            4, made, draft, [(2, np.zeros(6, np.uint8))], np.array([D] + [P] * 8, np.uint8)
        )
    assert differences == 1
    assert {p.name for p in tmp_path.iterdir()} == {"s.bam", "c.bam", "t.bam", "t.bam.bai"}
    with pysam.AlignmentFile(str(paths[0])) as file:
        assert file.lengths == (9,)
        (read,) = file
    assert (read.query_name, read.flag, read.reference_start) == ("lexome_simulated_7/4/100_106", 16, 2)
    assert (read.query_sequence, read.cigarstring) == ("CGTTGC", "6=")
    assert list(read.get_tag("pw")) == list(range(6))  # the polymerase's direction
    assert list(read.get_tag("ip")) == list(range(50, 56))
    assert (read.get_tag("qs"), read.get_tag("qe"), read.get_tag("cx"), read.get_tag("zm")) == (
        100,
        106,
        2,
        4,
    )
    assert list(read.get_tag("sn")) == [5, 10, 4.5, 8]
    with pysam.AlignmentFile(str(paths[1]), check_sq=False) as file:
        (read,) = file
    assert (read.query_sequence, read.flag, read.get_tag("np")) == ("AACGTTGCA", 4, 0)
    assert list(read.query_qualities or []) == list(range(9))
    with pysam.AlignmentFile(str(paths[2])) as file:
        (read,) = file.fetch("lexome_simulated_7/4/ccs")
    assert (read.query_sequence, read.cigarstring, read.reference_start) == ("ACGTTGCA", "8=", 1)
    assert read.get_tag("mg") == pytest.approx(100 * 8 / 9)


def test_after_an_error_nothing_looks_whole(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("s.bam", "c.bam", "t.bam")]

    def fail() -> None:
        with SimulatedBams(*paths, movie_name(7), range(4, 5)):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not paths[0].exists()
    assert not paths[2].exists()
