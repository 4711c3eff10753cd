"""How accurate are the models, on reads never trained or tuned on, beside the calls that came with the reads?

Every read is called and kept; calls are mapped anew with minimap2 (map-ont) and scored by their best primary
alignment (identity = matches / alignment columns); intervals are 95% bootstraps over reads. The calls that
came with the reads, by other callers, are scored in the same way.

    python benchmarks/accuracy.py
    python benchmarks/accuracy.py --models r9.4.1_fast runs/mine/model --results /tmp

By default all bundled R9.4.1 models and the three test sets in ../shared/data/nanopore. Dropping or trimming
reads would flatter identity, so the last column says how many more or fewer reads map, and how much more or
less of them, than of the calls beside it. Writes accuracy.json and accuracy.md into results/.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.checkpoint.store import bundled_models, load

RESULTS = Path(__file__).parent / "results"
NANOPORE = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "nanopore"
Q_RANGE = range(8, 21)
MIN_Q_BASES = 1000
# of the figures: where files lie, and long lists that the table does not need
LEFT_OUT = ("calls", "reference", "substitutions", "contexts", "homopolymers")
HEADINGS = (
    "reads of", "calls by", "mapped", "median (95% interval)", "mean (95% interval)", "pooled", "p10", "p90",
    "coverage", "deletions", "insertions", "substitutions", "Q off by", "mapped, against the others' calls",
)  # fmt: skip


@dataclass(frozen=True)
class TestSet:
    """Reads with a known reference; `their_calls` by another caller."""

    name: str
    reads: str
    reference: str
    their_calls: str
    caller: str


SETS = (
    TestSet(
        "K. pneumoniae", "kpneumoniae_deepnano/kpneumoniae_r94_48reads.pod5",
        "references/K_pneumoniae_MGH78578_GCF_000016305.1.fna.gz", "kpneumoniae_deepnano/expected.fastq.gz",
        "deepnano-blitz, width 64, beam 5",
    ),
    TestSet(
        "16S-23S amplicons of 8 bacteria", "zymo_rrna/zymo_rrna_r941_93reads.pod5",
        "references/zymo-ref-uniq_2019-03-15.fa", "zymo_rrna/embedded.fastq.gz", "the calls in its files",
    ),
    TestSet(
        "lambda, another run (sequence seen in training)", "lambda_marcpaga/lambda_r941_50reads.pod5",
        "references/Lambda_phage.fna", "lambda_marcpaga/lambda_r941_embedded_basecalls.fastq.gz",
        "the calls in its files",
    ),
)  # fmt: skip


def run_lexome(*arguments: object) -> None:
    """Runs a command of lexome; ends with its message if it fails."""
    command = [sys.executable, "-c", "from lexome.cli.main import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"lexome {' '.join(map(str, arguments))}:\n{done.stderr}")


def score(calls: Path, reference: Path, folder: Path) -> dict[str, Any]:
    """The figures of `lexome evaluate reads`."""
    run_lexome("evaluate", "reads", calls, "--reference", reference, "--json", folder / "figures.json")
    return json.loads((folder / "figures.json").read_text())


def quality_error(figures: dict[str, Any]) -> float | None:
    """The most that predicted and empirical quality differ from Q8 to Q20, in bins of enough bases."""
    bins = figures["q_predicted_vs_empirical"]
    differences = [
        abs(one["q_predicted"] - one["q_empirical"])
        for one in bins
        if one["q_predicted"] in Q_RANGE and one["bases"] >= MIN_Q_BASES and one["q_empirical"] is not None
    ]
    return max(differences, default=None)


def gates(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Whether reads were left out or cut, which would look better: how much is mapped, against the others."""
    coverage = ours["coverage_median"] - theirs["coverage_median"]
    return f"reads {ours['mapped'] - theirs['mapped']:+d}, coverage {coverage:+.4f}"


def row(test_set: str, caller: str, figures: dict[str, Any], gate: str) -> tuple[str, ...]:
    """One line of the table."""
    quality = quality_error(figures)

    def with_interval(key: str) -> str:
        low, high = figures["intervals"][key]
        return f"{figures[key]:.4f} ({low:.4f} to {high:.4f})"

    return (
        test_set, caller, f"{figures['mapped']} of {figures['reads']}", with_interval("identity_median"),
        with_interval("identity_mean"),
        *(f"{figures[f'identity_{key}']:.4f}" for key in ("pooled", "p10", "p90")),
        f"{figures['coverage_median']:.4f}",
        *(f"{figures[f'{kind}_rate']:.4f}" for kind in ("deletion", "insertion", "mismatch")),
        "-" if quality is None else f"{quality:.1f}", gate,
    )  # fmt: skip


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """As Markdown."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Calls, scores, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", help="names or folders; default: all bundled for R9.4.1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not NANOPORE.exists():
        print("accuracy: skipped: the reads in ../shared/data/nanopore are not here")
        return
    models = arguments.models or [
        name for name in bundled_models() if load(name).features.get("chemistry") == "r9.4.1"
    ]
    rows: list[tuple[str, ...]] = []
    results: list[dict[str, Any]] = []
    for one in SETS:
        reference = NANOPORE / one.reference
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            theirs = score(NANOPORE / one.their_calls, reference, folder)
            scored = [(one.caller, theirs, "")]
            for model in models:
                calls = folder / f"{len(scored)}.fastq"
                run_lexome(
                    "basecall", NANOPORE / one.reads, "-m", model, "-o", calls, "--threads", arguments.threads
                )
                ours = score(calls, reference, folder)
                scored.append((str(model), ours, gates(ours, theirs)))
        for caller, figures, gate in scored:
            rows.append(row(one.name, caller, figures, gate))
            kept = {key: value for key, value in figures.items() if key not in LEFT_OUT}
            results.append({"set": one.name, "calls_by": caller, "gates": gate, "figures": kept})
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "accuracy.json").write_text(json.dumps(results, indent=1) + "\n")
    (arguments.results / "accuracy.md").write_text(table(rows))


if __name__ == "__main__":
    main()
