import re

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.simulate.genome import random_genome


@pytest.mark.parametrize("length_bp", [1, 7, 999, 50_000])
def test_length_letters_and_determinism(length_bp: int) -> None:
    genome = random_genome(length_bp, 4)
    assert len(genome) == length_bp
    assert set(genome) <= set("ACGT")
    assert genome == random_genome(length_bp, 4)
    assert length_bp < 100 or genome != random_genome(length_bp, 5)


def test_it_has_what_real_genomes_have_and_random_letters_lack() -> None:
    genome = random_genome(300_000, 4)
    shuffled = "".join(np.random.default_rng(1).permutation(list(genome)))

    def runs(sequence: str) -> int:
        return len(re.findall(r"A{8,}|C{8,}|G{8,}|T{8,}", sequence))

    def gc_sd(sequence: str) -> float:
        blocks = np.array(list(sequence)).reshape(-1, 1000)
        return float(np.isin(blocks, ["C", "G"]).mean(axis=1).std())

    def repeated(sequence: str) -> float:
        words = [sequence[i : i + 20] for i in range(0, len(sequence) - 20)]
        return 1 - len(set(words)) / len(words)

    def tandem(sequence: str) -> int:
        return len(re.findall(r"([ACGT]{2,6}?)\1{5,}", sequence))

    assert runs(genome) > 2 * runs(shuffled)
    assert gc_sd(genome) > 3 * gc_sd(shuffled)
    assert repeated(shuffled) < 0.001
    assert 0.01 < repeated(genome) < 0.2
    assert tandem(genome) > tandem(shuffled) + 30


def test_the_gc_content_is_that_of_a_genome() -> None:
    genome = random_genome(500_000, 9)
    assert 0.4 < (genome.count("C") + genome.count("G")) / len(genome) < 0.52


@pytest.mark.parametrize(("length_bp", "seed"), [(0, 1), (-5, 1), (10, -1)])
def test_wrong_arguments(length_bp: int, seed: int) -> None:
    with pytest.raises(UsageError):
        random_genome(length_bp, seed)
