"""Synthetic reads and calls with every field set to something that could be told apart."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from uuid import UUID

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.records import Alignment, Basecall, RawRead, ReadInfo, RunInfo
from lexome.io.hts import OutputHeader
from lexome.tasks.basecall.alignment import Aligner


@pytest.fixture(scope="session")
def signal_writers(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    """The writers of FAST5, SLOW5 and BLOW5 files beside this file."""
    return load_file(Path(__file__).with_name("signal_writers.py"))


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


@dataclass(frozen=True)
class AlignedCalls:
    """Calls by what is special about them, with their alignments to a reference of two sequences."""

    reference: Path
    sequences: dict[str, str]
    header: OutputHeader
    calls: dict[str, Basecall]
    alignments: dict[str, tuple[Alignment, ...]]

    def pairs(self) -> list[tuple[Basecall, tuple[Alignment, ...]]]:
        return [(call, self.alignments[kind]) for kind, call in self.calls.items()]


@pytest.fixture
def aligned(make_call, make_run, tmp_path_factory) -> AlignedCalls:
    rng = np.random.default_rng(7)
    one, two = ("".join(rng.choice(list("ACGT"), 8000)) for _ in range(2))
    two = two[:500] + one[5000:7000] + two[2500:]  # a repeat
    written = one[:2000] + "N" * 12 + one[2012:3000].lower() + one[3000:]
    reference = tmp_path_factory.mktemp("reference") / "two.fa"
    reference.write_text(f">one first\n{written}\n>two\n{two}\n")

    def with_errors(truth: str) -> str:
        bases = list(truth)
        for place in rng.permutation(len(bases))[: len(bases) // 12]:
            bases[place] = ["", bases[place] * 2, str(rng.choice(list("ACGT")))][rng.integers(3)]
        return "".join(bases)

    truths = {
        "forward": with_errors(one[1000:1900]),
        "reverse": reverse_complement(with_errors(one[2500:3600])),
        "split": with_errors(one[3200:4400]) + reverse_complement(with_errors(two[4000:4900])),
        "repeat": reverse_complement(with_errors(two[700:2300])),
        "ambiguous": with_errors(one[1600:2600]),
        "unmapped": "".join(rng.choice(list("ACGT"), 700)),
        "empty": "",
        "clipped": "".join(rng.choice(list("ACGT"), 77)) + with_errors(two[6000:7000]) + "ACCA" * 10,
    }
    calls = {
        kind: dataclasses.replace(make_call(number, bases=len(sequence)), sequence=sequence)
        for number, (kind, sequence) in enumerate(truths.items(), 1)
    }
    aligner = Aligner(reference)
    header = OutputHeader(
        [make_run("run-a")], "fast@v1", 6, "1.2.3", "lexome basecall", "cpu",
        sequences=aligner.sequences, aligner=aligner.description,
    )  # fmt: skip
    sequences = {"one": written.upper(), "two": two}
    alignments = {kind: aligner.align(call) for kind, call in calls.items()}
    return AlignedCalls(reference, sequences, header, calls, alignments)
