"""The whole job in small: simulate a run, call it, score it, report it. What `lexome demo` does."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lexome.core.errors import UsageError
from lexome.evaluate.reads import FileEvaluation, evaluate_file
from lexome.simulate.genome import random_genome
from lexome.simulate.pore import PoreConfig
from lexome.tasks.basecall.files import CallSummary, call_files
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.basecall.simulate import SimulatedTotals, simulate_to_files
from lexome.tasks.evaluation import write_evaluation

FILES = ("reference.fa", "reads.pod5", "truth.bam", "calls.bam", "evaluation.json", "report.html")


@dataclass(frozen=True)
class DemoResult:
    """What the demo made: totals of each stage and the scores."""

    simulated: SimulatedTotals
    called: CallSummary
    evaluation: FileEvaluation


def run_demo(
    folder: Path,
    *,
    model: str,
    reads: int,
    mean_length_bp: float,
    genome_bp: int,
    seed: int,
    threads: int,
    version: str,
    command_line: str = "lexome demo",
    say: Callable[[str], None] = lambda line: None,
) -> DemoResult:
    """Runs the demo.

    Args:
        folder: gets reference.fa, reads.pod5, truth.bam, calls.bam, evaluation.json and report.html. It is
            made, or empty, or that of an earlier demo, which is replaced.
        model: what calls.
        reads: number of reads to simulate.
        mean_length_bp: of the reads.
        genome_bp: length of the random genome.
        seed: the same seed gives the same calls.
        threads: for calling and scoring.
        version: of lexome.
        command_line: as the user gave it, for the header of the calls and the report.
        say: told what is being done, with the command that does the same.

    Raises:
        UsageError: for an unknown model, or a folder that holds something else.
        LexomeError: if a stage fails.
    """
    opened = open_model(model, device="cpu", threads=threads)  # first: a wrong name is found at once
    _make_folder(folder)
    reference, pod5, truth, calls, scores, report = (folder / name for name in FILES)
    for path in (scores, report):
        path.unlink(missing_ok=True)  # of an earlier demo: should this one fail, they would look like its own
    reference.write_text(f">genome\n{random_genome(genome_bp, seed)}\n", encoding="ascii")

    def say_command(*words: object) -> None:
        say(shlex.join(["lexome", *map(str, words)]))

    say_command(
        "simulate", "reads", "--reference", reference, "--count", reads,
        "--mean-length", f"{mean_length_bp:g}", "--seed", seed, "-o", pod5, "--truth", truth,
    )  # fmt: skip
    simulated = simulate_to_files(
        reference, pod5, PoreConfig(mean_length_bp=mean_length_bp), reads, seed, truth=truth
    )
    say_command("basecall", pod5, "-m", model, "-o", calls)
    request = CallRequest([pod5], calls, force=True, command_line=command_line, version=version)
    plan = plan_calls(request)
    called = call_files(request, plan, opened)
    say_command("evaluate", "reads", calls, "--reference", reference, "--json", scores, "--report", report)
    evaluation = evaluate_file(calls, reference, threads=threads)
    write_evaluation(evaluation, command_line, json_file=scores, page=report)
    return DemoResult(simulated, called, evaluation)


def _make_folder(folder: Path) -> None:
    """Makes the folder; one that holds other files is refused: they might have the names of ours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = sorted(e.name for e in folder.iterdir() if not e.name.startswith((".", *FILES)))
    except FileExistsError:
        raise UsageError(f"{folder} is a file; name a folder for the demo with -o") from None
    except OSError as error:
        raise UsageError(f"{folder}: cannot be used ({error.strerror}); choose another with -o") from error
    if others:
        raise UsageError(f"{folder}: holds other files ({others[0]}); choose a new folder with -o")
