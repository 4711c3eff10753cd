"""The card (README.md) that every trained model carries."""

import json

from lexome.checkpoint.store import Checkpoint


def model_card(checkpoint: Checkpoint) -> str:
    """Writes the card: what the model is, how it was made, how it validates; from the checkpoint alone."""
    provenance = checkpoint.provenance
    lines = [
        f"# {checkpoint.name}",
        "",
        f"A {checkpoint.task} network made by lexome: {checkpoint.architecture.name} with a "
        f"{checkpoint.head.name} head, {checkpoint.num_parameters:,} parameters.",
        "",
        "## How it was made",
        "",
    ]
    for key, value in provenance.items():
        if key not in ("name", "validation", "stores"):
            lines.append(f"- {key}: {value if isinstance(value, str | int | float) else json.dumps(value)}")
    validation = provenance.get("validation")
    if validation:
        lines += ["", "## Validation (on what was held out)", ""]
        lines += [f"- {name}: {value:.4f}" for name, value in validation.items()]
    return "\n".join(lines)
