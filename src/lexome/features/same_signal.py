"""Whether two sides take the same kind of signal: a model and its teacher, a model and a store."""

from collections.abc import Mapping
from typing import Any

from lexome.core.config import from_dict, to_dict
from lexome.features.signal import ScalingConfig

# entries of a model's features, and of a store's record, that say which signal it is; with their words
SAME_SIGNAL = {"sample_rate_hz": "sample rate", "chemistry": "chemistry", "scaling": "scaling"}


def other_signal(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The first respect in which two sides differ.

    Args:
        theirs: features of a model, or the record of a store; what it does not say is taken to fit.
        ours: likewise. A scaling may leave out what it does not change.

    Returns:
        What it is in words, theirs and ours in brief; None if nothing differs.

    Raises:
        UsageError: for a scaling that is none.
    """
    for key, words in SAME_SIGNAL.items():
        first, second = (_whole(key, side.get(key)) for side in (theirs, ours))
        if first is not None and second is not None and first != second:
            return words, _brief(first), _brief(second)
    return None


def _whole(key: str, value: Any) -> Any:
    if key != "scaling" or value is None:
        return value
    return to_dict(from_dict(ScalingConfig, value, "scaling"))


def _brief(value: Any) -> str:
    return str(value["method"]) if isinstance(value, Mapping) else str(value)
