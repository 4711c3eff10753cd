"""Requests without sense are refused, and what came of one is told."""

from pathlib import Path

import pytest

from lexome.core.errors import UsageError
from lexome.tasks.language.noise import NoiseRates
from lexome.tasks.language.noise_request import NoiseReport, NoiseRequest
from lexome.tasks.language.region_split import Letters, RegionConfig

GENOMES = {"x": Path("x.fa")}


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (NoiseRequest({}), "give --genome or --telomeres"),
        (NoiseRequest(GENOMES, rates=NoiseRates(0, 0, 0)), "without any errors"),
        (NoiseRequest(GENOMES, length_bp=7), "windows need 8 to 20000 bases"),
        (NoiseRequest(GENOMES, length_bp=500, regions=RegionConfig(510)), "blocks must be longer"),
        (NoiseRequest(GENOMES, regions=RegionConfig(test_species=("x",))), "only tested"),
    ],
)
def test_without_sense(request_: NoiseRequest, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        request_.check()


def test_with_sense() -> None:
    NoiseRequest(GENOMES).check()
    NoiseRequest({}, (Path("t.csv"),)).check()


def test_what_is_told() -> None:
    counts = {"train": {"genomic": {"clean": 3, "noisy": 2}}}
    assert NoiseReport(counts).lines() == ["train, genomic: 3 clean, 2 noisy windows"]
    letters = Letters(0.1, ambiguous=7, too_ambiguous=4, no_code=1)
    assert NoiseReport({}, letters=letters, motif_rows_left_out=6).lines() == [
        "5 windows left out for letters other than A, C, G, T; 7 such letters kept in others",
        "6 rows without a motif of telomeres left out",
    ]
