"""`lexome simulate oscillator`: a toy of nanopore signal."""

from pathlib import Path
from typing import Annotated

import typer


def oscillator(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="NPZ", help="File to write.")],
    count: Annotated[int, typer.Option("--count", min=1, metavar="N", help="Number of signals.")] = 100,
    samples: Annotated[int, typer.Option("--samples", min=1, metavar="N", help="Samples of each.")] = 1000,
    mass: Annotated[float, typer.Option("--mass", metavar="M", help="Mass m.")] = 1.0,
    damping: Annotated[float, typer.Option("--damping", metavar="B", help="Damping b, per sample.")] = 0.4,
    stiffness: Annotated[
        float, typer.Option("--stiffness", metavar="K", help="Spring constant k, per sample squared.")
    ] = 0.5,
    heights: Annotated[
        int, typer.Option("--heights", min=2, max=64, metavar="N", help="Resting heights, even from -1 to 1.")
    ] = 4,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SAMPLES", help="Mean time at one height (Poisson).")
    ] = 9.0,
    noise: Annotated[
        float, typer.Option("--noise", metavar="SD", help="Noise that is added to every sample.")
    ] = 0.1,
    noise_factor: Annotated[
        float,
        typer.Option("--noise-factor", metavar="SD", help="Noise that every sample is multiplied with."),
    ] = 0.1,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", min=0, help="The same seed gives the same bytes.")
    ] = 1,
) -> None:
    """Simulate damped oscillators whose resting height jumps, and the height at every sample.

    m x'' + b x' + k (x - r) = 0, with r jumping among a few heights. The file holds the numpy arrays signal,
    position, height and heights; docs/synthetic.md describes them.
    """
    from lexome.simulate.oscillator import OscillatorConfig
    from lexome.tasks.synthetic.files import write_oscillators

    config = OscillatorConfig(mass, damping, stiffness, heights, interval, noise, noise_factor)
    made = write_oscillators(output, config, count, samples, seed)
    typer.echo(f"lexome: {output}: {count:,} signals, {made.signal_NS.size:,} samples", err=True)
