"""How many errors do the bundled correctors leave, on molecules that nothing was trained or chosen on?

    python benchmarks/correction_accuracy.py

- simulated: 120 molecules of 6 kb with 3 to 16 full passes, of parts of *D. melanogaster* (3L, 3R, X) that
  the training of the bundled models did not see (`--genome`);
- real: two molecules of a Sequel run, 4194382 and 4194375, which neither the simulator nor a model was
  fitted on; intervals over windows of 100 bases, which are too narrow, as these are of one molecule.

Beside each: the CCS reads that they began with, and a majority vote of the passes. `--model` names others.
Needs the files of ../shared; writes correction_accuracy.json and .md into results/.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pysam

from lexome.checkpoint.store import bundled_models, load
from lexome.evaluate.correction import EditRatio
from lexome.io.fastx import read_reference
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.evaluation import CorrectionEvaluation, EvaluationRequest, evaluate_correction
from lexome.tasks.correct.files import CorrectRequest, correct_files
from lexome.tasks.correct.model import open_corrector
from lexome.tasks.correct.simulate import CCS, SUBREADS, TRUTH, simulate_to_folder

RESULTS = Path(__file__).parent / "results"
SHARED = Path(__file__).resolve().parents[2] / "shared/data"
GENOME = SHARED / "dna/genomes/dm1pct.fa.gz"
REAL = SHARED / "pacbio/human_1m_dev"
CONTIGS = ("3L", "3R", "X")
MOLECULES = SubreadConfig(6000.0, 1000.0, 2000, 3, 16)
COUNT, SEED = 120, 201
HELD_OUT = ("m54238_180901_011437/4194382/ccs", "m54238_180901_011437/4194375/ccs")


def judged(model: str, folder: Path, truth: Path, output: Path, skip_above: float) -> CorrectionEvaluation:
    """Corrects the ZMWs of a folder and judges them."""
    subreads, ccs = folder / SUBREADS, folder / CCS
    reads = output / "corrected.bam"
    correct_files(CorrectRequest(subreads, ccs, reads), open_corrector(model, skip_above=skip_above))
    return evaluate_correction(EvaluationRequest(reads, truth, ccs, subreads))


def one_truth(name: str, output: Path) -> Path:
    """The truth of one real molecule."""
    pysam.set_verbosity(0)
    with pysam.AlignmentFile(str(REAL / TRUTH), check_sq=False) as file:
        with pysam.AlignmentFile(str(output), "wb", header=file.header) as kept:
            for record in file.fetch(until_eof=True):
                if record.reference_name == name:
                    kept.write(record)
    return output


def ratio_text(ratio: EditRatio) -> str:
    """A ratio with its interval."""
    interval = ratio.interval_windows if ratio.molecules == 1 else ratio.interval_molecules
    if ratio.ratio is None:
        return "-"
    ends = "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
    return f"{ratio.ratio:.3f}{ends}"


def main(words: Sequence[str] | None = None) -> None:
    """Simulates, corrects, judges, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", help="bundled name or folder (default: all bundled ones)")
    parser.add_argument("--genome", type=Path, default=GENOME)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args(words)
    models = arguments.model or [n for n in bundled_models() if load(n).task == "correct"]
    if not arguments.genome.is_file() or not REAL.is_dir() or not models:
        print("correction_accuracy: skipped: needs the files of ../shared and a model")
        return
    rows, kept = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        genome = read_reference(arguments.genome)
        chosen = {contig: genome[contig] for contig in CONTIGS if contig in genome} or genome
        (folder / "genome.fa").write_text("".join(f">{n}\n{s}\n" for n, s in chosen.items()))
        made = folder / "simulated"
        simulate_to_folder(made, MOLECULES, arguments.count, SEED, reference=folder / "genome.fa")
        sets = {f"simulated, {arguments.count} molecules": (made, made / TRUTH)}
        for number, read in enumerate(HELD_OUT):
            sets[f"real, {read.split('/')[1]}"] = (REAL, one_truth(read, folder / f"truth{number}.bam"))
        for title, (source, truth) in sets.items():
            for model in models:
                for skip_above in (45.0, 0.0):
                    found = judged(model, source, truth, folder, skip_above)
                    own, ccs, vote = (found.sets[k] for k in ("corrected", "ccs", "majority"))
                    ratios = found.edit_ratios
                    rows.append(
                        f"| {title} | `{load(model).name}` | {skip_above:g} | {own.edits} | {ccs.edits} "
                        f"| {vote.edits} | {ratio_text(ratios['ccs'])} | {ratio_text(ratios['majority'])} "
                        f"| {own.reads_q30} / {ccs.reads_q30} / {vote.reads_q30} "
                        f"| {own.perfect_reads} / {ccs.perfect_reads} / {vote.perfect_reads} |"
                    )
                    figures = found.to_json()
                    for key in ("corrected", "truth", "ccs", "subreads"):
                        figures.pop(key)
                    kept.append(
                        {"set": title, "model": load(model).name, "skip_above": skip_above, **figures}
                    )
    head = [
        "| molecules | model | windows kept above | edits | CCS | vote | of CCS (95%) | of the vote (95%) "
        "| reads at empirical Q30: own / CCS / vote | without error |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    text = "\n".join([*head, *rows]) + "\n"
    print(text)
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "correction_accuracy.md").write_text(text)
    (arguments.results / "correction_accuracy.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
