"""How does accuracy grow with training? Draws the validations of trainings, and says where they are heading.

    python benchmarks/learning_curve.py runs/turbo runs/fast --names r9.4.1_turbo r9.4.1_fast \
        --output docs/figures/learning_curve.svg

Each folder is one of `lexome train`. Horizontal: chunks seen in this training (a training that started from a
model's weights starts at 0 again). Vertical: mean label identity of its validation chunks. As long as the
learning rate falls, an extrapolation is worth little: what is printed is a power law, error = c * chunks^-p,
through the second half of the validations, and what it would give after ten times as many chunks.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from lexome.report.axes import Axis
from lexome.report.charts import Series, lines
from lexome.report.drawing import as_file

METRIC = "label_identity_mean"


def validations(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Chunks seen, and the metric, at every validation."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    batch = json.loads((folder / "training.json").read_text())["recipe"]["loop"]["batch_size"]
    found = [(row["step"] * batch, row["validation"][METRIC]) for row in rows if "validation" in row]
    seen, identity = zip(*found, strict=True)
    return np.array(seen, float), np.array(identity)


def power_law(seen: np.ndarray, identity: np.ndarray) -> tuple[float, float]:
    """(p, identity after ten times as many chunks) of error = c * chunks^-p through the later half."""
    late = slice(len(seen) // 2, None)
    slope, intercept = np.polyfit(np.log(seen[late]), np.log(1 - identity[late]), 1)
    return -slope, 1 - float(np.exp(intercept + slope * np.log(10 * seen[-1])))


def main() -> None:
    """Reads, prints, draws."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--names", nargs="+", help="of the runs; default: their folders' names")
    parser.add_argument("--output", type=Path, default=Path("learning_curve.svg"), help="SVG file")
    arguments = parser.parse_args()
    if not arguments.runs:
        print("learning_curve: skipped: name folders of trainings")
        return
    names = arguments.names or [run.name for run in arguments.runs]
    curves = {name: validations(run) for name, run in zip(names, arguments.runs, strict=True)}
    print("| training | chunks seen | label identity | exponent | after ten times as many |")
    print("|---|---|---|---|---|")
    for name, (seen, identity) in curves.items():
        exponent, later = power_law(seen, identity)
        print(f"| {name} | {seen[-1]:.0f} | {identity[-1]:.4f} | {exponent:.3f} | {later:.4f} |")
    chunks = np.concatenate([seen for seen, _ in curves.values()])
    values = np.concatenate([identity for _, identity in curves.values()])
    chart = lines(
        [Series(name, seen.tolist(), identity.tolist()) for name, (seen, identity) in curves.items()],
        Axis(
            "chunks seen in training", float(chunks.min()) / 1.2, float(chunks.max()) * 1.6, "count", log=True
        ),
        Axis(
            "label identity, mean",
            np.floor(values.min() * 50) / 50,
            np.ceil(values.max() * 50) / 50,
            "percent",
        ),
        description="label identity of validation chunks against chunks seen in training",
    )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(as_file(chart))


if __name__ == "__main__":
    main()
