"""Names of points are where they can be read."""

from itertools import combinations

import numpy as np
import pytest

from lexome.report.labels import Box, place_labels

FRAME = Box(0, 0, 400, 240)
SIZE = (80.0, 12.0)


def test_overlap() -> None:
    box = Box(0, 0, 10, 4)
    assert box.area == 40
    assert box.overlap(Box(5, 2, 20, 20)) == 10
    assert box.overlap(Box(10, 0, 20, 4)) == 0
    assert box.overlap(Box(2, 5, 8, 9)) == 0
    assert box.overlap(Box(-5, -5, 50, 50)) == 40


def test_a_name_stands_to_the_right_of_its_point() -> None:
    (place,) = place_labels([(100, 100)], [SIZE], FRAME)
    assert place.box == Box(108, 94, 188, 106)
    assert not place.is_far


def test_near_an_edge_it_stands_inside() -> None:
    right, low, corner = place_labels([(390, 100), (100, 239), (398, 1)], [SIZE] * 3, FRAME)
    assert right.box.right < 390
    assert low.box.bottom <= 240
    assert corner.box.right < 398
    assert corner.box.top >= 0


def test_it_keeps_off_points_and_lines() -> None:
    ((first), _) = place_labels([(100, 100), (120, 100)], [SIZE, (0.0, 0.0)], FRAME)
    assert first.box.right < 100
    (place,) = place_labels([(100, 100)], [SIZE], FRAME, avoid=[Box(105, 80, 300, 101)])
    assert place.box.overlap(Box(105, 80, 300, 101)) == 0


@pytest.mark.parametrize("seed", range(20))
def test_names_do_not_cover_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centre, spread = rng.uniform(60, 180, 2), rng.choice([1.0, 20.0, 80.0])
    points = [(float(x), float(y)) for x, y in centre + rng.normal(0, spread, (12, 2)).clip(-60, 60)]
    sizes = [(float(width), 12.0) for width in rng.uniform(30, 110, 12)]
    boxes = [place.box for place in place_labels(points, sizes, FRAME)]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlap(pair[1]) > 0]
    for box in boxes:
        assert box.overlap(FRAME) == pytest.approx(box.area)


def test_far_names_are_said_to_be_far() -> None:
    places = place_labels([(200.0, 120.0)] * 9, [SIZE] * 9, FRAME)
    assert not places[0].is_far
    assert any(place.is_far for place in places)


def test_without_names() -> None:
    assert place_labels([], [], FRAME) == []
    (place,) = place_labels([(10, 10)], [(0.0, 0.0)], FRAME)
    assert place.box.area == 0
