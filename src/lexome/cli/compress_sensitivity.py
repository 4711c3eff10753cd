"""`lexome compress sensitivity`: how many bits each layer of a basecaller needs."""

from typing import Annotated

import typer

from lexome.cli.compress_quantize import Chunks, Model, RangesOption, Stores
from lexome.cli.figures import JsonFile, PageFile


def sensitivity(
    model: Model,
    stores: Stores = None,
    widths: Annotated[
        str, typer.Option("--widths", metavar="B,B...", help="Bits to try, 2 to 16.")
    ] = "2,3,4,5,6,8,10,12,16",
    parts: Annotated[
        str, typer.Option("--parts", metavar="P,P...", help="What gets them: both, weights, activations.")
    ] = "both",
    uniform: Annotated[
        bool, typer.Option("--uniform", help="Only all layers together, not each layer alone.")
    ] = False,
    ranges: RangesOption = "mse",
    chunks: Chunks = 256,
    json_file: JsonFile = None,
    page: PageFile = None,
) -> None:
    """Measure label identity for every number of bits: of all layers together, and of each layer alone.

    Nothing is trained and nothing is written but --json and --report. docs/quantisation.md explains it.
    """
    from lexome import __version__
    from lexome.cli.figures import check_outputs, give_out
    from lexome.compress.quantize_config import QuantizeConfig
    from lexome.core.config import from_dict
    from lexome.core.errors import UsageError, nearest
    from lexome.report.quantisation import sensitivity_tables, write_sensitivity_page
    from lexome.tasks.shrink.bits import PARTS
    from lexome.tasks.shrink.bits import sensitivity as measured
    from lexome.tasks.shrink.quantize import QuantizeRequest, float_basecaller, quantize_recipe, quantize_task

    check_outputs(json_file, page)
    wanted = parts.split(",")
    for part in wanted:
        if part not in PARTS:
            raise UsageError(f"--parts: unknown '{part}'; {nearest(part, PARTS)}")
    if not all(w.isdecimal() and 2 <= int(w) <= 16 for w in widths.split(",")):
        raise UsageError(f"--widths {widths}: whole numbers from 2 to 16 with commas between them")
    if ranges == "learned":
        raise UsageError("--ranges learned needs training; this command does not train")
    config = from_dict(QuantizeConfig, {"ranges": ranges}, "--ranges")
    base = float_basecaller(model)
    task = quantize_task(quantize_recipe(QuantizeRequest(model, stores or (), config, chunks=chunks), base))

    def told(done: int, everything: int, what: str) -> None:
        typer.echo(f"lexome: {done} of {everything}: {what}", err=True)

    figures = measured(
        task, base, widths=sorted({int(w) for w in widths.split(",")}), parts=wanted, alone=not uniform,
        on_done=told,
    )  # fmt: skip
    figures |= {"lexome_version": __version__, "chunks": chunks}
    give_out(figures, sensitivity_tables(figures), write_sensitivity_page, json_file, page)
