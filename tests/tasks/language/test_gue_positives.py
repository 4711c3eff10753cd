"""Positives: read, once each, divided; by hand and by brute force."""

from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError
from lexome.tasks.language.gue_negatives import Example, Taken
from lexome.tasks.language.gue_positives import divided, read_positives
from lexome.tasks.language.gue_request import BuildReport, BuildRequest
from lexome.tasks.language.regions import BedRegion, open_genome


def test_places_their_windows_and_what_is_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    unit = "".join(rng.choice(list("ACGT"), 100))
    (tmp_path / "g.fa").write_text(f">c\n{unit}{unit}NN{unit[:50].lower()}\n")
    bed = tmp_path / "p.bed"
    bed.write_text(
        "c\t10\t20\tfirst\t0\t+\nc\t30\t41\tsecond\t0\t-\nc\t110\t120\tcopy\nc\t196\t204\tN\nc\t1\t9\tedge\n"
        "c\t240\t252\tend\n"
    )
    request, report, taken = BuildRequest(bed, tmp_path / "g.fa", length_bp=20), BuildReport(), Taken()
    with open_genome(tmp_path / "g.fa") as genome:
        read = read_positives(request, genome, taken, report)
    assert [one.name for one in read] == ["first", "second"]
    assert read[0].sequence == unit[5:25]
    turned = unit[25:45][::-1].translate(str.maketrans("ACGT", "TGCA"))
    assert read[1].sequence == turned
    assert read[1].region == BedRegion("second", "c", 25, 45, True)
    assert report.left_out == {
        "the same sequence, on either strand, as one before": 1,
        "other letters than A, C, G and T, or none": 1,
        "their windows reach beyond the end of the contig": 2,
    }
    # negatives keep off all that were read, used or not, and off what the windows add
    for start, end in ((5, 45), (105, 125), (190, 210), (1, 9), (240, 252)):
        assert taken.overlaps("c", start, start + 1)
        assert taken.overlaps("c", end - 1, end)
    assert not taken.overlaps("c", 45, 105)


def test_sequences_without_places(tmp_path: Path) -> None:
    path = tmp_path / "p.fa"
    path.write_text(">a\nacgu\n>b\nACGN\n>c\nAAC\n>d\nGTT\n>e\n\n")
    report = BuildReport()
    read = read_positives(BuildRequest(path, negatives="shuffled"), None, Taken(), report)
    assert read == [Example("a", "ACGT"), Example("c", "AAC")]
    assert sorted(report.left_out.values()) == [1, 2]


def _placed(places: list[tuple[str, int, int]]) -> list[Example]:
    return [Example(f"{i}", "A", BedRegion("", *place)) for i, place in enumerate(places)]


def test_by_contig() -> None:
    positives = _placed([("a", 0, 9), ("b", 0, 9), ("c", 0, 9), ("b", 5, 9)])
    request = BuildRequest(Path("p.bed"), validation=("c",), test=("b",))
    rng = np.random.default_rng(0)
    assert divided(request, positives, rng) == [0, 2, 1, 2]
    with pytest.raises(BadInputError, match=r"p.bed: no positive is left for dev \(3 can be used in all\)"):
        divided(request, [positives[i] for i in (0, 1, 3)], rng)


@pytest.mark.parametrize("seed", range(5))
def test_what_overlaps_stays_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = [(str(rng.choice(["a", "b"])), s, s + int(rng.integers(1, 9))) for s in
              rng.integers(0, 400, 90).tolist()]  # fmt: skip
    positives = [*_placed(places), *(Example(f"x{i}", "A") for i in range(10))]
    splits = divided(BuildRequest(Path("p.bed")), positives, rng)
    for (contig, start, end), split in zip(places, splits, strict=False):
        for (other, low, high), there in zip(places, splits, strict=False):
            if contig == other and start < high and low < end:
                assert split == there
    counts = np.bincount(splits, minlength=3)
    assert counts[0] > counts[1] >= 10
    assert 10 <= counts[2] < 20


def test_too_few_positives() -> None:
    with pytest.raises(BadInputError, match="no positive is left for train"):
        divided(BuildRequest(Path("p.fa")), [Example("a", "A"), Example("b", "C")], np.random.default_rng(0))
