"""The instrument's metadata as FAST5 and SLOW5 keep them -> records, under the names that POD5 gives them.

MinKNOW writes the same facts into all three formats: `tracking_id` (the run) and `context_tags` (its
settings), and fields of each read. POD5 has columns of its own for the more important ones; here they are
filled as a conversion to POD5 would, so that whatever reads `extra` need not know the format.

Source: MinKNOW's files and the conversion of ONT's pod5 tools. Differs: `experiment_name` is filled with
`protocol_group_id`, which is the same in files that have both; `software`, which FAST5 lacks, stays empty.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from lexome.core.records import ReadInfo, RunInfo
from lexome.io.signal_checks import check_signal
from lexome.io.times import iso_utc, milliseconds_of

# Columns of POD5's read table, by type; POD5 keeps numbers with a point in 32 bits.
_FLOATS = frozenset(
    "median_before tracked_scaling_shift tracked_scaling_scale predicted_scaling_shift "
    "predicted_scaling_scale time_since_mux_change open_pore_level expected_open_pore_level "
    "selected_read_level".split()
)

_COUNTS = frozenset(("num_minknow_events", "num_reads_since_mux_change"))
# Fields with a place of their own in the records, and the bound of their type in POD5.
_PLACES = {"channel_number": 2**32, "start_mux": 2**8, "read_number": 2**32, "start_time": 2**64}

# FAST5's numbers of end reasons, for files that do not spell them out.
END_REASONS = (
    *("unknown", "partial", "mux_change", "unblock_mux_change", "data_service_unblock_mux_change"),
    *("signal_positive", "signal_negative", "api_request", "device_data_error"),
    *("analysis_config_change", "paused"),
)
_NOT_FORCED = ("unknown", "signal_positive", "signal_negative")
_MAX_RATE_HZ = 1_000_000


def run_info(
    run_id: str,
    tracking_id: Mapping[str, str],
    context_tags: Mapping[str, str],
    sample_rate_hz: float,
    digitisation: float | None,
    columns: Mapping[str, str] | None = None,
) -> RunInfo:
    """The run that these metadata describe.

    Args:
        run_id: the acquisition's id.
        tracking_id: MinKNOW's facts of the run.
        context_tags: its settings.
        sample_rate_hz: samples per second.
        digitisation: number of values that a sample can have; None if not known.
        columns: facts that the file has under the names of POD5's run table; they win.

    Raises:
        ValueError: if the sample rate makes no sense.
    """
    if not 0 < sample_rate_hz <= _MAX_RATE_HZ:
        raise ValueError(f"its sample rate is {sample_rate_hz:g}")
    columns = columns or {}

    def text(column: str, *names: str) -> str:
        """The column's value, else the first of these that is known."""
        values = [columns.get(column), *(tracking_id.get(n) or context_tags.get(n) for n in names)]
        return next((value for value in values if value), "")

    signed = digitisation == 8192  # MinION's converter; all others count from 0
    lowest = -4096 if signed else 0
    highest = lowest + int(digitisation or 0) - 1 if digitisation and digitisation < 2**20 else 0
    extra = {
        "adc_max": whole(columns.get("adc_max"), highest),
        "adc_min": whole(columns.get("adc_min"), lowest),
        "context_tags": dict(context_tags),
        "experiment_name": text("experiment_name", "protocol_group_id"),
        "flow_cell_product_code": text("flow_cell_product_code", "flow_cell_product_code"),
        "protocol_name": text("protocol_name", "exp_script_name"),
        "protocol_run_id": text("protocol_run_id", "protocol_run_id"),
        "protocol_start_time": utc_time(text("protocol_start_time", "protocol_start_time")),
        "sample_id": text("sample_id", "sample_id"),
        "sequencing_kit": text("sequencing_kit", "sequencing_kit", "experiment_kit"),
        "sequencer_position": text("sequencer_position", "device_id"),
        "sequencer_position_type": text("sequencer_position_type", "device_type"),
        "software": text("software"),
        "system_name": text("system_name", "host_product_serial_number"),
        "system_type": text("system_type", "host_product_code"),
        "tracking_id": dict(tracking_id),
    }
    return RunInfo(
        run_id=run_id,
        flow_cell=text("flow_cell_id", "flow_cell_id"),
        sample_rate_hz=round(sample_rate_hz),
        device=tracking_id.get("device_id") or extra["sequencer_position"],
        start_time_utc=utc_time(text("acquisition_start_time", "exp_start_time")),
        extra=extra,
    )


def read_info(
    read_id: str, fields: Mapping[str, Any], num_samples: int, run: RunInfo, source: str
) -> ReadInfo:
    """What these fields say of a read.

    Args:
        read_id: its id.
        fields: all fields of the file but for the signal, under MinKNOW's names; None is "not known", the end
            reason a word or FAST5's number.
        num_samples: the length of its signal.
        run: its run.
        source: the file's name.

    Raises:
        ValueError: if a number is none, or too large.
    """
    places = {name: whole(fields.get(name), 0, below) for name, below in _PLACES.items()}
    end_reason = _end_reason(fields.get("end_reason"))
    extra = {
        name: _column(name, value)
        for name, value in fields.items()
        if name not in _PLACES and name != "end_reason" and _is_known(value)
    }
    extra.setdefault("pore_type", "not_set")
    extra.setdefault("end_reason_forced", end_reason not in _NOT_FORCED)
    return ReadInfo(
        read_id=read_id,
        num_samples=num_samples,
        channel=places["channel_number"],
        mux=places["start_mux"],
        read_number=places["read_number"],
        start_sample=places["start_time"],
        end_reason=end_reason,
        run=run,
        source=source,
        extra=extra,
    )


def calibration(digitisation: float, range_pa: float, offset: float, num_samples: int) -> tuple[float, float]:
    """Scale and offset (pA = scale * (raw + offset)) of a read, rounded to 32 bits as POD5 keeps them.

    Raises:
        ValueError: if they make no sense, or the read has no or too many samples.
    """
    with np.errstate(over="ignore"):
        scale = float(np.float32(range_pa / digitisation)) if digitisation else math.nan
        offset = float(np.float32(offset))
    check_signal(num_samples, scale, offset)
    return scale, offset


def check_rate(sample_rate_hz: float, run: RunInfo) -> None:
    """Refuses a read that was not sampled as often as its run.

    Raises:
        ValueError: if so.
    """
    if not abs(sample_rate_hz - run.sample_rate_hz) < 1:
        raise ValueError(f"it was sampled at {sample_rate_hz:g} Hz, its run at {run.sample_rate_hz} Hz")


def utc_time(text: str) -> str:
    """A time in MinKNOW's files as POD5 says it: in UTC, whole milliseconds; "" if not known.

    Args:
        text: ISO 8601, or in the oldest files seconds since 1970.
    """
    try:
        if re.fullmatch(r"\d{9,10}(\.\d{1,9})?", text):
            return iso_utc(int(float(text) * 1000))
        return iso_utc(milliseconds_of(text))
    except ValueError:
        return ""  # a date outside the years 1 to 9999


def whole(value: Any, missing: int, below: int = 2**32) -> int:
    """A whole number, which files also keep as text or with a point.

    Args:
        value: what the file has; None or "" if it has none.
        missing: the answer then.
        below: the number must be smaller, and fit 32 bits with a sign if it is negative.

    Raises:
        ValueError: if it is no such number.
    """
    if value is None or value == "":
        return missing
    try:
        number = int(value)
    except (ValueError, OverflowError, TypeError) as error:
        raise ValueError(f"'{str(value)[:40]}' should be a whole number") from error
    if not -(2**31) <= number < below:
        raise ValueError(f"{number} is too large a number for what it should be")
    return number


def _end_reason(value: Any) -> str:
    if not isinstance(value, str):
        number = whole(value, 0)
        value = END_REASONS[number] if 0 <= number < len(END_REASONS) else ""
    value = value.lower()
    return "unknown" if value in ("", "partial") else value  # POD5 has no partial reads


def _column(name: str, value: Any) -> Any:
    """A value as POD5's column of this name would give it; of other names as it is."""
    if name in _COUNTS:
        return whole(value, 0, 2**64)
    if name in _FLOATS:
        with np.errstate(over="ignore"):  # what 32 bits cannot hold is infinite
            return float(np.float32(value))
    return value


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
