"""`lexome lm attention`: where the tokens of sequences look."""

from typing import Annotated

import typer

from lexome.cli.figures import JsonFile, PageFile, check_outputs, give_out
from lexome.cli.lm_options import Device, Files, Model, TokenizerFile, source_of


def attention(
    model: Model,
    files: Files,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="Only this sequence (repeatable)."),
    ] = None,
    layers: Annotated[
        list[int] | None,
        typer.Option("--layer", metavar="N", help="From 1, -1: the last (repeatable); default: their mean."),
    ] = None,
    heads: Annotated[
        list[int] | None,
        typer.Option("--head", metavar="N", help="From 1 (repeatable); default: their mean."),
    ] = None,
    max_tokens: Annotated[
        int,
        typer.Option("--max-tokens", min=1, metavar="N", help="Refuse longer ones: a map has N * N numbers."),
    ] = 1024,
    most: Annotated[
        int, typer.Option("--max-sequences", min=1, metavar="N", help="Refuse input with more sequences.")
    ] = 10,
    device: Device = "auto",
    tokenizer: TokenizerFile = None,
    json_file: JsonFile = None,
    report: PageFile = None,
) -> None:
    """Show where the tokens of one or a few sequences look: maps as JSON and as a page with heat maps.

    Prints how far and how widely every head looks.
    """
    from lexome.core.errors import BadInputError, UsageError
    from lexome.report.token_attention import head_table, write_token_attention_page
    from lexome.tasks.language.attention_maps import attention_json, attention_of_sequence
    from lexome.tasks.language.model import open_language_model
    from lexome.tasks.language.pieces import check_sequence

    check_outputs(json_file, report)
    where = ", ".join(map(str, files))
    wanted = set(names or ())
    chosen = []
    for name, sequence in source_of(files)():
        if wanted and name not in wanted:
            continue
        check_sequence(name, sequence, where)
        chosen.append((name, sequence))
        if len(chosen) > most:
            raise UsageError(f"{where}: more than {most} sequences; choose some with --name")
    missing = wanted - {name for name, _ in chosen}
    if missing:
        raise UsageError(f"{where}: holds no sequence '{min(missing)}'")
    if not chosen:
        raise BadInputError(f"{where}: holds no sequence")
    opened = open_language_model(model, device=device, tokenizer=tokenizer)
    found = [
        attention_of_sequence(opened, name, sequence, layers or (), heads or (), max_tokens)
        for name, sequence in chosen
    ]
    figures = attention_json(opened, found)
    give_out(figures, (head_table(figures),), write_token_attention_page, json_file, report)
