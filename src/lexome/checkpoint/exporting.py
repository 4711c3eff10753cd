"""Writes a model as a folder that bonito or dorado reads.

What the other program cannot run exactly is refused by name. What is written is read back and compared before
the folder gets its name.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.bonito import read_bonito
from lexome.checkpoint.dorado import read_dorado
from lexome.checkpoint.export_bonito import bonito_form, write_bonito_weights
from lexome.checkpoint.export_dorado import dorado_form, write_dorado_weights
from lexome.checkpoint.export_network import Form, plain_network
from lexome.checkpoint.ont import CONFIG_NAME
from lexome.checkpoint.ont_sublayers import Layout
from lexome.checkpoint.store import Checkpoint
from lexome.checkpoint.toml_text import to_toml
from lexome.core.config import from_dict
from lexome.core.errors import LexomeError, UsageError
from lexome.features.signal import ScalingConfig, SignalConfig, fit_to_stride

# What an imported model's configuration says beyond its network and input; the rest tells of its training.
KEPT_KEYS = {
    "input": ("n_pre_post_context_bases",),
    "qscore": ("mean_qscore_start_pos",),
    "basecaller": ("batchsize", "chunksize", "overlap", "quantize"),
}
BATCH_SIZE = 64


@dataclass(frozen=True)
class _Program:
    form: Callable[[Checkpoint], Form]
    write: Callable[[Path, dict[str, np.ndarray]], None]
    read: Callable[[Path], Checkpoint]


PROGRAMS: dict[Layout, _Program] = {
    "bonito": _Program(bonito_form, write_bonito_weights, read_bonito),
    "dorado": _Program(dorado_form, write_dorado_weights, read_dorado),
}


def export_model(checkpoint: Checkpoint, layout: Layout, output: Path) -> tuple[str, ...]:
    """Writes a basecaller in the layout of another program.

    Args:
        checkpoint: the model.
        layout: "bonito" (config.toml and weights_1.tar) or "dorado" (config.toml and one file per weight).
        output: folder to write; it appears complete or not at all.

    Returns:
        What the user should know about the result, one sentence each.

    Raises:
        UsageError: if something is at `output`, or the program does not have what the model needs.
        LexomeError: if the folder cannot be written.
    """
    if output.exists():
        raise UsageError(f"{output}: exists already; choose another output folder or remove it first")
    program = PROGRAMS[layout]
    form = program.form(checkpoint)
    signal = from_dict(SignalConfig, checkpoint.features, f"model {checkpoint.name}, features")
    signal = fit_to_stride(signal, form.chunk_multiple)
    if layout == "dorado" and signal.sample_rate_hz is None and not output.name.startswith("dna_"):
        raise UsageError(
            f"model {checkpoint.name} does not say its sample rate; then dorado takes the molecule from the "
            f"folder's name: let it begin with dna_, for example {output.with_name(f'dna_{output.name}')}"
        )
    config = _config(checkpoint, form, signal)
    with _written_whole(output) as folder:
        (folder / CONFIG_NAME).write_text(to_toml(config), encoding="utf-8")
        program.write(folder, form.foreign)
        _compare(program.read(folder), form, checkpoint, signal, layout)
    return form.notes


def _config(checkpoint: Checkpoint, form: Form, signal: SignalConfig) -> dict[str, Any]:
    """All of config.toml: what an imported model came with where it still holds, the rest from the model."""
    original = checkpoint.provenance.get("imported_from", {}).get("config", {})
    kept = {
        section: {key: value for key, value in original.get(section, {}).items() if key in keys}
        for section, keys in KEPT_KEYS.items()
    }
    head = checkpoint.head.config
    qscore = {"scale": float(head.get("qscore_scale", 1.0)), "bias": float(head.get("qscore_bias", 0.0))}
    # dorado wants a sample rate in this section; without one it must be left out as a whole
    run_info = {"sample_rate": signal.sample_rate_hz, "sample_type": "dna"}
    return {
        "labels": {"labels": ["N", "A", "C", "G", "T"]},
        "input": {"features": 1, **kept["input"]},
        "qscore": {**qscore, **kept["qscore"]},
        **_scaling(signal.scaling),
        **({} if signal.sample_rate_hz is None else {"run_info": run_info}),
        "basecaller": {
            "batchsize": BATCH_SIZE,
            **kept["basecaller"],
            **_chunks(kept["basecaller"], signal, form.chunk_multiple),
        },
        **form.sections,
    }


def _chunks(kept: dict[str, Any], signal: SignalConfig, multiple: int) -> dict[str, int]:
    """Chunk size and overlap; the original ones if they are these before rounding to the network's steps."""
    chunks = {}
    for key, grain, ours in (
        ("chunksize", multiple, signal.chunk_size),
        ("overlap", 2 * multiple, signal.overlap),
    ):
        theirs = kept.get(key)
        chunks[key] = theirs if isinstance(theirs, int) and theirs // grain * grain == ours else ours
    return chunks


def _scaling(scaling: ScalingConfig) -> dict[str, Any]:
    """The sections on scaling, always said in full: left out, they would depend on the folder's name."""
    sections: dict[str, Any] = {"scaling": {"strategy": scaling.method}}
    if scaling.method == "pa":
        plain = (scaling.mean, scaling.stdev) == (0.0, 1.0)
        numbers = {"mean": float(scaling.mean), "stdev": float(scaling.stdev)}
        sections["standardisation"] = {"standardise": 0} if plain else {"standardise": 1, **numbers}
    if scaling.method == "quantile":
        keys = ("quantile_a", "quantile_b", "shift_multiplier", "scale_multiplier")
        sections["normalisation"] = {key: float(getattr(scaling, key)) for key in keys}
    return sections


@contextmanager
def _written_whole(output: Path) -> Iterator[Path]:
    """A folder beside the output to write into; it is renamed when all is written, else removed."""
    partial = output.with_name(f"{output.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            yield partial
            os.replace(partial, output)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    except OSError as error:
        raise LexomeError(f"{output}: cannot be written ({error.strerror or error})") from error


def _compare(
    read: Checkpoint, form: Form, checkpoint: Checkpoint, signal: SignalConfig, layout: Layout
) -> None:
    """Stops unless what was written reads back as what was meant, number by number."""
    back, meant = plain_network(read, layout), form.network
    same = {
        "network": (back.encoder, back.scorer) == (meant.encoder, meant.scorer),
        "weights": back.weights.keys() == meant.weights.keys()
        and all(np.array_equal(back.weights[name], weight) for name, weight in meant.weights.items()),
        "quality calibration": all(
            read.head.config[key] == checkpoint.head.config.get(key, default)
            for key, default in (("qscore_scale", 1.0), ("qscore_bias", 0.0))
        ),
        "scaling": from_dict(ScalingConfig, read.features["scaling"], "scaling") == signal.scaling,
        "sample rate": signal.sample_rate_hz in (None, read.features["sample_rate_hz"]),
        "chunks": (read.features["chunk_size"], read.features["overlap"])
        == (signal.chunk_size, signal.overlap),
    }
    different = [name for name, is_same in same.items() if not is_same]
    if different:
        raise LexomeError(
            f"model {checkpoint.name}: written for {layout} it does not read back the same "
            f"({', '.join(different)} differ); nothing was written; this is a defect of lexome"
        )
