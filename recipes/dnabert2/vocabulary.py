"""One small model for each size of the vocabulary: what they cost and how they do on GUE, in three panels.

    python recipes/dnabert2/vocabulary.py GENOMES... --gue GUE --sets mouse/2,mouse/4 -o vocabulary

For every size from 2**8 to 2**15 the first merges of one BPE training make a tokenizer; a small network
(`SHAPE`) is pre-trained with it on the same number of bases, then fine-tuned on the sets of GUE. The panels
are those of the slides of DNABERT-2: length of sequences in tokens (relative to bases), FLOPs of the slides'
network (relative to the smallest vocabulary), and the mean score, macro over sets and micro over sequences.

A size that is finished is not trained again, so the same command goes on where it was stopped. One seed per
size: differences of a point or two mean nothing.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lexome import __version__
from lexome.checkpoint.store import load
from lexome.features.tokens import bpe_tokenizer
from lexome.report.axes import Axis
from lexome.report.charts import Series, lines
from lexome.report.drawing import as_file
from lexome.tasks.language.corpus import CorpusRequest, prepare_tokens
from lexome.tasks.language.gue import GueRequest, run_gue
from lexome.tasks.language.gue_contenders import contenders
from lexome.tasks.language.gue_networks import TrainingOptions
from lexome.tasks.language.gue_results import read_results
from lexome.tasks.language.gue_summary import summarised
from lexome.tasks.language.pretrain_recipe import OPTIM
from lexome.tasks.language.sequences import read_sequences, windows
from lexome.tasks.language.tokenizer import TokenizerRequest, read_corpus, train_tokenizer
from lexome.tasks.language.tokenizer_figures import sweep_figures
from lexome.tasks.recipe import resolve_recipe
from lexome.tasks.training import train_recipe

SIZES = tuple(2**n for n in range(8, 16))
SHAPE = {
    "size": 96, "num_layers": 3, "num_heads": 8, "hidden": 192, "dropout": 0.1, "conv_widths": [5],
    "initial_std": 0.04,
}  # fmt: skip
ROW_TOKENS, BATCH_SIZE = 128, 32
RESULT, TABLE = "sizes.json", "table.md"


def pretrained(size: int, tokenizer: Any, genomes: Sequence[Path], bases: float, folder: Path) -> Path:
    """The folder of a small model with a vocabulary, pre-trained on about so many bases."""
    model = folder / "training" / "model"
    if (folder / "done").exists():
        return model
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "store").exists():
        sources = [(path.name.split(".")[0], path) for path in genomes]
        report = prepare_tokens(CorpusRequest(sources, tokenizer, ROW_TOKENS), folder / "store")
        (folder / "tokens_per_base").write_text(str(report.tokens / 2 / sum(report.bases.values())))
    per_base = float((folder / "tokens_per_base").read_text())
    steps = max(10, round(bases * per_base / (ROW_TOKENS * BATCH_SIZE)))
    recipe = {
        "task_kind": "language", "name": f"bpe_{size}",
        "architecture": {"name": "dnabert2", "config": SHAPE}, "head": {"name": "masked_lm", "config": {}},
        "task": {
            "stores": [str(folder / "store")], "sampling": 0.5,
            "optim": {**OPTIM, "warmup_steps": min(200, steps // 5)},
        },
        "loop": {
            "steps": steps, "batch_size": BATCH_SIZE, "validate_every": steps, "save_every": 200,
            "device": "cpu",
        },
    }  # fmt: skip
    training = folder / "training"
    train_recipe(
        resolve_recipe(recipe, "vocabulary"),
        training,
        __version__,
        resume=(training / "training.json").exists(),
    )
    (folder / "done").touch()
    return model


def scores(model: Path, size: int, arguments: argparse.Namespace, output: Path) -> dict[str, Any]:
    """Macro and micro averages of a model over the sets."""
    options = TrainingOptions(epochs=arguments.epochs)
    competing = contenders([f"bpe_{size}={model}"], [], [], options, threads=1, device="cpu")
    request = GueRequest(arguments.gue, output, competing, tuple(arguments.sets.split(",")))
    ran = run_gue(request, "recipes/dnabert2/vocabulary.py", resume=True)
    if ran.failures:
        raise SystemExit("\n".join(ran.failures))
    everything = [one for one in read_results(output) if one.contender == f"bpe_{size}"]
    summary = summarised(everything)
    average = next(one for one in summary["averages"] if one["label"] == "all")
    name = f"bpe_{size}"
    return {
        "macro": average["macro"][name]["value"],
        "micro": average["micro"][name],
        "sets": {row["name"]: row["scores"][name]["value"] for row in summary["sets"]},
        "parameters": load(str(model)).num_parameters,
    }


def write(rows: Sequence[dict[str, Any]], output: Path) -> None:
    """The table and the three panels."""
    (output / RESULT).write_text(json.dumps(list(rows), indent=1) + "\n")
    head = (
        "vocabulary",
        "parameters",
        "bases per token",
        "tokens / bases",
        "relative FLOPs",
        "macro",
        "micro",
    )
    table = [" | ".join(head), " | ".join("---:" for _ in head)]
    for row in rows:
        cells = (
            row["vocab_size"], f"{row['parameters']:,}", f"{row['bases_per_token']:.2f}",
            f"{row['length_ratio']:.3f}", f"{row['relative_flops']:.3f}", f"{100 * row['macro']:.1f}",
            f"{100 * row['micro']:.1f}",
        )  # fmt: skip
        table.append(" | ".join(map(str, cells)))
    (output / TABLE).write_text("".join(f"| {line} |\n" for line in table))
    sizes = [row["vocab_size"] for row in rows]
    x = Axis("tokens of the vocabulary", min(sizes) / 1.2, max(sizes) * 1.2, "count", log=True)
    panels = {
        "length": ("tokens per base", ("length_ratio",), "number"),
        "flops": ("FLOPs, relative", ("relative_flops",), "number"),
        "scores": ("MCC, mean over sets", ("macro", "micro"), "percent"),
    }
    for name, (label, keys, style) in panels.items():
        values = [row[key] for row in rows for key in keys]
        margin = 0.1 * (max(values) - min(values)) or 0.1
        y = Axis(label, min(values) - margin, max(values) + margin, style)
        drawn = [Series(key.replace("_", " "), sizes, [row[key] for row in rows]) for key in keys]
        chart = lines(drawn, x, y, description=f"{label} against the size of the vocabulary")
        (output / f"{name}.svg").write_text(as_file(chart))


def main() -> None:
    """Trains what is missing, size by size, and writes the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("genomes", nargs="+", type=Path)
    parser.add_argument("--gue", type=Path, required=True, help="folder with the sets")
    parser.add_argument("--sets", default="complete", help="names, groups or suites, with commas")
    parser.add_argument("--bases", type=float, default=12e6, help="that each model is pre-trained on")
    parser.add_argument("--epochs", type=float, default=3.0, help="of fine-tuning")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    request = TokenizerRequest(arguments.genomes, max(arguments.sizes), max_token_bp=32)
    training = train_tokenizer(request, read_corpus(request)).training
    drawn, _ = windows(read_sequences(arguments.genomes), 500, 2000, 0)
    figures = {row["vocab_size"]: row for row in sweep_figures(training, drawn, arguments.sizes)}
    rows = []
    for size, row in figures.items():
        tokenizer = bpe_tokenizer(training.merges[: size - 9])
        model = pretrained(
            size, tokenizer, arguments.genomes, arguments.bases, arguments.output / f"bpe_{size}"
        )
        rows.append({**row, **scores(model, size, arguments, arguments.output / "gue")})
        write(rows, arguments.output)
        print(f"{size}: macro {rows[-1]['macro']:.4f}, micro {rows[-1]['micro']:.4f}", flush=True)


if __name__ == "__main__":
    main()
