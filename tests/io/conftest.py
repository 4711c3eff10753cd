"""Synthetic reads and calls with every field set to something that could be told apart."""

from collections.abc import Callable
from uuid import UUID

import numpy as np
import pytest

from lexome.core.records import Basecall, RawRead, ReadInfo, RunInfo


@pytest.fixture
def make_run() -> Callable[..., RunInfo]:
    def make(run_id: str = "run-a", **changes) -> RunInfo:
        extra = {
            "adc_min": -2048,
            "adc_max": 2047,
            "context_tags": {"package": "none", "sample_frequency": "5000"},
            "tracking_id": {"device_id": "MN12345", "asic_id": "77"},
            "protocol_start_time": "2025-02-05T22:00:00.500000+00:00",
            "experiment_name": "an experiment",
            "flow_cell_product_code": "FLO-MIN114",
            "protocol_name": "sequencing/a_protocol",
            "protocol_run_id": "protocol-run",
            "sample_id": "sample one",
            "sequencing_kit": "sqk-lsk114",
            "sequencer_position": "X1",
            "sequencer_position_type": "gridion",
            "software": "MinKNOW 1",
            "system_name": "GXB1",
            "system_type": "GridION Mk1",
        }
        values = {
            "run_id": run_id,
            "flow_cell": "FAB42",
            "sample_rate_hz": 5000,
            "device": "MN12345",
            "start_time_utc": "2025-02-05T23:08:58.101000+00:00",
            "extra": extra,
        }
        return RunInfo(**(values | changes))

    return make


@pytest.fixture
def make_read(make_run) -> Callable[..., RawRead]:
    def make(number: int = 1, run: RunInfo | None = None, samples: int = 3000, **changes) -> RawRead:
        rng = np.random.default_rng(number)
        extra = {
            "pore_type": "a_pore",
            "median_before": 201.5,
            "end_reason_forced": False,
            "num_minknow_events": 1000 + number,
            "tracked_scaling_scale": 0.5,
            "tracked_scaling_shift": 0.25,
            "predicted_scaling_scale": 0.125,
            "predicted_scaling_shift": 4.5,
            "num_reads_since_mux_change": 3,
            "time_since_mux_change": 2.5,
            "open_pore_level": 199.5,
            "expected_open_pore_level": 198.5,
            "selected_read_level": 90.25,
        }
        values = {
            "read_id": str(UUID(int=number)),
            "num_samples": samples,
            "channel": 100 + number,
            "mux": 1 + number % 4,
            "read_number": 5000 + number,
            "start_sample": 123_456 * number,
            "end_reason": "signal_positive",
            "run": run or make_run(),
            "source": "reads.pod5",
            "extra": extra,
        }
        read = {
            "raw": rng.integers(-2048, 2047, samples).astype(np.int16),
            "scale": 0.1875,
            "offset": -12.0,
        }
        for name in list(changes):
            if name in read:
                read[name] = changes.pop(name)
        return RawRead(ReadInfo(**(values | changes)), **read)

    return make


@pytest.fixture
def make_call(make_read) -> Callable[..., Basecall]:
    def make(number: int = 1, bases: int = 200, stride: int = 6, **changes) -> Basecall:
        rng = np.random.default_rng(1000 + number)
        info = changes.pop("info", None) or make_read(number, samples=bases * 12 + 10).info
        moves = np.zeros(bases * 2, np.uint8)
        moves[np.sort(rng.permutation(bases * 2)[:bases])] = 1
        values = {
            "info": info,
            "sequence": "".join(rng.choice(list("ACGT"), bases)),
            "qualities": rng.integers(1, 50, bases).astype(np.uint8),
            "moves": moves,
            "stride": stride,
            "trimmed_samples": 10,
            "shift_pa": 94.0,
            "scale_pa": 24.5,
            "scaling_method": "quantile",
            "model_name": "fast@v1",
        }
        return Basecall(**(values | changes))

    return make
