import numpy as np
import pytest

from lexome.core.alphabet import decode, reverse_complement
from lexome.core.errors import BadInputError
from lexome.simulate.places import Places


def test_places_avoid_everything_but_acgt() -> None:
    rng = np.random.default_rng(1)
    letters = np.array(list("ACGTacgt"))[rng.integers(0, 8, 20_000)]
    letters[rng.integers(0, 20_000, 60)] = "N"
    letters[5000:6000] = "n"
    letters[9000] = "R"
    sequence = "".join(letters)
    places = Places({"c": sequence}, 50)
    covered = np.zeros(20_000, bool)
    for _ in range(3000):
        place = places.draw(120, rng)
        piece = sequence[place.start : place.end].upper()
        assert 50 <= place.end - place.start <= 120
        assert set(piece) <= set("ACGT")
        expected = piece if place.strand == "+" else reverse_complement(piece)
        assert decode(places.codes(place)) == expected
        covered[place.start : place.end] = True
    assert covered[:5000].mean() > 0.9
    assert covered[6000:].mean() > 0.9


def test_places_follow_length_position_and_strand_evenly() -> None:
    rng = np.random.default_rng(1)
    places = Places({"a": "ACGT" * 250, "b": "ACGT" * 750, "too_short": "ACGT"}, 10)
    drawn = [places.draw(101, rng) for _ in range(20_000)]
    in_b = [place.start for place in drawn if place.contig == "b"]
    assert abs(len(in_b) / len(drawn) - 0.75) < 0.015
    assert (min(in_b), max(in_b)) == (0, 3000 - 101)
    counts = np.histogram(in_b, bins=10, range=(0, 2900))[0] / len(in_b)
    assert np.abs(counts - 0.1).max() < 0.012
    assert abs(np.mean([place.strand == "+" for place in drawn]) - 0.5) < 0.015
    assert {place.contig for place in drawn} == {"a", "b"}


def test_a_place_is_no_longer_than_its_stretch() -> None:
    place = Places({"a": "N" * 5 + "ACGT" * 5 + "N" * 5}, 20).draw(1000, np.random.default_rng(1))
    assert (place.start, place.end) == (5, 25)


@pytest.mark.parametrize("sequence", ["", "NNNN", "ACGTN" * 100])
def test_no_stretch_is_long_enough(sequence: str) -> None:
    with pytest.raises(BadInputError, match="too short"):
        Places({"a": sequence}, 5)
