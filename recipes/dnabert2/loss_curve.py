"""Draws the loss of a pre-training against its steps, with that of the tokens' frequencies alone.

python recipes/dnabert2/loss_curve.py runs/dna_conv/log.jsonl docs/figures/dna_conv_loss.svg
"""

import json
import sys
from pathlib import Path

from lexome.report.axes import Axis
from lexome.report.charts import Series, lines
from lexome.report.drawing import as_file


def main(log: Path, drawing: Path) -> None:
    """Writes the drawing."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    training = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    judged = [(row["step"], row["validation"]) for row in rows if "validation" in row]
    steps = [step for step, _ in judged]
    series = [
        Series("training", *zip(*training, strict=True), markers=False),
        Series("validation", steps, [found["loss"] for _, found in judged]),
        Series("frequencies alone", steps, [found["frequency_loss"] for _, found in judged], markers=False),
    ]
    seen = [y for one in series for y in one.y if one.name != "training"] + [y for _, y in training[1:]]
    margin = 0.05 * (max(seen) - min(seen))
    x = Axis("steps", 0, training[-1][0], "count")
    y = Axis("loss of hidden tokens, nats", min(seen) - margin, max(seen) + margin)
    chart = lines(series, x, y, description=f"Loss of the pre-training in {log.parent.name}")
    drawing.write_text(as_file(chart), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python loss_curve.py LOG SVG")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
