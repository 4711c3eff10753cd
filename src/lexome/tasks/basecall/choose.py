"""Which model fits the reads: `-m auto`, and the check of a model that was named.

A model called on signal of another pore, speed or sample rate gives bases that look like any others and are
mostly wrong; so what contradicts the file's own metadata is refused, with the name of a model that would do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lexome.checkpoint.store import Checkpoint, bundled_models, load
from lexome.core.chemistry import (
    CHEMISTRIES,
    chemistry_of,
    describe_run,
    may_fit,
    possible_kinds,
    why_unknown,
)
from lexome.core.config import from_dict
from lexome.core.errors import UsageError
from lexome.core.records import RunInfo
from lexome.features.signal import SignalConfig
from lexome.io.signal_files import runs_of

AUTO = "auto"
LISTED = 5  # runs or files named in an error
RATE_TOLERANCE = 0.01  # instruments sold as 3 kHz run at 3012 Hz


@dataclass(frozen=True)
class PublishedModels:
    """Models of others that can be opened, for one kind of signal: their names and how to get one."""

    signal: SignalConfig
    names: str
    how: str


def _published(chemistry: str, sample_rate_hz: int, names: str, how: str) -> PublishedModels:
    signal = SignalConfig(sample_rate_hz=sample_rate_hz, chemistry=chemistry)
    return PublishedModels(signal, f"dna_{names}", how)


_OLD_DORADO = "dorado 0.9.6: dorado download --model dna_"
# Names as dorado and bonito publish them. dorado 1.0 dropped all models for R9.4.1 and for R10.4.1 at 4 kHz.
# The usual speed of R10.4.1 stands first: it is proposed for runs that do not state theirs.
PUBLISHED = (
    _published(
        "r9.4.1", 4000, "r9.4.1_e8_{fast,hac,sup}@v3.N", f"{_OLD_DORADO}r9.4.1_e8_fast@v3.4"
    ),
    _published("r10.4", 4000, "r10.4_e8.1_{fast,hac,sup}@v3.4", "from old versions of bonito"),
    _published(
        "r10.4.1_e8.2_400bps", 4000, "r10.4.1_e8.2_400bps_{fast,hac,sup}@v4.1.0",
        f"{_OLD_DORADO}r10.4.1_e8.2_400bps_fast@v4.1.0",
    ),
    _published(
        "r10.4.1_e8.2_260bps", 4000, "r10.4.1_e8.2_260bps_{fast,hac,sup}@v4.1.0",
        f"{_OLD_DORADO}r10.4.1_e8.2_260bps_fast@v4.1.0",
    ),
    _published(
        "r10.4.1_e8.2_400bps", 5000, "r10.4.1_e8.2_400bps_{fast,hac}@v4.2.0 or later",
        "dorado download --model dna_r10.4.1_e8.2_400bps_fast@v5.2.0",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """The model to call with; `notes` are whole sentences for the user, most often none."""

    checkpoint: Checkpoint
    notes: list[str]


def resolve_model(
    model: str | Path, runs: Sequence[RunInfo], files: Sequence[Path] = (), *, force: bool | None = False
) -> Chosen:
    """Loads the model that was asked for, or the bundled one that fits, and checks it against the reads.

    Args:
        model: bundled name, folder, or "auto".
        runs: of all reads that are to be called.
        files: where they are; looked at again only for an error that says which file is what.
        force: call with a named model although it contradicts the runs; None: refuse without offering it.

    Returns:
        The model, and what the user should be told.

    Raises:
        UsageError: if there is no such model, none that fits, or the named one contradicts the runs.
        BadInputError: if the model's folder is damaged.
    """
    if model == AUTO:
        models = bundled_signals()
        name = choose_model(runs, models, files)
        vague = dict.fromkeys(_kind_of(run) for run in runs if chemistry_of(run) != models[name].chemistry)
        said = f" (the reads say no more than {', '.join(vague)})" if vague else ""
        return Chosen(load(name), [f"-m auto: model {name}, for {_kind(models[name])}{said}"])
    checkpoint = load(model)
    if checkpoint.task != "basecall":
        return Chosen(checkpoint, [])  # refused, with its reason, where it is opened
    signal = signal_config(checkpoint)
    return Chosen(checkpoint, check_fit(runs, checkpoint.name, signal, files, force=force))


def bundled_signals() -> dict[str, SignalConfig]:
    """What the bundled basecallers are for, by name; the largest, and so most accurate, first.

    Of two of one size the one in float32 comes first: it calls alike in every engine.
    """
    known = [load(folder) for folder in bundled_models().values()]
    known = sorted(
        (m for m in known if m.task == "basecall"),
        key=lambda m: (-m.num_parameters, m.quantization is not None),
    )
    return {checkpoint.name: signal_config(checkpoint) for checkpoint in known}


def signal_config(checkpoint: Checkpoint) -> SignalConfig:
    """What a basecaller's checkpoint says of its input."""
    return from_dict(SignalConfig, checkpoint.features, f"model {checkpoint.name}, features")


def choose_model(
    runs: Sequence[RunInfo], models: Mapping[str, SignalConfig], files: Sequence[Path] = ()
) -> str:
    """The model for all of these runs.

    Args:
        runs: of all reads.
        models: what there is to choose from, in the order of preference; those that do not say their
            chemistry are never chosen.
        files: as in `resolve_model`.

    Returns:
        The first name that fits.

    Raises:
        UsageError: if the runs do not say what they are, are of several chemistries or sample rates, or
            nothing fits; the message says what was found and what to do.
    """
    if not runs:
        raise UsageError("-m auto: no run can be read from the input; name a model with -m")
    for run in runs:
        if chemistry_of(run) is None:
            raise UsageError(
                f"-m auto: the chemistry of {describe_run(run)}, {run.sample_rate_hz} Hz, is not known: "
                f"{why_unknown(run)}; name a model with -m (see `lexome models list`), or give the folder of "
                "a bonito or dorado model"
            )
    for name, signal in models.items():
        if signal.chemistry is not None and all(_may_call(signal, run) for run in runs):
            return name
    if len(dict.fromkeys(map(_kind_of, runs))) > 1:
        raise UsageError(
            f"-m auto: no bundled model is for all of the input, which holds {_by_kind(runs, files)}; call "
            "these one by one"
        )
    bundled = ", ".join(f"{name} for {_kind(signal)}" for name, signal in models.items()) or "none"
    raise UsageError(
        f"-m auto: no bundled model is for {_by_kind(runs, files)}; bundled: {bundled}; "
        f"{_how_to_get_one(runs[0], {})}"
    )


def check_fit(
    runs: Sequence[RunInfo],
    name: str,
    signal: SignalConfig,
    files: Sequence[Path] = (),
    *,
    force: bool | None = False,
) -> list[str]:
    """Compares a model with the runs it is to call.

    What either side does not say contradicts nothing.

    Args:
        runs: of all reads.
        name: the model's.
        signal: what the model was trained on.
        files: as in `resolve_model`.
        force: warn instead of refusing; None: refuse, and do not offer --force.

    Returns:
        What to tell the user: of runs whose own metadata contradict each other, and with `force` what is
        risked.

    Raises:
        UsageError: if the model is for another chemistry, molecule or sample rate than a run, unless `force`.
    """
    wrong = [run for run in runs if not _may_call(signal, run)]
    if not wrong:
        unclear = [run for run in runs if not possible_kinds(run)] if signal.chemistry is not None else []
        return [_unclear(unclear, f"model {name}, for {_kind(signal)},")] if unclear else []
    found = f"model {name} is for {_kind(signal)}, but there are reads of {_by_kind(wrong, files)}"
    if force:
        return [f"warning: {found}; their bases are likely to be wrong, and nothing in the output shows it"]
    offer = "" if force is None else f"; --force calls them with {name} all the same"
    raise UsageError(
        f"{found}; their bases would be wrong; {_how_to_get_one(wrong[0], bundled_signals())}{offer}"
    )


def _unclear(runs: Sequence[RunInfo], model: str) -> str:
    more = f", and {len(runs) - 1} more," if len(runs) > 1 else ""
    return (
        f"{describe_run(runs[0])}{more} does not say clearly what it is: {why_unknown(runs[0])}; whether "
        f"{model} fits could not be checked"
    )


def _may_call(signal: SignalConfig, run: RunInfo) -> bool:
    rate_hz = signal.sample_rate_hz
    if rate_hz is not None and abs(run.sample_rate_hz - rate_hz) > RATE_TOLERANCE * rate_hz:
        return False
    if signal.chemistry is None:  # it may be any DNA: there are no models for RNA here
        return not _is_rna(run)
    return may_fit(signal.chemistry, chemistry_of(run))


def _is_rna(run: RunInfo) -> bool:
    chemistry = chemistry_of(run)
    return chemistry is not None and CHEMISTRIES[chemistry].molecule == "rna"


def _kind(signal: SignalConfig) -> str:
    rate = "any sample rate" if signal.sample_rate_hz is None else f"{signal.sample_rate_hz} Hz"
    return f"{signal.chemistry or 'an unstated chemistry'} at {rate}"


def _kind_of(run: RunInfo) -> str:
    return f"{chemistry_of(run) or 'an unknown chemistry'} at {run.sample_rate_hz} Hz"


def _by_kind(runs: Sequence[RunInfo], files: Sequence[Path]) -> str:
    """Each kind of read that is there, with the files, or in one file the runs, that are of it."""
    places: dict[str, list[str]] = {}
    for run in runs if len(files) < 2 else ():
        places.setdefault(_kind_of(run), []).append(describe_run(run))
    wanted = {run.run_id for run in runs}
    for file in files if len(files) > 1 else ():
        for kind in dict.fromkeys(_kind_of(run) for run in runs_of([file]) if run.run_id in wanted):
            places.setdefault(kind, []).append(file.name)
    return " and ".join(f"{kind} ({_some(names)})" for kind, names in places.items())


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _how_to_get_one(run: RunInfo, models: Mapping[str, SignalConfig]) -> str:
    """What to do about a run that a model does not fit: one of these that does, or where there is one."""
    if _is_rna(run):
        return "RNA cannot be called with lexome: use dorado (0.9.6 for RNA002)"
    if chemistry_of(run) is not None:
        for name, signal in models.items():
            if signal.chemistry is not None and _may_call(signal, run):
                return f"-m {name} fits"
        for published in PUBLISHED:
            if _may_call(published.signal, run):
                return f"give the folder of such a model with -m: {published.names} ({published.how})"
    return "give the folder of a bonito or dorado model for it with -m"
