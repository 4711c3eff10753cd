"""`lexome train`: a recipe into a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lexome.tasks.recipe import Recipe

PHASES = ("data", "network", "teacher", "loss", "exchange", "optimizer", "validation", "saving")
TAUGHT = ("label_loss", "alignment", "distillation")  # parts of the loss of a student

Resume = Annotated[bool, typer.Option("--resume", help="Go on from the state in DIR.")]


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file; see the folder recipes/.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Gets model/, the state and the log.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, e.g. loop.steps=100 (repeatable).",
        ),
    ] = None,
    resume: Resume = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cpu|cuda:N", help="Where to train (loop.device); auto: a GPU if there is one."
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(metavar="N", help="Processes that share every batch, on the CPU (loop.processes)."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="M", help="Take so long, whatever loop.steps says (loop.minutes)."),
    ] = None,
) -> None:
    """Train a network from a recipe; the best one by validation is DIR/model.

    A training that was stopped goes on with --resume from the last state it saved (every loop.save_every
    steps and loop.save_every_s seconds), on a CPU to the same bits as if it had never been stopped.
    """
    from lexome.tasks.recipe import read_recipe

    options = {"device": device, "processes": processes, "minutes": minutes}
    given = [f"loop.{name}={value}" for name, value in options.items() if value is not None]
    train_resolved(read_recipe(recipe, [*(overrides or ()), *given]), output, resume)


def train_resolved(recipe: "Recipe", output: Path, resume: bool) -> None:
    """Trains a recipe with its progress on stderr."""
    from lexome import __version__
    from lexome.cli.interrupts import interruptible
    from lexome.tasks.training import train_recipe

    def log(row: dict[str, Any]) -> None:
        for line in told(row):
            _say(line)

    with interruptible(lambda: _kept(output)):
        position = train_recipe(recipe, output, __version__, resume=resume, on_log=log)
    _say(f"best at step {position.best_step}: {output / 'model'}")


def _say(text: str) -> None:
    typer.echo(f"lexome: {text}", err=True)


def told(row: dict[str, Any]) -> list[str]:
    """What is said of a row of the log."""
    step = f"step {row['step']}"
    if "warning" in row:
        return [f"{step}: warning: {row['warning']}"]
    if "validation" in row:
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in row["validation"].items())
        weights = f", {row['weights']} weights" if "weights" in row else ""
        return [f"{step}: validation: {metrics}{weights}{' (best)' if row['best'] else ''}"]
    speed = row["speed"]
    shares = ", ".join(f"{name} {speed[name]:.0%}" for name in PHASES if name in speed)
    parts = [f"{name.replace('_', ' ')} {row[name]:.4g}, " for name in TAUGHT if name in row]
    lines = [
        f"{step}: loss {row['loss']:.4f}, {''.join(parts)}{speed['chunks_per_s']:.4g} chunks/s"
        f"{f' ({shares})' if shares else ''}, {row['seconds']:.0f} s"
    ]
    if "bottleneck" in speed:
        lines.append(f"bottleneck: {speed['bottleneck']}")
    return lines


def _kept(folder: Path) -> str:
    from lexome.core.errors import LexomeError
    from lexome.train.state import read_record

    try:
        step = read_record(folder)["position"]["step"]
    except LexomeError:
        return "no state was saved by then"
    return f"{folder} holds the state after step {step}; --resume goes on from there"
