"""What tells two kinds of signal apart, and what does not."""

import pytest

from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.features.same_signal import other_signal
from lexome.features.signal import ScalingConfig

OURS = {"sample_rate_hz": 4000, "chemistry": "r9.4.1", "scaling": to_dict(ScalingConfig())}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sample_rate_hz": 5000}, ("sample rate", "5000", "4000")),
        ({"chemistry": "r10.4.1"}, ("chemistry", "r10.4.1", "r9.4.1")),
        ({"scaling": {"method": "quantile"}}, ("scaling", "quantile", "med_mad")),
        ({"scaling": {"method": "med_mad", "mean": 1.0}}, ("scaling", "med_mad", "med_mad")),
    ],
)
def test_differences(change: dict, told: tuple[str, str, str]) -> None:
    assert other_signal({**OURS, **change}, OURS) == told
    assert other_signal(OURS, {**OURS, **change}) == (told[0], told[2], told[1])


@pytest.mark.parametrize(
    "change",
    [{}, {"scaling": {"method": "med_mad"}}, {"scaling": None}, {"chemistry": None}, {"chunk_size": 7}],
)
def test_what_is_not_said_or_left_out_is_no_difference(change: dict) -> None:
    assert other_signal({**OURS, **change}, OURS) is None
    assert other_signal({}, OURS) is None


def test_a_scaling_that_is_none() -> None:
    with pytest.raises(UsageError, match="scaling: unknown key 'methode'"):
        other_signal({"scaling": {"methode": "pa"}}, OURS)
