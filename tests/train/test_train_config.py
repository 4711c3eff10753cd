"""The loop's settings: what cannot be is refused."""

import pytest

from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.train.config import LoopConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"average_decay": 1.0}, "average_decay must be from 0 to below 1, is 1.0"),
        ({"average_decay": -0.1}, "average_decay must be"),
        ({"minutes": -1}, "minutes must not be negative"),
        ({"minutes": float("nan")}, "minutes must not be negative"),
        ({"save_every_s": -1}, "save_every_s must not be negative"),
        ({"plateau_steps": -1}, "plateau_steps must not be negative"),
        ({"processes": 0}, "processes must be at least 1"),
        ({"batch_size": 16, "processes": 3}, "16 cannot be shared out evenly to 3 processes"),
        ({"precision": "bf16"}, "'bf16' is not allowed"),
    ],
)
def test_what_cannot_be_is_refused(values: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_dict(LoopConfig, {"steps": 5} | values, "here")
