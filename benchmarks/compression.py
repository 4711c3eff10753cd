"""What does each way of compressing a basecaller cost in identity, and what does it save?

    python benchmarks/compression.py "int8=r9.4.1_hac:runs/int8/model" "zeros=r9.4.1_hac:runs/sparse/model"

Every row is METHOD=BEFORE:AFTER, two models (bundled names or folders). All models call the same reads: the
loss is the mean difference of identities (matches / alignment columns), read by read, over the reads that
BEFORE maps, with a 95% bootstrap interval over reads; a read that AFTER no longer maps counts as identity 0.
Speeds are from raw signal to bases on one thread, in turn, as medians of rounds. By default the reads of
K. pneumoniae in ../shared, which no model was trained or tuned on. Writes compression.json and
compression.md into results/.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.store import Checkpoint, load
from lexome.compress.sparse_size import stored_size
from lexome.core.config import to_dict
from lexome.evaluate.align import ReadAligner
from lexome.tasks.basecall.model import open_model
from lexome.tasks.bench.accuracy import check_models, find_reads
from lexome.tasks.bench.frontier import costs_of
from lexome.tasks.bench.machine import machine_facts
from lexome.tasks.shrink.auto_reads import call_reads, identity_loss, split_reads, timed_reads
from lexome.tasks.shrink.auto_speed import RoundsConfig, speeds_in_turn
from lexome.tasks.shrink.quantize_figures import weight_bytes

RESULTS = Path(__file__).parent / "results"
NANOPORE = Path(__file__).resolve().parents[2] / "shared/data/nanopore"
READS = NANOPORE / "kpneumoniae_deepnano"
REFERENCE = NANOPORE / "references/K_pneumoniae_MGH78578_GCF_000016305.1.fna.gz"
TIMED_SAMPLES = 400_000
FIGURES = (
    ("parameters", "parameters"), ("parameters_not_zero", "not zero"), ("weight_bytes", "bytes"),
    ("compressed_bytes", "compressed"), ("macs_per_sample", "products per sample"),
    ("peak_activation_bytes", "peak of activations, bytes"), ("samples_per_cpu_s", "samples per CPU-s"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A method, the model before and the one after."""

    method: str
    before: str
    after: str


def read_row(text: str) -> Row:
    """METHOD=BEFORE:AFTER.

    Raises:
        ValueError: if it is not that.
    """
    method, is_there, models = text.partition("=")
    before, colon, after = models.partition(":")
    if not (is_there and colon and method and before and after):
        raise ValueError(f"'{text}' is not METHOD=BEFORE:AFTER")
    return Row(method, before, after)


def sizes(checkpoint: Checkpoint, samples: int) -> dict[str, Any]:
    """What a model is, by its weights and by its operations for a chunk of so many samples."""
    costs = costs_of(checkpoint, samples)
    return {
        "parameters": checkpoint.num_parameters,
        "parameters_not_zero": int(sum(np.count_nonzero(w) for w in checkpoint.weights.values())),
        "weight_bytes": weight_bytes(checkpoint),
        "compressed_bytes": stored_size(checkpoint.weights).compressed_bytes,
        "macs_per_sample": None if costs.uncounted else costs.macs_per_sample,
        "peak_activation_bytes": costs.peak_bytes,
        "quantization": None if checkpoint.quantization is None else checkpoint.quantization["engine"],
    }


def measure(rows: Sequence[Row], arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of all rows."""
    source = find_reads(
        [arguments.reads], arguments.reference, recursive=False, max_reads=arguments.max_reads
    )
    names = list(dict.fromkeys(name for row in rows for name in (row.before, row.after)))
    checkpoints = {name: load(name) for name in names}
    check_models(list(checkpoints.values()), source)
    opened = {name: open_model(one, device="cpu", threads=1) for name, one in checkpoints.items()}
    halves = split_reads(source, [], seed=0)
    ids = [*halves.choosing, *halves.reporting]  # nothing is chosen here: all of them report
    aligner = ReadAligner(source.reference, threads=1)
    called = {name: call_reads(model, source, ids, aligner) for name, model in opened.items()}
    timed = timed_reads(source, ids, TIMED_SAMPLES)
    rounds = RoundsConfig(rounds=arguments.rounds, min_s=0.5)
    speeds = speeds_in_turn(opened, timed, rounds)
    models = {
        name: {
            **sizes(checkpoints[name], model.signal.chunk_size),
            "identity_mean": called[name].identity_mean,
            "identity_median": called[name].identity_median,
            "mapped": len(called[name].mapped),
            "bases": called[name].bases,
            "samples_per_cpu_s": speeds[name].samples_per_cpu_s,
        }
        for name, model in opened.items()
    }
    return {
        "machine": machine_facts("cpu", 1),
        "reads": {**source.described(), "reads": len(ids)},
        "speed": to_dict(rounds),
        "models": models,
        "rows": [
            {
                **to_dict(row),
                "loss": to_dict(identity_loss(called[row.before].identity, called[row.after].identity)),
                "ratios": _ratios(models[row.before], models[row.after]),
            }
            for row in rows
        ],
    }


def _ratios(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float | None]:
    """After by before."""
    return {
        key: after[key] / before[key] if after[key] is not None and before[key] else None
        for key, _ in FIGURES
    }


def table(figures: Mapping[str, Any]) -> str:
    """The rows as Markdown: before, after, ratio."""
    headings = ["method", "model", "identity, mean", "loss, points (95%)", *(name for _, name in FIGURES)]
    lines = [f"| {' | '.join(headings)} |", "| --- " * len(headings) + "|"]
    for row in figures["rows"]:
        for which in ("before", "after"):
            model = figures["models"][row[which]]
            cells = [row["method"] if which == "before" else "", which]
            cells += [f"{model['identity_mean']:.4f}", _loss(row["loss"]) if which == "after" else ""]
            cells += ["" if model[key] is None else f"{model[key]:,.0f}" for key, _ in FIGURES]
            lines.append(f"| {' | '.join(cells)} |")
        ratios = ["" if row["ratios"][key] is None else f"{row['ratios'][key]:.3g}" for key, _ in FIGURES]
        lines.append(f"| {' | '.join(['', 'ratio', '', '', *ratios])} |")
    return "\n".join(lines)


def _loss(loss: Mapping[str, Any]) -> str:
    text = f"{100 * loss['mean']:.2f}"
    if loss["interval"] is not None:
        low, high = loss["interval"]
        text += f" ({100 * low:.2f} to {100 * high:.2f})"
    return text + (f", {loss['unmapped']} unmapped" if loss["unmapped"] else "")


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="+", type=read_row, metavar="METHOD=BEFORE:AFTER")
    parser.add_argument("--reads", type=Path, default=READS)
    parser.add_argument("--reference", type=Path, default=REFERENCE)
    parser.add_argument("--max-reads", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not arguments.reads.exists():
        print("compression: skipped: the reads in ../shared are not here; name others with --reads")
        return
    figures = measure(arguments.rows, arguments)
    print(table(figures))
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "compression.json").write_text(json.dumps(figures, indent=1) + "\n")
    (arguments.results / "compression.md").write_text(table(figures) + "\n")


if __name__ == "__main__":
    main()
