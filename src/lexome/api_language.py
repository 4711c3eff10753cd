"""Language models from Python: vectors and predictions of sequences. Found as `lexome.load_language_model`.

Nothing inside the package imports this module.

Shapes: N sequences, D features, K outputs.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lexome.tasks.language.embed import EmbedConfig, Pool, embed
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.pieces import CutConfig, check_sequence, pieces
from lexome.tasks.language.predict import PredictConfig, predict

__all__ = ["SequenceModel", "load_language_model"]


def load_language_model(
    model: str | os.PathLike[str], *, device: str = "auto", tokenizer: str | None = None
) -> "SequenceModel":
    """Loads a language model.

    Args:
        model: name of a bundled model, the folder of one (of lexome, or DNABERT-2 as Hugging Face keeps it),
            or a name on the hub.
        device: "auto", "cpu" or "cuda:N".
        tokenizer: a tokenizer.json instead of the model's.

    Raises:
        UsageError: for an unknown name or device, or a model of another task.
        BadInputError: if the model's folder is damaged, or has no tokenizer.
    """
    source = model if isinstance(model, str) else Path(model)
    return SequenceModel(open_language_model(source, device=device, tokenizer=tokenizer))


class SequenceModel:
    """A language model ready to read sequences; made by `load_language_model`."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def __repr__(self) -> str:
        return f"<SequenceModel {self.name}>"

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def outputs(self) -> tuple[str, ...]:
        """What `predict` gives: classes, labels, or the name of a value; empty for masked models."""
        return () if self._model.target is None else self._model.target.names

    def embed(
        self,
        sequences: Sequence[str],
        *,
        pool: Pool = "mean",
        layer: int | None = None,
        rc_average: bool = False,
        window_bp: int | None = None,
        overlap_bp: int = 0,
    ) -> list[Float[np.ndarray, "_ D"]]:
        """Vectors of sequences.

        Args:
            sequences: bases; lower case is read as upper case.
            pool: "mean" of the tokens (special ones are not in it), "cls": one vector each; "token", "base":
                one per token or base.
            layer: from 0, the embedding; None is the last one.
            rc_average: the mean with the reverse complement.
            window_bp: cut longer sequences into windows; None: leave them whole.
            overlap_bp: that windows share.

        Returns:
            One array per sequence, float32; `numpy.concatenate` makes (N, D) of them for "mean" and "cls".

        Raises:
            UsageError: for a layer or a combination that does not exist.
            BadInputError: if a sequence is empty or holds no base.
        """
        config = EmbedConfig(pool, layer, CutConfig(window_bp, overlap_bp), rc_average)
        named = _named(sequences)
        cut = pieces(lambda: iter(named), self._model.tokenizer, config.cut, both_strands=rc_average)
        parts: list[list[np.ndarray]] = [[] for _ in named]
        for embedding in embed(self._model, cut, config):
            parts[embedding.record].append(embedding.vectors_RD)
        return [np.concatenate(one) for one in parts]

    def predict(
        self, sequences: Sequence[str], *, rc_average: bool | None = None
    ) -> Float[np.ndarray, "N K"]:
        """Probabilities of `outputs`, or values, of sequences.

        Args:
            sequences: bases; lower case is read as upper case.
            rc_average: the mean with the reverse complement; None: as the model was fine-tuned.

        Raises:
            UsageError: if it is a masked language model.
            BadInputError: if a sequence is empty or holds no base.
        """
        both = self._model.averages_strands if rc_average is None else rc_average
        config = PredictConfig(rc_average=both)
        named = _named(sequences)
        cut = pieces(lambda: iter(named), self._model.tokenizer, config.cut, both_strands=both)
        made = [one.outputs_K for one in predict(self._model, cut, config)]
        return np.stack(made) if made else np.zeros((0, len(self.outputs)))


def _named(sequences: Sequence[str]) -> list[tuple[str, str]]:
    """Sequences with their numbers as names, checked."""
    named = [(str(number), sequence) for number, sequence in enumerate(sequences)]
    for name, sequence in named:
        check_sequence(name, sequence, "sequences")
    return named
