"""Trains students of one teacher in many ways and says what each way brought: one table, three figures.

    python recipes/distilled_deepconsensus/ablation.py --teacher runs/hifi_teacher/model \
        --store stores/a --store stores/validation --test stores/test --steps 400 -o ablation

What is compared (`--only` picks): `layers` students of 5, 4 and 3 layers, with and without their teacher, of
several seeds (figure 1b of the paper: how good against how fast); `losses` what of the teacher is learnt
(figure 3a); `starts` which layers a student starts as, with and without the teacher's gates and normalisation
(figure 3b); and the weight of the teacher, searched with Optuna on the validation windows (`--trials`).

A run that is finished is not trained again, so the same command goes on where it was stopped. Errors are
counted in windows of the test store, beside those of its CCS reads and of a majority vote of the passes;
intervals are a bootstrap over molecules. Speed is that of one thread, in processor time.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lexome import __version__
from lexome.checkpoint.store import Checkpoint, load
from lexome.engine.windows import WindowEngine
from lexome.features.pileup_windows import clip_ratios, expanded_rows
from lexome.io.windows import read_windows
from lexome.report.axes import Axis
from lexome.report.charts import Bar, Series, bars, lines
from lexome.report.drawing import as_file
from lexome.tasks.correct.judge import JudgedWindows
from lexome.tasks.correct.stores import common_pileup
from lexome.tasks.recipe import read_recipe
from lexome.tasks.training import train_recipe

RECIPE = Path(__file__).with_name("hifi_student.toml")
RESULT, TABLE, ALL = "result.json", "table.md", "results.json"
TIMED = 400  # windows
STARTS = ("alternating", "top", "bottom", "random")
ALPHA_RANGE = (1e2, 1e7)


@dataclass(frozen=True)
class Variant:
    """One way to train a student; `distil` None: without a teacher."""

    group: str
    name: str
    layers: int
    seed: int = 1
    distil: dict[str, Any] | None = field(default_factory=dict)


def variants(seeds: int) -> list[Variant]:
    """All ways that are compared."""
    found = []
    for seed in range(1, seeds + 1):
        for layers in (5, 4, 3):
            found.append(Variant("layers", f"{layers} layers, taught", layers, seed))
            found.append(Variant("layers", f"{layers} layers, alone", layers, seed, None))
    found += [
        Variant("losses", "alignment + MSE", 4),
        Variant("losses", "alignment + KL", 4, distil={"kind": "kl", "distill_alpha": 1e3}),
        Variant("losses", "MSE alone", 4, distil={"student_alpha": 0.0}),
        Variant("losses", "KL alone", 4, distil={"kind": "kl", "student_alpha": 0.0, "distill_alpha": 1e3}),
    ]
    for mapping in STARTS:
        for copied in (True, False):
            if mapping == "random" and copied:
                continue  # gates of layers that are not the teacher's
            name = f"{mapping}{' + gates' if copied else ''}"
            copy = {"copy_gates": copied, "copy_norm": copied}
            found.append(Variant("starts", name, 4, distil={"mapping": mapping, **copy}))
    return found


class Judge:
    """Counts errors in the test windows; those of the CCS reads and of the vote once and for all."""

    def __init__(self, store: Path, limit: int) -> None:
        opened = read_windows(store)
        self.windows = JudgedWindows(opened, "test", limit)
        self.pileup = common_pileup([opened])
        self.ccs = self.windows.ccs(self.pileup.max_passes)
        self.vote = self.windows.majority(self.pileup.max_passes)
        few = self.windows.rows[:TIMED]
        rows_NRL = expanded_rows(opened.rows_NRL[few], opened.snr_N4[few], self.pileup)
        self.timed_NRL = clip_ratios(rows_NRL)

    def result(self, checkpoint: Checkpoint) -> dict[str, Any]:
        """What a model makes of the windows."""
        own = self.windows.model(checkpoint)
        ratios = {
            "of_ccs": self.windows.ratio(own, self.ccs), "of_majority": self.windows.ratio(own, self.vote)
        }  # fmt: skip
        return {
            "windows": len(self.windows.rows), "molecules": self.windows.molecules, "errors": own.total,
            "ccs_errors": self.ccs.total, "majority_errors": self.vote.total,
            **{name: ratio.value for name, ratio in ratios.items()},
            "intervals": {name: ratio.interval for name, ratio in ratios.items()},
            "exact": own.exact, "ccs_exact": self.ccs.exact,
            "windows_per_cpu_s": self.speed(checkpoint),
        }  # fmt: skip

    def speed(self, checkpoint: Checkpoint) -> float:
        """Windows per CPU-second of one thread, the median of five."""
        engine = WindowEngine(checkpoint)
        engine.scores(self.timed_NRL[:8])
        rates = []
        for _ in range(5):
            start_s = time.process_time()
            engine.scores(self.timed_NRL)
            rates.append(len(self.timed_NRL) / (time.process_time() - start_s))
        return float(np.median(rates))


def trained(variant: Variant, arguments: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Trains a variant, unless it is there; the best validation."""
    settings = [
        f"task.stores={json.dumps([str(path) for path in arguments.store])}",
        f"loop.steps={arguments.steps}", f"loop.validate_every={arguments.steps}",
        f"loop.seed={variant.seed}", "loop.average_decay=0", f"task.optim.lr={arguments.lr}",
        f"task.validation_windows={arguments.validation}",
        f"architecture.config.feed_forwards={[arguments.feed_forward] * variant.layers}",
    ]  # fmt: skip
    if variant.distil is not None:
        wanted = {"teacher": str(arguments.teacher), **variant.distil}
        settings += [f"distil.{key}={json.dumps(value)}" for key, value in wanted.items()]
    recipe = read_recipe(RECIPE, settings)
    if variant.distil is None:
        del recipe.data["distil"]
    resume = (folder / "training.json").exists()
    found: dict[str, float] = {}

    def note(row: dict[str, Any]) -> None:
        found.update(row.get("validation", {}))

    train_recipe(recipe, folder, __version__, resume=resume, on_log=note)
    return found


def run(variant: Variant, arguments: argparse.Namespace, judge: Judge) -> dict[str, Any]:
    """The result of a variant; it is kept in its folder."""
    key = f"{variant.group}, {variant.name}, seed {variant.seed}"
    folder = arguments.output / key.replace(", ", "__").replace(" ", "_")
    path = folder / RESULT
    if not path.exists():
        validation = trained(variant, arguments, folder)
        result = judge.result(load(folder / "model"))
        path.write_text(json.dumps({**result, "validation_errors": validation.get("errors")}, indent=1))
        print(f"{key}: {result['errors']} errors, {result['of_ccs']:.3f} of CCS", flush=True)
    found = json.loads(path.read_text())
    return {
        "group": variant.group,
        "name": variant.name,
        "layers": variant.layers,
        "seed": variant.seed,
        **found,
    }


def search_alpha(arguments: argparse.Namespace) -> list[tuple[float, float]]:
    """(weight, errors in the validation windows) of every trial; the search goes on where it was stopped."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="alpha", storage=f"sqlite:///{arguments.output / 'alpha.db'}", load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=1),
    )  # fmt: skip

    def objective(trial: optuna.Trial) -> float:
        alpha = trial.suggest_float("alpha", *ALPHA_RANGE, log=True)
        variant = Variant("alpha", f"{alpha:g}", 4, distil={"distill_alpha": alpha})
        return trained(variant, arguments, arguments.output / f"alpha_{trial.number}")["errors"]

    done = sum(trial.state.is_finished() for trial in study.trials)
    study.optimize(objective, n_trials=max(0, arguments.trials - done))
    return [(trial.params["alpha"], trial.value) for trial in study.trials if trial.value is not None]


def table(results: Sequence[dict[str, Any]], teacher: dict[str, Any]) -> str:
    """All results as Markdown."""
    rows = [
        "| what | seed | errors | of CCS (95%) | of the vote (95%) | exact | windows per CPU-second |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in [{"name": "**teacher**", "seed": "", "group": ""}, *results]:
        found = one if one["group"] else teacher
        shares = [
            f"{found[key]:.3f} ({found['intervals'][key][0]:.3f} to {found['intervals'][key][1]:.3f})"
            for key in ("of_ccs", "of_majority")
        ]
        name = f"{one['group']}: {one['name']}" if one["group"] else one["name"]
        rows.append(
            f"| {name} | {one['seed']} | {found['errors']} | {shares[0]} | {shares[1]} "
            f"| {found['exact']:.4f} | {found['windows_per_cpu_s']:.0f} |"
        )
    rows += [
        "",
        f"{teacher['windows']} windows of {teacher['molecules']} molecules: CCS {teacher['ccs_errors']} "
        f"errors ({teacher['ccs_exact']:.4f} exact), majority vote {teacher['majority_errors']}.",
    ]
    return "\n".join(rows) + "\n"


def figures(results: Sequence[dict[str, Any]], teacher: dict[str, Any], output: Path) -> None:
    """Figures 1b, 3a and 3b."""
    students = [one for one in results if one["group"] == "layers"]
    if students:
        kinds = {kind: [s for s in students if s["name"].endswith(kind)] for kind in ("taught", "alone")}
        drawn = []
        for kind, found in {**kinds, "teacher": [teacher]}.items():
            sizes = sorted({one.get("layers", 0) for one in found})  # a point is the mean of all seeds
            groups = [[one for one in found if one.get("layers", 0) == size] for size in sizes]
            cost = [float(np.mean([1e3 / one["windows_per_cpu_s"] for one in group])) for group in groups]
            gain = [float(np.mean([1 - one["of_ccs"] for one in group])) for group in groups]
            drawn.append(Series(kind, cost, gain))
        costs = [v for one in drawn for v in one.x]
        gains = [v for one in drawn for v in one.y]
        low = min(0.0, np.floor(min(gains) * 20) / 20)
        chart = lines(
            drawn, Axis("CPU-seconds per 1000 windows", 0.0, max(costs) * 1.15, "count"),
            Axis("errors of CCS removed", low, np.ceil(max(gains) * 20 + 0.5) / 20, "percent"),
            description="Share of the errors of CCS reads that students remove, against what they cost",
        )  # fmt: skip
        (output / "students.svg").write_text(as_file(chart))
    for group in ("losses", "starts"):
        found = [one for one in results if one["group"] == group]
        if found:
            drawn_bars = [Bar(one["name"], one["of_ccs"], tuple(one["intervals"]["of_ccs"])) for one in found]
            chart = bars(
                {"errors left of those of CCS": drawn_bars}, description=f"Students by their {group}"
            )
            (output / f"{group}.svg").write_text(as_file(chart))


def main(words: Sequence[str] | None = None) -> None:
    """Trains what is missing, then writes everything that is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", type=Path, required=True, help="folder of a model")
    parser.add_argument("--store", type=Path, action="append", required=True, help="training and validation")
    parser.add_argument("--test", type=Path, required=True, help="store of test windows")
    parser.add_argument("--steps", type=int, default=400, help="of every student")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=2, help="of the students of different size")
    parser.add_argument("--trials", type=int, default=0, help="of the search for the teacher's weight")
    parser.add_argument("--validation", type=int, default=1024, help="windows of every validation")
    parser.add_argument("--windows", type=int, default=4096, help="of the test store that judge")
    parser.add_argument("--only", nargs="+", choices=("layers", "losses", "starts"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args(words)
    arguments.output.mkdir(parents=True, exist_ok=True)
    teacher = load(arguments.teacher)
    arguments.feed_forward = int(teacher.architecture.config["feed_forwards"][0])
    judge = Judge(arguments.test, arguments.windows)
    of_teacher = judge.result(teacher)
    wanted = [v for v in variants(arguments.seeds) if not arguments.only or v.group in arguments.only]
    results: list[dict[str, Any]] = []
    for variant in wanted:
        results.append(run(variant, arguments, judge))
        (arguments.output / TABLE).write_text(table(results, of_teacher))
    if arguments.trials:
        for alpha, errors in sorted(search_alpha(arguments)):
            print(f"alpha {alpha:.3g}: {errors:.0f} errors in the validation windows")
    (arguments.output / ALL).write_text(json.dumps({"teacher": of_teacher, "students": results}, indent=1))
    figures(results, of_teacher, arguments.output)
    print((arguments.output / TABLE).read_text())


if __name__ == "__main__":
    main()
