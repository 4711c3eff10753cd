"""Turns a model of bonito or dorado into a checkpoint folder."""

from dataclasses import replace
from pathlib import Path

from lexome.checkpoint.store import CONFIG_FILE, Checkpoint, load, save
from lexome.core.errors import UsageError


def import_model(source: Path, output: Path) -> Checkpoint:
    """Reads a foreign model, checks that every weight has its layer, and writes it as a checkpoint.

    Args:
        source: folder with config.toml and the weights (weights_N.tar or *.tensor).
        output: checkpoint folder to write; its name becomes the model's name.

    Returns:
        What was written.

    Raises:
        UsageError: if `source` is no foreign model or `output` exists.
        BadInputError: if the model is not supported or damaged.
    """
    from lexome.checkpoint.build import build_network

    if not source.is_dir() or (source / CONFIG_FILE).exists():
        raise UsageError(f"{source}: not the folder of a bonito or dorado model (config.toml and weights)")
    checkpoint = load(source)
    build_network(checkpoint)
    origin = {**checkpoint.provenance["imported_from"], "name": checkpoint.name}
    provenance = {**checkpoint.provenance, "name": output.resolve().name, "imported_from": origin}
    checkpoint = replace(checkpoint, provenance=provenance)
    save(output, checkpoint, _card(checkpoint, origin["name"], origin["layout"]))
    return checkpoint


def _card(checkpoint: Checkpoint, name: str, layout: str) -> str:
    return (
        f"# {checkpoint.name}\n\n"
        f"Imported by lexome from the {layout} model `{name}`: the same network and weights, "
        f"{checkpoint.num_parameters:,} parameters. Its training and its licence are those of the original; "
        "config.json keeps the original configuration.\n"
    )
