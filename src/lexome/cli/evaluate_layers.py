"""`lexome evaluate receptive-field | layers`: a look inside a trained basecaller."""

from pathlib import Path
from typing import Annotated

import typer

from lexome.cli.evaluate_models import Device
from lexome.cli.figures import JsonFile, PageFile, check_outputs, give_out
from lexome.cli.skipped import echo_skipped

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A basecaller: bundled name or folder.")]
Reads = Annotated[
    list[Path], typer.Argument(metavar="READS...", help="Files or folders of POD5, FAST5, SLOW5 or BLOW5.")
]
Recursive = Annotated[bool, typer.Option("--recursive", help="Look into subfolders of READS, too.")]
Taps = Annotated[
    list[str] | None,
    typer.Option(
        "--taps",
        metavar="NAME",
        help="Look at the modules of this name instead of the layers; * stands for one part of a name. May "
        "be given again.",
    ),
]


def receptive_field(
    model: Model,
    reads: Reads,
    reach: Annotated[
        int, typer.Option("--reach", min=1, metavar="SAMPLES", help="Follow gradients so far to each side.")
    ] = 2000,
    steps: Annotated[int, typer.Option("--steps", min=1, metavar="N", help="Steps of each read.")] = 16,
    max_reads: Annotated[int, typer.Option("--max-reads", min=1, metavar="N", help="Reads at most.")] = 16,
    taps: Taps = None,
    recursive: Recursive = False,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Of the random directions.")] = 0,
    device: Device = "auto",
    json_file: JsonFile = None,
    report: PageFile = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Draw the curves here; needs matplotlib.")
    ] = None,
) -> None:
    """Measure how far a basecaller and each of its layers look, from gradients.

    For steps all over the reads: how strongly the scores depend on each sample of the signal and on each
    position of every layer's input, and each layer's own output on its own input; beside the same network
    before training.
    """
    from lexome.cli.progress import progress
    from lexome.core.records import Skipped
    from lexome.report.picture import check_can_draw
    from lexome.report.receptive_field import (
        receptive_field_tables,
        write_receptive_field_page,
        write_receptive_field_png,
    )
    from lexome.tasks.compare.receptive_field import FieldConfig
    from lexome.tasks.compare.receptive_field import receptive_field as measure
    from lexome.tasks.compare.signal_network import open_signal_network, signals_of

    check_outputs(json_file, report, png)
    if png is not None:
        check_can_draw()
    opened = open_signal_network(model, device)
    config = FieldConfig(reach, steps, max_reads, seed=seed)
    skipped: list[Skipped] = []
    signals = signals_of(reads, opened.signal, on_skip=skipped.append, recursive=recursive)
    with progress("measuring", "steps", steps * max_reads) as show:
        figures = measure(opened, signals, config, taps=taps or (), on_windows=show).to_json()
    echo_skipped(skipped)
    if png is not None:
        write_receptive_field_png(png, figures)
    give_out(figures, receptive_field_tables(figures), write_receptive_field_page, json_file, report)


def layers(
    model: Model,
    reads: Reads,
    read_id: Annotated[
        str, typer.Option("--read-id", metavar="ID", help="The read to look at (default: the first one).")
    ] = "",
    start: Annotated[
        int | None,
        typer.Option(
            "--start", min=0, metavar="SAMPLE", help="Where to look (default: where calling begins)."
        ),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=10, metavar="N", help="How far to look.")] = 300,
    components: Annotated[
        int, typer.Option("--components", min=1, max=4, metavar="N", help="Principal components of a layer.")
    ] = 3,
    fit_reads: Annotated[
        int,
        typer.Option(
            "--fit-reads", min=1, metavar="N", help="Fit the components on this read and N - 1 others."
        ),
    ] = 1,
    taps: Taps = None,
    recursive: Recursive = False,
    device: Device = "auto",
    json_file: JsonFile = None,
    report: PageFile = None,
) -> None:
    """Show what the layers of a basecaller give along a stretch of a read.

    Signal, convolutions, recurrent or attention layers and scores, each on its first principal components,
    one under the other with the called bases on top (--report). The table says how much of the variance the
    components hold.
    """
    from lexome.cli.progress import progress
    from lexome.core.records import Skipped
    from lexome.report.layer_outputs import layer_outputs_tables, write_layer_outputs_page
    from lexome.tasks.compare.layer_outputs import StretchConfig, layer_outputs
    from lexome.tasks.compare.signal_network import open_signal_network, signals_of

    check_outputs(json_file, report)
    opened = open_signal_network(model, device)
    config = StretchConfig(start, samples, components, fit_reads)
    skipped: list[Skipped] = []
    wanted = (lambda name: name == read_id) if read_id and fit_reads == 1 else None
    signals = signals_of(reads, opened.signal, wanted=wanted, on_skip=skipped.append, recursive=recursive)
    with progress("fitting", "samples") as show:
        found = layer_outputs(opened, signals, config, read_id=read_id, taps=taps or (), on_samples=show)
    figures = found.to_json()
    echo_skipped(skipped)
    give_out(figures, layer_outputs_tables(figures), write_layer_outputs_page, json_file, report)
