"""The records: calibration of the raw signal, and that a record cannot be changed."""

import dataclasses

import numpy as np
import pytest

from lexome.core.records import Basecall, RawRead, ReadInfo, RunInfo

RUN = RunInfo("run", "FAX1", 4000, "MN1", "2025-02-05T23:08:58.101000+00:00")
INFO = ReadInfo("read", 3, 12, 1, 7, 1000, "signal_positive", RUN, "a.pod5")


def test_signal_pa_is_scale_times_raw_plus_offset() -> None:
    raw = np.array([-32768, -10, 0, 500, 32767], np.int16)
    signal_pa = RawRead(INFO, raw, scale=0.1755, offset=-240.0).signal_pa()
    assert signal_pa.dtype == np.float32
    np.testing.assert_allclose(signal_pa, 0.1755 * (raw.astype(np.float64) - 240.0), rtol=1e-6)


def test_records_name_their_read_and_run() -> None:
    call = Basecall(INFO, "AC", np.array([9, 8], np.uint8), None, 6, 0, 80.0, 12.0, "med_mad", "m")
    assert (call.read_id, call.run, RawRead(INFO, np.zeros(3, np.int16), 1, 0).read_id) == (
        "read",
        RUN,
        "read",
    )
    assert RUN.extra == {}


def test_records_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        INFO.channel = 3  # pyright: ignore[reportAttributeAccessIssue]
