"""`lexome bench`: experiments and measurements, one file per command."""

import typer

from lexome.cli.bench_basecallers import basecallers
from lexome.cli.bench_compare import compare
from lexome.cli.bench_frontier import frontier
from lexome.cli.bench_speed import speed
from lexome.cli.bench_synthetic import synthetic
from lexome.cli.bench_variants import variants

app = typer.Typer(
    name="bench",
    help="Measure how fast and how accurate networks are, and what makes them so.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _group() -> None:
    """Measure how fast and how accurate networks are, and what makes them so."""


app.command()(frontier)
app.command()(variants)
app.command()(compare)
app.command()(synthetic)
app.command()(speed)
app.command()(basecallers)
