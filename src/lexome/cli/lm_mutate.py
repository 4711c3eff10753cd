"""`lexome lm mutate`: what sequences mutate into. Here pairs are prepared, and models judged."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lexome.cli import lm_mutate_models
from lexome.cli.figures import JsonFile, PageFile, check_outputs, give_out
from lexome.cli.lm_mutate_models import (
    Beams,
    LengthChange,
    PairsFile,
    ParentsAtOnce,
    RankBy,
    RankClass,
    children_config,
    opened_ranker,
)
from lexome.cli.lm_options import Device, say

app = typer.Typer(
    name="mutate", help="Foretell the children of sequences.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Foretell what sequences mutate into, from the parents and children of a phylogeny."""


@app.command()
def prepare(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="TSV", help="Pairs with their sets: .tsv or .tsv.gz.")
    ],
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs",
            metavar="CSV",
            help="Columns parent_id, child_id, parent, child (.csv, .tsv, .gz).",
        ),
    ] = None,
    alignment: Annotated[
        Path | None,
        typer.Option("--alignment", metavar="FASTA", help="Or: aligned sequences of a tree's tips ..."),
    ] = None,
    tree: Annotated[
        Path | None, typer.Option("--tree", metavar="NEWICK", help="... and the tree, with the same names.")
    ] = None,
    ancestors: Annotated[
        Literal["likelihood", "parsimony", "given"],
        typer.Option(
            "--ancestors",
            help="Work out ancestors by marginal likelihood or by parsimony; or they are in the alignment, "
            "by the names of the tree's nodes.",
        ),
    ] = "likelihood",
    model: Annotated[
        Literal["hky", "jc69"], typer.Option("--model", help="Of substitutions, for likelihood.")
    ] = "hky",
    kappa: Annotated[
        float | None,
        typer.Option("--kappa", metavar="K", help="Of HKY, for likelihood (default: the likeliest)."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            metavar="R",
            help="Substitutions per site and unit of branch length (default: the likeliest; 1: believe it).",
        ),
    ] = None,
    columns: Annotated[
        str, typer.Option("--columns", metavar="FIRST-LAST", help="Of the alignment, from 1 (default: all).")
    ] = "",
    validation: Annotated[
        float, typer.Option("--validation", metavar="SHARE", help="Pairs for validation, about.")
    ] = 0.1,
    test: Annotated[
        float, typer.Option("--test", metavar="SHARE", help="Pairs for the test set, about.")
    ] = 0.15,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Of the draw of clades.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Make pairs of parent and child of a phylogeny, in sets that share no sequence.

    Whole clades go to validation and test. The branch that leads into such a clade is left out, and so are
    pairs with a sequence that another set has, too. What was counted goes to stdout.
    """
    from lexome import __version__
    from lexome.core.errors import UsageError
    from lexome.report.files import write_json
    from lexome.report.mutations import counts_tables
    from lexome.report.tables import print_table
    from lexome.tasks.language.mutate_pairs import check_pairs_output, read_pairs, write_pairs
    from lexome.tasks.language.mutate_prepare import AncestorConfig, pairs_of_phylogeny
    from lexome.tasks.language.mutate_split import divide, figures_of_sets

    check_pairs_output(output)
    check_outputs(json_file)
    record = {}
    if pairs is not None and alignment is None and tree is None:
        found = read_pairs(pairs)
    elif pairs is None and alignment is not None and tree is not None:
        config = AncestorConfig(ancestors, model, kappa, rate, _columns(columns))
        made = pairs_of_phylogeny(alignment, tree, config)
        found, record = made.pairs, made.record
    else:
        raise UsageError("give either --pairs, or --alignment and --tree")
    divided = divide(found, validation, test, seed)
    write_pairs(output, divided.pairs)
    figures = {**figures_of_sets(divided), "phylogeny": record, "seed": seed, "lexome_version": __version__}
    if json_file is not None:
        write_json(json_file, figures)
    for number, table in enumerate(counts_tables(figures)):
        if number:
            typer.echo()
        print_table(table)
    for key, value in {**record, **divided.record()["left_out"]}.items():
        say(f"{key.replace('_', ' ')}: {value}")


def _columns(text: str) -> tuple[int, int] | None:
    """FIRST-LAST as two numbers."""
    from lexome.core.errors import UsageError

    if not text:
        return None
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and len(text) < 20):
        raise UsageError(f"--columns {text}: two numbers are wanted, such as 300-799")
    return int(first), int(last)


app.command()(lm_mutate_models.train)
app.command()(lm_mutate_models.run)


@app.command()
def evaluate(
    pairs: PairsFile,
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL...]", help="Models to judge; without one the baselines alone."),
    ] = None,
    split: Annotated[
        Literal["test", "validation", "training", "all"], typer.Option("--split", help="Set to judge on.")
    ] = "test",
    beams: Beams = 5,
    length_change: LengthChange = 20,
    rank_by: RankBy = None,
    rank_class: RankClass = "",
    batch_size: ParentsAtOnce = 16,
    resamples: Annotated[
        int, typer.Option("--resamples", min=1, metavar="N", help="Of the bootstrap, over parents.")
    ] = 1000,
    device: Device = "auto",
    json_file: JsonFile = None,
    page: PageFile = None,
) -> None:
    """Judge foretold children: Top-1, Top-5, edit distances; of all pairs, and of those that changed.

    Beside the models stand what copying the parent and the commonest substitutions of the training set reach,
    and the ceiling: the best that any map from parents to children could.
    """
    from lexome import __version__
    from lexome.cli.interrupts import interruptible
    from lexome.cli.progress import progress
    from lexome.core.errors import UsageError
    from lexome.evaluate.bootstrap import BootstrapConfig
    from lexome.report.mutations import mutation_tables, write_mutation_page
    from lexome.tasks.language.mutate_evaluate import COPY, evaluate_mutations, judged_pairs, tree_of
    from lexome.tasks.language.mutate_pairs import read_pairs

    check_outputs(json_file, page)
    names = models or []
    if len(set(names)) < len(names):
        raise UsageError("a model is named twice")
    found = read_pairs(pairs, with_splits=True)
    judged = judged_pairs(found, split)
    foretold = {}
    with interruptible(lambda: "nothing was written"):
        if names:
            config = children_config(beams, length_change, batch_size)
            rank = opened_ranker(rank_by, rank_class, device)
            for name in names:
                with progress(f"writing with {name}", "parents", len(judged)) as show:
                    written = lm_mutate_models.children_of(
                        name, [pair.parent for pair in judged], config, rank, device, show
                    )
                foretold[name] = [[child.sequence for child in one] for one in written]
        result = evaluate_mutations(found, split, foretold, BootstrapConfig(resamples))
    figures = {"file": pairs.name, **result.figures, "lexome_version": __version__}
    drawn = [tree_of(found, result, name) for name in names or [COPY]] if page is not None else []
    give_out(
        figures,
        mutation_tables(figures),
        lambda path, data, command: write_mutation_page(path, data, drawn, command=command),
        json_file,
        page,
    )
