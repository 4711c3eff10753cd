"""`lexome lm`: language models of DNA."""

import typer

from lexome.cli import lm_tokenizer

app = typer.Typer(name="lm", help="DNA language models.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """DNA language models."""


app.add_typer(lm_tokenizer.app, name="tokenizer")
