"""`lexome evaluate similarity | agreement | attention`: trained networks compared on the same data."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexome.cli.figures import JsonFile, PageFile, check_outputs, give_out

if TYPE_CHECKING:
    pass


class HeldOut(StrEnum):
    """What networks are compared on: never what they were trained on."""

    validation = "validation"
    test = "test"


Store = Annotated[
    Path,
    typer.Option(
        "--store", metavar="STORE", help="Labelled items: a folder of `lexome prepare correct` or `basecall`."
    ),
]
Split = Annotated[HeldOut, typer.Option("--split", help="Which part of the store.")]
Items = Annotated[
    int,
    typer.Option("--items", min=1, metavar="N", help="Look at N windows or chunks at most, drawn at random."),
]
Device = Annotated[
    str, typer.Option("--device", metavar="DEVICE", help="auto (a GPU if there is one), cpu or cuda:N.")
]


def similarity(
    model_a: Annotated[str, typer.Argument(metavar="MODEL_A", help="A model: bundled name or folder.")],
    model_b: Annotated[str, typer.Argument(metavar="MODEL_B", help="Another one of the same task.")],
    store: Store,
    split: Split = HeldOut.validation,
    items: Items = 512,
    taps: Annotated[
        list[str] | None,
        typer.Option(
            "--taps",
            metavar="NAME",
            help="Compare the modules of this name instead of the layers; * stands for one part of a name "
            "('encoder.layers.*.attention'). May be given again.",
        ),
    ] = None,
    device: Device = "auto",
    json_file: JsonFile = None,
    report: PageFile = None,
) -> None:
    """Compare the layers of two networks by what they make of the same input (CKA).

    Both networks run on the same windows or chunks; every layer of MODEL_A (rows) is compared with every one
    of MODEL_B (columns), position by position, by linear centred kernel alignment: 1 for the same
    representation up to rotation and scale. The second table has MODEL_B before any training.
    """
    from lexome.cli.progress import progress
    from lexome.report.similarity import similarity_tables, write_similarity_page
    from lexome.tasks.compare.models import open_models
    from lexome.tasks.compare.similarity import compare_layers

    check_outputs(json_file, report)
    first, second = open_models([model_a, model_b], store, items, device)
    with progress("comparing", first.noun) as show:
        figures = compare_layers(first, second, split.value, taps=taps or (), on_items=show).to_json()
    give_out(figures, similarity_tables(figures), write_similarity_page, json_file, report)


def agreement(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL...", help="Models of one task: bundled names or folders; two or more."),
    ],
    store: Store,
    split: Split = HeldOut.validation,
    items: Items = 2048,
    device: Device = "auto",
    json_file: JsonFile = None,
    report: PageFile = None,
) -> None:
    """Compare which windows several models have right, and who is better where they differ.

    For read correctors, the CCS read and a majority vote of the passes are compared like models. A
    basecaller's chunks are hardly ever exactly right, so their identities are compared, and the calls with
    each other. Intervals are from resampling reads.
    """
    from lexome.cli.progress import progress
    from lexome.core.errors import UsageError
    from lexome.report.agreement import agreement_tables, write_agreement_page
    from lexome.report.call_agreement import call_agreement_tables, write_call_agreement_page
    from lexome.tasks.compare.agreement import compare_corrections
    from lexome.tasks.compare.basecalls import compare_basecalls
    from lexome.tasks.compare.models import open_models

    if len(models) < 2:
        raise UsageError("agreement is between two or more models; name another one")
    check_outputs(json_file, report)
    opened = open_models(models, store, items, device)
    is_basecall = opened[0].checkpoint.task == "basecall"
    compare = compare_basecalls if is_basecall else compare_corrections
    with progress("comparing", opened[0].noun) as show:
        figures = compare(opened, split.value, on_items=show).to_json()
    if is_basecall:
        give_out(figures, call_agreement_tables(figures), write_call_agreement_page, json_file, report)
    else:
        give_out(figures, agreement_tables(figures), write_agreement_page, json_file, report)


def attention(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model with attention: name or folder.")],
    store: Store,
    split: Split = HeldOut.validation,
    items: Items = 256,
    device: Device = "auto",
    json_file: JsonFile = None,
    report: PageFile = None,
) -> None:
    """Show how far, how widely and where the attention heads of a network look.

    Per layer and head: mean distance, mean offset (below 0: to the left), entropy, the part of the attention
    within one position and at the edge of what may be seen; beside attention that is spread evenly.
    """
    from lexome.cli.progress import progress
    from lexome.report.attention import attention_table, write_attention_page
    from lexome.tasks.compare.attention import attention_of
    from lexome.tasks.compare.models import open_models

    check_outputs(json_file, report)
    (opened,) = open_models([model], store, items, device)
    with progress("looking", opened.noun) as show:
        figures = attention_of(opened, split.value, on_items=show).to_json()
    give_out(figures, [attention_table(figures)], write_attention_page, json_file, report)
