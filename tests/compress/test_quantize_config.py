"""Which layers get how many bits."""

from typing import Any

import pytest

from lexome.compress.quantize_config import QuantizeConfig, bits_of_layers, check_bits
from lexome.core.errors import UsageError


def test_bits_by_pattern_first_and_last() -> None:
    config = QuantizeConfig((4, 8), {"encoder.lstms.*": [3, 6], "scorer.linear": [2, 2]}, (8, 8), (16, 16))
    names = ["encoder.convs.0.conv", "encoder.convs.1.conv", "encoder.lstms.0.rnn", "scorer.linear"]
    assert bits_of_layers(config, names) == dict(zip(names, [(8, 8), (4, 8), (3, 6), (2, 2)], strict=True))
    with pytest.raises(UsageError, match=r"no layer is called 'encoder\.lstm\.\*'"):
        bits_of_layers(QuantizeConfig(layers={"encoder.lstm.*": [4, 4]}), names)


@pytest.mark.parametrize("bits", [[1, 8], [8, 17], [8], [8, 8, 8], 8, "8", [8, 4.0], [True, 8], None])
def test_bits_that_cannot_be_are_refused(bits: Any) -> None:
    with pytest.raises(ValueError, match="bits are two numbers"):
        check_bits(bits)


@pytest.mark.parametrize(
    "config",
    [{"percentile": 50.0}, {"batches": 0}, {"distill": -1.0}, {"layers": {"a": [1, 1]}}, {"first": (1, 1)}],
)
def test_configurations_that_make_no_sense_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must|bits are"):
        QuantizeConfig(**config)
