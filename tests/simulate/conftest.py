"""A pore of our own and a small reference, so that these tests need no data."""

import itertools

import numpy as np
import pytest

from lexome.core.alphabet import encode
from lexome.core.records import KmerLevels
from lexome.simulate.genome import random_genome
from lexome.simulate.hifi_profile import SubreadProfile, bundled_subread_profile

KMERS = ["".join(kmer) for kmer in itertools.product("ACGT", repeat=6)]


@pytest.fixture(scope="session")
def levels() -> KmerLevels:
    """A 6-mer table like R9.4's: levels around 90 pA with sd 13 pA, the third base in the middle."""
    rng = np.random.default_rng(5)
    sd_pa = rng.uniform(1.2, 3.0, 4096).astype(np.float32)
    return KmerLevels("made_up", 6, 2, rng.normal(90, 13, 4096).astype(np.float32), sd_pa)


@pytest.fixture(scope="session")
def level_of(levels: KmerLevels) -> dict[str, float]:
    """The same table by k-mer, through no code of ours."""
    return dict(zip(KMERS, levels.mean_pa.tolist(), strict=True))


@pytest.fixture(scope="session")
def reference() -> dict[str, str]:
    return {"long": random_genome(60_000, 1), "short": random_genome(5_000, 2)}


@pytest.fixture(scope="session")
def profile() -> SubreadProfile:
    """The bundled rates of subreads."""
    return bundled_subread_profile()


@pytest.fixture(scope="session")
def codes() -> np.ndarray:
    """A molecule of 6000 bases."""
    return encode(random_genome(6000, 3))
