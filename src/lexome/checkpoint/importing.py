"""Turns a model of bonito, dorado, DeepConsensus or DNABERT-2 into a checkpoint folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from lexome.checkpoint.deepconsensus import read_deepconsensus
from lexome.checkpoint.hub import is_hub_name
from lexome.checkpoint.store import Checkpoint, Component, is_checkpoint, load, save
from lexome.core.errors import BadInputError, UsageError
from lexome.decode.consensus import parse_calibration

PARAMETERS = "params.json"  # beside the weights of DeepConsensus
MAX_PARAMETERS_BYTES = 1 << 20


def import_model(source: Path, output: Path) -> Checkpoint:
    """Reads a foreign model, checks that every weight has its layer, and writes it as a checkpoint.

    Args:
        source: folder with config.toml and the weights (weights_N.tar or *.tensor), or of DNABERT-2 with
            config.json and the weights, or its name on the Hugging Face hub; or the weights of DeepConsensus
            as .npz (see `checkpoint.deepconsensus`). If its params.json lies beside these, the calibration of
            the qualities is taken from there.
        output: checkpoint folder to write; its name becomes the model's name.

    Returns:
        What was written.

    Raises:
        UsageError: if `source` is no foreign model or `output` exists.
        BadInputError: if the model is not supported or damaged.
    """
    from lexome.checkpoint.build import build_any_network

    if source.suffix == ".npz" and source.is_file():
        checkpoint = _deepconsensus(source)
    elif source.is_dir() and not is_checkpoint(source):
        checkpoint = load(source)
    elif is_hub_name(str(source)):
        checkpoint = load(str(source))
    else:
        raise UsageError(
            f"{source}: neither the folder of a bonito or dorado model (config.toml and weights) or of "
            "DNABERT-2 (config.json and weights) nor weights of DeepConsensus (.npz)"
        )
    build_any_network(checkpoint)
    origin = {**checkpoint.provenance["imported_from"], "name": checkpoint.name}
    provenance = {**checkpoint.provenance, "name": output.resolve().name, "imported_from": origin}
    checkpoint = replace(checkpoint, provenance=provenance)
    save(output, checkpoint, _card(checkpoint, origin["name"], origin["layout"]))
    return checkpoint


def _deepconsensus(source: Path) -> Checkpoint:
    checkpoint = read_deepconsensus(source)
    parameters = source.with_name(PARAMETERS)
    text = _calibration(parameters) if parameters.is_file() else None
    head = Component(
        checkpoint.head.name, {**checkpoint.head.config, **({"calibration": text} if text else {})}
    )
    return replace(checkpoint, head=head)


def _calibration(parameters: Path) -> str | None:
    """The calibration "threshold,w,b" that DeepConsensus uses with these weights; None if it has none."""
    if parameters.stat().st_size > MAX_PARAMETERS_BYTES:
        raise BadInputError(f"{parameters}: too large for the parameters of DeepConsensus; move it away")
    try:
        data: Any = json.loads(parameters.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise BadInputError(f"{parameters}: not the parameters of DeepConsensus ({error})") from error
    text = data.get("dc_calibration") if isinstance(data, dict) else None
    if text is None or text == "skip":
        return None
    try:
        parse_calibration(str(text))
    except UsageError as error:
        raise BadInputError(f"{parameters}, dc_calibration: {error}") from error
    return str(text)


def _card(checkpoint: Checkpoint, name: str, layout: str) -> str:
    pooler = checkpoint.provenance["imported_from"].get("pooler")
    return (
        f"# {checkpoint.name}\n\n"
        f"Imported by lexome from the {layout} model `{name}`: the same network and weights, "
        f"{checkpoint.num_parameters:,} parameters. Its training and its licence are those of the original; "
        "config.json keeps the original configuration.\n"
        + ("" if pooler is None else f"\nThe layer over the first token (pooler): {pooler}.\n")
    )
