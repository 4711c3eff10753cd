"""What a PacBio instrument does to a template: rates of errors, kinetics, signal-to-noise; kept as JSON.

A profile holds rates and tables only, fitted to real passes by benchmarks/fit_subread_profile.py.

Source: own model; codes of kinetics are PacBio's CodecV1 bytes, taken as they are.
"""

import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np

from lexome.core.errors import BadInputError, UsageError, nearest
from lexome.simulate.hifi_counts import KINDS, MAX_INSERTION_BP, MAX_RUN_BP

BUNDLED = {"sequel": "sequel_subreads.json"}
SHORT_INSERTION_BP = 3  # longer insertions come in bursts: passes differ in them much more than in short ones
LONGEST_RUN_BP = 60  # in the table of seen lengths; longer runs count as this long
_INSERTION_END = 0.85  # of an insertion, after each base
_UNEXPLAINED = 1e-4  # probability of any length whatever the rates say
LEVELS = 1024  # quantiles in the tables of the kinetics
_SHAPES = {
    "run_deleted": (4, MAX_RUN_BP + 1),
    "run_inserted": (4, MAX_RUN_BP + 1),
    "single_deleted": (4, 4, 4),
    "substituted": (4, 4, 4, 4),
    "inserted": (4, 4, 4),
    "insertion_bp": (MAX_INSERTION_BP + 1,),
    "insertion_steps": (4, 4),
    "pulse_codes": (len(KINDS), 4, 256),
    "gap_codes": (len(KINDS), 4, 256),
    "pulse_context": (1024,),
    "gap_context": (1024,),
    "snr_mean": (4,),
}


@dataclass(frozen=True)
class SubreadProfile:
    """One kind of run; base codes A 0, C 1, G 2, T 3, all in native orientation.

    Attributes:
        run_deleted: [base, length]: probability that a base of a homopolymer is lost.
        run_inserted: [base, length]: that a homopolymer gets a short insertion that begins like it.
        single_deleted: [before, base, after]: that a base unlike its neighbours is lost.
        substituted: [before, base, after, read].
        inserted: [before, after, first]: that there is a short insertion unlike both.
        insertion_bp: [length]: shares of all insertions.
        insertion_steps: [base, next] within an insertion.
        long_rate: insertions of more than `SHORT_INSERTION_BP` bases per base.
        pulse_codes: [kind, base, code]: pulse widths; `gap_codes`: the times before the pulses.
        pulse_context: mean normal score of a right base's pulse width by the five bases around it; likewise
            `gap_context`.
        pulse_site_sd: normal scores that all passes over a base of one strand share; likewise `gap_site_sd`.
        passes: by molecule, by pass: factors on the rates of insertions, deletions, substitutions and long
            insertions, and shifts of the normal scores of pulse widths and gaps.
        molecule_sd: of the logarithm of a molecule's own factor on all rates.
        hard_rate: places, per base of a homopolymer after its first, where most passes of one strand read a
            wrong length: a defect of the molecule. `hard_shape` of the gamma distribution of their rate over
            molecules, `hard_longer` the share that are read too long, `hard_seen` the least share of that
            strand's passes that show it (up to all), `hard_other` the most on the other strand (to none).
        draft_sharpness: weight of the draft's log-likelihoods: below 1 it is less sure of itself.
        draft_blur: probability, per base of a homopolymer after its first, that the draft sees its length in
            a pass one too short or too long: what it loses against an ideal reader of the passes.
        snr_mean: signal-to-noise by base; `snr_sd` of the logarithm, common to the four.
    """

    name: str
    run_deleted: np.ndarray
    run_inserted: np.ndarray
    single_deleted: np.ndarray
    substituted: np.ndarray
    inserted: np.ndarray
    insertion_bp: np.ndarray
    insertion_steps: np.ndarray
    long_rate: float
    pulse_codes: np.ndarray
    gap_codes: np.ndarray
    pulse_context: np.ndarray
    gap_context: np.ndarray
    pulse_site_sd: float
    gap_site_sd: float
    passes: tuple[np.ndarray, ...]
    molecule_sd: float
    hard_rate: float
    hard_shape: float
    hard_longer: float
    hard_seen: float
    hard_other: float
    draft_sharpness: float
    draft_blur: float
    snr_mean: np.ndarray
    snr_sd: float

    @cached_property
    def pulse_quantiles(self) -> np.ndarray:
        """[kind, base, level]: the code at each quantile, uint8."""
        return _quantiles(self.pulse_codes)

    @cached_property
    def gap_quantiles(self) -> np.ndarray:
        """As `pulse_quantiles`, of the times before the pulses."""
        return _quantiles(self.gap_codes)

    @cached_property
    def run_lengths_seen(self) -> np.ndarray:
        """Log-probability that a run [base in native orientation, true length] is seen as [length]."""
        size = LONGEST_RUN_BP + 1
        tables = np.zeros((4, size, size))
        longer = (1 - _INSERTION_END) ** np.arange(size) * _INSERTION_END
        for base in range(4):
            for length in range(size):
                at = min(length, MAX_RUN_BP)
                lost = self.run_deleted[base, at] if length else 0.0
                grown = self.run_inserted[base, at] if length else float(self.inserted[:, :, base].mean())
                kept = np.zeros(size)
                kept[0] = 1.0
                for _ in range(length):
                    kept[1:], kept[0] = kept[1:] * lost + kept[:-1] * (1 - lost), kept[0] * lost
                more = np.concatenate([[1 - grown], grown * longer[:-1]])
                tables[base, length] = np.convolve(kept, more)[:size] + _UNEXPLAINED
            tables[base] /= tables[base].sum(1, keepdims=True)
        return np.log(tables)

    def save(self, path: Path) -> None:
        """Writes the profile as JSON, rounded to five digits."""
        values = {k: _plain(v) for k, v in asdict(self).items()}
        lines = [f" {json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in values.items()]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _plain(value):
    if isinstance(value, np.ndarray):
        if np.issubdtype(value.dtype, np.integer):
            return value.tolist()
        rounded = [float(f"{v:.5g}") for v in value.ravel().tolist()]
        return np.array(rounded).reshape(value.shape).tolist()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _quantiles(codes: np.ndarray) -> np.ndarray:
    at = (np.arange(LEVELS) + 0.5) / LEVELS
    share = np.cumsum(codes, axis=-1) / np.maximum(codes.sum(-1, keepdims=True), 1)
    out = np.zeros((*codes.shape[:-1], LEVELS), np.uint8)
    for index in np.ndindex(codes.shape[:-1]):
        out[index] = np.minimum(np.searchsorted(share[index], at), 255)
    return out


def read_subread_profile(path: Path) -> SubreadProfile:
    """Reads a profile.

    Raises:
        BadInputError: if the file is missing, no JSON, lacks a field, or a table has another shape or holds
            something that is no finite number.
    """
    try:
        values = json.loads(path.read_text())
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise BadInputError(f"{path}: is no profile of subreads: {error}") from error
    names = {f.name for f in fields(SubreadProfile)}
    if not isinstance(values, dict) or set(values) != names:
        raise BadInputError(
            f"{path}: is no profile of subreads: its fields are not {', '.join(sorted(names))}"
        )
    for name, shape in _SHAPES.items():
        values[name] = _table(path, name, values[name], shape)
    if not isinstance(values["passes"], list) or not values["passes"]:
        raise BadInputError(f"{path}: the profile has no passes")
    values["passes"] = tuple(_table(path, "passes", rows, (-1, 6)) for rows in values["passes"])
    for name in names - set(_SHAPES) - {"passes", "name"}:
        values[name] = float(_table(path, name, values[name], ()))
    return SubreadProfile(**values)


def _table(path: Path, name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    try:
        table = np.array(value, np.float64)
        if table.ndim != len(shape) or any(w not in (-1, g) for w, g in zip(shape, table.shape, strict=True)):
            raise ValueError(f"has shape {table.shape}, not {shape}")
        if not np.isfinite(table).all():
            raise ValueError("holds a number that is not finite")
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{path}: '{name}' of the profile is wrong: {error}") from error
    return table


def bundled_subread_profile(name: str = "sequel") -> SubreadProfile:
    """Reads a profile that is part of the package.

    Raises:
        UsageError: if there is none of that name.
    """
    if name not in BUNDLED:
        raise UsageError(f"no bundled profile of subreads '{name}'; {nearest(name, BUNDLED)}")
    with resources.as_file(resources.files("lexome.zoo").joinpath(BUNDLED[name])) as path:
        return read_subread_profile(path)
