"""Records of one molecule: what is read out of their tags, and how an unusable one is named."""

from array import array

import numpy as np

from lexome.core.errors import LexomeError
from lexome.core.zmw import Ccs, UnusableZmwError, ZmwOutcome, ZmwReads, ZmwReport


def test_what_the_tags_of_a_ccs_read_say() -> None:
    tags = (("np", 5, "i"), ("rq", 0.995, "f"), ("ec", 5.6, "f"), ("wl", array("H", [60, 40]), "B"))
    ccs = Ccs("m/1/ccs", "A" * 100, None, tags)
    assert (ccs.num_passes, ccs.read_quality, ccs.effective_coverage) == (5, 0.995, 5.6)
    assert ccs.window_widths is not None
    assert ccs.window_widths.dtype == np.int64
    assert ccs.window_widths.tolist() == [60, 40]


def test_tags_that_are_not_there() -> None:
    ccs = Ccs("m/1/ccs", "A", None)
    assert [ccs.num_passes, ccs.read_quality, ccs.effective_coverage, ccs.window_widths] == [None] * 4
    assert ccs.tag("zm") is None


def test_an_unusable_zmw_is_one_line_with_its_name() -> None:
    error = ZmwReads(Ccs("m/1/ccs", "A", None), ()).unusable(ZmwOutcome.NO_CCS, "it is not there")
    assert isinstance(error, LexomeError)
    assert isinstance(error, UnusableZmwError)
    assert str(error) == "m/1/ccs: it is not there"
    assert error.report == ZmwReport("m/1/ccs", ZmwOutcome.NO_CCS, "it is not there")


def test_outcomes_are_words_for_a_table() -> None:
    values = [outcome.value for outcome in ZmwOutcome]
    assert f"{ZmwOutcome.NO_KINETICS}" == "no_kinetics"
    assert all(value.replace("_", "").isalpha() and value.islower() for value in values)
    assert len(set(values)) == len(values)
