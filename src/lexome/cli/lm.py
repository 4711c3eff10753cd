"""`lexome lm`: language models of DNA."""

import typer

from lexome.cli import (
    lm_annotate,
    lm_attention,
    lm_embed,
    lm_finetune,
    lm_gue,
    lm_mutate,
    lm_noise,
    lm_predict,
    lm_pretrain,
    lm_score,
    lm_tokenizer,
)

app = typer.Typer(name="lm", help="DNA language models.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """DNA language models."""


app.command()(lm_pretrain.pretrain)
app.command()(lm_finetune.finetune)
app.command()(lm_predict.predict)
app.command()(lm_embed.embed)
app.command()(lm_score.score)
app.command()(lm_attention.attention)
app.add_typer(lm_tokenizer.app, name="tokenizer")
app.add_typer(lm_gue.app, name="gue")
app.add_typer(lm_noise.app, name="noise")
app.add_typer(lm_annotate.app, name="annotate")
app.add_typer(lm_mutate.app, name="mutate")
