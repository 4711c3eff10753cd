"""Translates the config.toml of ONT's CRF basecallers; the two on-disk layouts of their weights share it.

Anything that is not understood is an error that names it: a nearly right network calls nearly nothing.

Source: the published models of bonito and dorado, and dorado's rules for models without a named scaling.
Differs: the chunk size is rounded down to what the stride divides (of a transformer: the stride before its
upsampling) and the overlap to what twice the stride divides, so
that chunks can be joined at a step.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.ont_layers import Layers, read_sublayers, sublayers_of_flat
from lexome.checkpoint.ont_sublayers import Layout
from lexome.checkpoint.ont_transformer import TransformerLayers, read_transformer, without_constants
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.chemistry import model_chemistry, model_sample_rate_hz
from lexome.core.config import read_toml
from lexome.core.errors import BadInputError

CONFIG_NAME = "config.toml"
CHUNK_SIZE = 10_000
OVERLAP = 500
QUANTILES = {"quantile_a": 0.2, "quantile_b": 0.9, "shift_multiplier": 0.51, "scale_multiplier": 0.53}
PACKAGES = ("bonito.crf", "bonito.transformer")
LISTED = 5


def read_config(folder: Path, layout: Layout) -> tuple[Checkpoint, dict[str, str]]:
    """Reads the config.toml of a foreign model.

    Args:
        folder: the model's folder; its name is the model's name.
        layout: whose weights lie beside it.

    Returns:
        A checkpoint without weights, and the table foreign weight name -> name of ours.

    Raises:
        BadInputError: for anything that this package cannot run exactly; the message names it.
    """
    path = folder / CONFIG_NAME
    name = folder.resolve().name
    config = read_toml(path)
    try:
        _check_kind(config, name)
        layers = _layers(config, layout)
        qscore = config.get("qscore", {})
        calibration = {
            "qscore_scale": float(qscore.get("scale", 1.0)),
            "qscore_bias": float(qscore.get("bias", 0.0)),
        }
        features = _features(config, name, layers.chunk_multiple)
    except KeyError as error:
        raise BadInputError(f"{path}: {error} is missing") from error
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise BadInputError(f"{path}: {error}") from error
    config = json.loads(json.dumps(config, default=str))  # TOML knows dates, JSON does not
    checkpoint = Checkpoint(
        task="basecall",
        architecture=Component(layers.architecture, layers.encoder),
        head=Component("crf", {**layers.scorer, **calibration}),
        features=features,
        provenance={"name": name, "imported_from": {"layout": layout, "config": config}},
    )
    return checkpoint, layers.renames


def with_weights(
    checkpoint: Checkpoint, renames: Mapping[str, str], foreign: Mapping[str, np.ndarray], where: Path
) -> Checkpoint:
    """Adds weights under our names; every one must be used and every name be filled.

    Raises:
        BadInputError: naming the weights that are missing or left over.
    """
    if checkpoint.architecture.name == TransformerLayers.architecture:
        try:
            foreign = without_constants(foreign, checkpoint.architecture.config)
        except ValueError as error:
            raise BadInputError(f"{where}: {error}") from error
    missing = sorted(renames.keys() - foreign.keys())
    extra = sorted(foreign.keys() - renames.keys())
    for names, complaint in ((missing, "are missing"), (extra, "belong to no layer of config.toml")):
        if names:
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            raise BadInputError(f"{where}: these weights {complaint}: {', '.join(names[:LISTED])}{more}")
    return replace(checkpoint, weights={ours: foreign[theirs] for theirs, ours in renames.items()})


def _check_kind(config: Mapping[str, Any], name: str) -> None:
    package = config.get("model", {}).get("package", "bonito.crf")
    if package not in PACKAGES:
        raise ValueError(
            f"models of the kind '{package}' are not supported (supported: {', '.join(PACKAGES)})"
        )
    labels = config.get("labels", {}).get("labels", ["N", "A", "C", "G", "T"])
    if labels != ["N", "A", "C", "G", "T"]:
        raise ValueError(f"the labels must be N, A, C, G, T, not {labels}")
    if config.get("input", {}).get("features", 1) != 1:
        raise ValueError("only one input feature (the signal) is supported")
    sample_type = config.get("run_info", {}).get("sample_type", "rna" if name.startswith("rna") else "dna")
    if str(sample_type).lower() != "dna":
        raise ValueError(f"this is a model for {sample_type}; only models for DNA are supported")


def _layers(config: Mapping[str, Any], layout: Layout) -> Layers | TransformerLayers:
    if config.get("model", {}).get("package") == "bonito.transformer":
        return read_transformer(config["model"], layout)
    encoder = config["encoder"]
    kind = encoder.get("type", "serial")
    if kind != "serial":
        raise ValueError(f"an encoder of type '{kind}' is not supported, only 'serial'")
    if "sublayers" in encoder:
        return read_sublayers(encoder["sublayers"], layout)
    return read_sublayers(sublayers_of_flat(encoder, config["global_norm"]["state_len"]), layout)


def _features(config: Mapping[str, Any], name: str, multiple: int) -> dict[str, Any]:
    sample_rate = config.get("run_info", {}).get("sample_rate")
    basecaller = config.get("basecaller", {})
    chunk_size = int(basecaller.get("chunksize", CHUNK_SIZE)) // multiple * multiple
    overlap = int(basecaller.get("overlap", OVERLAP)) // (2 * multiple) * (2 * multiple)
    if not 0 <= overlap < chunk_size:
        raise ValueError(f"[basecaller]: chunk size {chunk_size} and overlap {overlap} do not fit together")
    return {
        "scaling": _scaling(config, name),
        "sample_rate_hz": model_sample_rate_hz(name) if sample_rate is None else int(sample_rate),
        "chunk_size": chunk_size,
        "overlap": overlap,
        "chemistry": model_chemistry(name),
    }


def _scaling(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    strategy = config["scaling"]["strategy"] if "scaling" in config else _unnamed_strategy(config, name)
    if strategy == "pa":
        standardisation = config.get("standardisation", {})
        if not standardisation.get("standardise", 0):
            return {"method": "pa", "mean": 0.0, "stdev": 1.0}
        return {
            "method": "pa",
            "mean": float(standardisation["mean"]),
            "stdev": float(standardisation["stdev"]),
        }
    if strategy == "quantile":
        given = config.get("normalisation", {})
        return {
            "method": "quantile",
            **{key: float(given.get(key, value)) for key, value in QUANTILES.items()},
        }
    if strategy == "med_mad":
        return {"method": "med_mad"}
    raise ValueError(f"scaling strategy '{strategy}' is not known (known: pa, quantile, med_mad)")


def _unnamed_strategy(config: Mapping[str, Any], name: str) -> str:
    """The scaling of models older than the section [scaling]: R9.4.1 took median and MAD, R10 quantiles."""
    if "encoder" not in config:
        raise ValueError("[scaling] is missing")
    if "normalisation" in config:
        return "quantile"
    flat = "sublayers" not in config["encoder"]
    return "med_mad" if flat and not name.startswith("dna_r10") else "quantile"
