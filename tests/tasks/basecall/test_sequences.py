"""Genomes for composed signal: names, what is masked, and relatives of what must stay unseen."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.simulate.genome import random_genome
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.sequences import (
    MARGIN_BP,
    read_genomes,
    similar_intervals,
    without_intervals,
)


def mutated(sequence: str, share: float, seed: int) -> str:
    rng = np.random.default_rng(seed)
    return "".join(
        "ACGT"[("ACGT".index(b) + rng.integers(1, 4)) % 4] if rng.random() < share else b for b in sequence
    )


def fasta(path: Path, **contigs: str) -> Path:
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in contigs.items()))
    return path


def test_a_name_for_two_sequences_is_told_apart(tmp_path: Path) -> None:
    files = [fasta(tmp_path / "a.fa", x="ACGT", y="CCCC"), fasta(tmp_path / "b.fa", x="GGGG", y="cccc")]
    genomes = read_genomes(files, {"x": "TTTT", "z": "AAAA"})
    assert genomes == {"a.fa:x": "ACGT", "y": "CCCC", "b.fa:x": "GGGG"}


def test_intervals_become_n() -> None:
    genomes = {"a": "ACGTACGT", "b": "CCCC"}
    held_out = [Interval("a", 2, 4), Interval("a", 7, 90), Interval("b", 9, 12), Interval("other", 0, 4)]
    assert without_intervals(genomes, held_out) == {"a": "ACNNACGN", "b": "CCCC"}


@pytest.mark.parametrize("share", [0.0, 0.18])
def test_relatives_are_found_on_both_strands_and_nothing_else(tmp_path: Path, share: float) -> None:
    unseen = random_genome(2400, 1)
    left, middle, right = (random_genome(6000, seed) for seed in (2, 3, 4))
    relatives = mutated(unseen, share, 5), reverse_complement(mutated(unseen, share, 6))
    genomes = {"one": left + relatives[0] + middle + relatives[1] + right, "two": random_genome(20_000, 7)}
    found = similar_intervals(genomes, [fasta(tmp_path / "unseen.fa", u=unseen)])
    assert {i.contig for i in found} == {"one"}
    covered = np.zeros(len(genomes["one"]), bool)
    for interval in found:
        covered[interval.start_bp : interval.end_bp] = True
    wanted = np.zeros_like(covered)
    for start in (6000, 6000 + 2400 + 6000):
        wanted[start : start + 2400] = True
    assert covered[wanted].mean() > 0.97
    assert covered.sum() < wanted.sum() + 2 * 2 * MARGIN_BP + 200


def test_unrelated_sequence_leaves_everything(tmp_path: Path) -> None:
    genomes = {"one": random_genome(20_000, 8)}
    assert similar_intervals(genomes, [fasta(tmp_path / "u.fa", u=random_genome(3000, 9))]) == []
    assert similar_intervals(genomes, []) == []


def test_all_ribosomal_operons_of_e_coli_are_found(shared: Path) -> None:
    """Against the amplicons of eight bacteria; the places are those of the published annotation."""
    genomes = read_genomes([shared / "data/dna/genomes/ecoli_k12_masked.fna.gz"], {})
    amplicons = shared / "data/nanopore/references/zymo-ref-uniq_2019-03-15.fa"
    found = similar_intervals(genomes, [amplicons])
    # start of 16S to end of 23S, or the other way round on the other strand
    operons = [
        (223771, 228662), (2726281, 2731157), (3423880, 3428762), (3941808, 3946607), (4035531, 4040423),
        (4166659, 4171544), (4208147, 4212946),
    ]  # fmt: skip
    for start, end in operons:
        overlaps = [min(i.end_bp, end) - max(i.start_bp, start) for i in found]
        assert max(overlaps) > 0.93 * (
            end - start
        )  # the amplicons end some hundred bases before the 23S gene
    # and little else: relatives of the tRNA genes between 16S and 23S
    assert sum(i.end_bp - i.start_bp for i in found) < 45_000
