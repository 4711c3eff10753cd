"""What `lexome lm mutate` makes of its options."""

import pytest

from lexome.cli.lm_mutate_models import children_config, opened_ranker
from lexome.core.errors import UsageError


def test_options_become_settings() -> None:
    config = children_config(3, 2, 4, 0.5, "acgtn")
    assert (config.beams, config.max_length_change, config.batch_size) == (3, 2, 4)
    assert (config.length_penalty, config.letters) == (0.5, "ACGTN")
    with pytest.raises(UsageError, match="must be letters"):
        children_config(5, 2, 4, letters="")


def test_without_a_classifier_nothing_ranks() -> None:
    assert opened_ranker(None, "", "cpu") is None
