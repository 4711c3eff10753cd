"""Function as text: a decoder learns to write type|name|function of fragments, and is judged part by part."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lexome.checkpoint.build import build_language_network
from lexome.checkpoint.store import Checkpoint, load, save
from lexome.core.config import to_dict
from lexome.core.errors import UsageError
from lexome.evaluate.classification import confusion, f1_by_class
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.nn.language import LanguageNetwork
from lexome.nn.onednn_linear import use_onednn
from lexome.report.files import write_json
from lexome.tasks.finetuning import MODEL, TRAINING, begin
from lexome.tasks.language.generate import GenerateConfig, generate
from lexome.tasks.language.model import tokenizer_of
from lexome.tasks.language.sequences import read_rows
from lexome.tasks.language.set_folder import DEV, TRAIN, tables_of, write_rows
from lexome.tasks.language.text_task import Pairs, TextTask, TextTaskConfig
from lexome.train.card import model_card
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.state import RECORD

FIGURES, ANSWERS = "figures.json", "answers.tsv"
PARTS = ("type", "name", "function")
ANSWERED_AT_ONCE = 16
UNKNOWN_TYPE = "(none)"


@dataclass(frozen=True)
class TextRequest:
    """What to learn, from what, and how.

    Attributes:
        model: with a decoder of text.
        folder: of `lexome lm annotate prepare`.
        epochs: times that the training set is gone through.
        batch_size: fragments of a step.
        lr: the highest learning rate.
        new_weights: begin with new weights.
        max_answer: tokens of an answer.
        beams: texts that are followed at once when answers are judged.
        most_judged: fragments of a set for which answers are written; 0: all.
        threads: of torch.
        device: where to train.
        seed: of all that is drawn.
    """

    model: str
    folder: Path
    epochs: float = 3.0
    batch_size: int = 32
    lr: float = 5e-4
    new_weights: bool = False
    max_answer: int = 128
    beams: int = 1
    most_judged: int = 500
    threads: int = 1
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class AnsweredSet:
    """Answers that were written for fragments of a set, beside the true ones."""

    names: tuple[str, ...]
    truth: tuple[str, ...]
    written: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """How many parts are right, and F1 of the types; an unknown type is wrong for all."""
        true, said = [_parts(text) for text in self.truth], [_parts(text) for text in self.written]
        right = {
            part: float(np.mean([a[i] == b[i] for a, b in zip(true, said, strict=True)]))
            for i, part in enumerate(PARTS)
        }
        types = sorted({one[0] for one in true})
        index = {name: i for i, name in enumerate([*types, UNKNOWN_TYPE])}
        truth_N = np.array([index[one[0]] for one in true])
        said_N = np.array([index.get(one[0], len(types)) for one in said])
        one_hot_NK = np.eye(len(index))[said_N]
        of_class = dict(zip(types, f1_by_class(one_hot_NK, truth_N), strict=False))
        known = [value for value in of_class.values() if value is not None]
        return {
            "fragments": len(true),
            "right": right,
            "whole_answer": float(np.mean([a == b for a, b in zip(self.truth, self.written, strict=True)])),
            "f1_by_type": of_class,
            "f1_macro": float(np.mean(known)),
            "types": [*types, UNKNOWN_TYPE],
            "confusion": confusion(one_hot_NK, truth_N).tolist(),
        }


def _parts(answer: str) -> tuple[str, str, str]:
    kind, _, rest = answer.partition("|")
    name, _, function = rest.partition("|")
    return kind, name, function


def read_pairs(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Names, sequences and answers of a table.

    Raises:
        BadInputError: if a column is missing.
    """
    rows = [row for _, row in read_rows(path, ["name", "sequence", "answer"], longest_field=300_000_000)]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def train_text(
    request: TextRequest,
    output: Path,
    version: str,
    *,
    resume: bool = False,
    on_log: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, dict[str, Any]]:
    """Teaches a decoder the answers, and judges it on dev, test and test_species.

    Args:
        request: what to do.
        output: gets model/, training/, figures.json and answers.tsv.
        version: of lexome, for the model's record.
        resume: go on with a training that was stopped; the request must be the same.
        on_log: told every row of the log.

    Returns:
        Figures by set.

    Raises:
        UsageError: if the output holds something already, or the model writes no text.
        BadInputError: if a file cannot be read.
    """
    tables = tables_of(request.folder)
    if DEV not in tables:
        raise UsageError(
            f"{request.folder}: no {DEV}.csv there; make the folder with 'lexome lm annotate prepare'"
        )
    model = load(request.model)
    tokenizer = tokenizer_of(model)
    sets = {
        "training": encoded(tables[TRAIN], tokenizer, request.max_answer),
        "validation": encoded(tables[DEV], tokenizer, request.max_answer),
    }
    task = TextTask(_config(request, len(sets["training"])), model, sets, {"answers": list(PARTS)})
    begin(to_dict(request), output, resume)
    per_epoch = max(1, len(sets["training"]) // request.batch_size)
    loop = LoopConfig(
        steps=max(1, round(request.epochs * per_epoch)), batch_size=min(request.batch_size,
        len(sets["training"])), seed=request.seed, validate_every=max(1, per_epoch // 2), save_every=max(1,
        per_epoch // 2), log_every=min(50, per_epoch), threads=request.threads, device=request.device,
    )  # fmt: skip
    provenance = {"name": f"{model.name}_annotate", "lexome_version": version, "seed": request.seed}
    record = {"request": {key: str(value) for key, value in to_dict(request).items()}, "loop": to_dict(loop)}
    folder = output / TRAINING
    train(task, loop, folder, provenance, record, resume=(folder / RECORD).exists(), on_log=on_log)
    best = load(folder / MODEL)
    answered = {split: answers_of(best, path, request) for split, path in tables.items() if split != TRAIN}
    figures = {split: one.figures() for split, one in answered.items()}
    _write(output, best, answered, figures)
    return figures


def _config(request: TextRequest, count: int) -> TextTaskConfig:
    steps = max(1, round(request.epochs * max(1, count // request.batch_size)))
    usual = TextTaskConfig().optim
    optim = dataclasses.replace(usual, lr=request.lr, warmup_steps=min(usual.warmup_steps, steps // 5))
    return TextTaskConfig(new_weights=request.new_weights, optim=optim)


def encoded(path: Path, tokenizer: Tokenizer, max_answer: int) -> Pairs:
    """The pairs of a table as tokens; longer answers are cut before their end.

    Raises:
        UsageError: if the tokenizer has no token for the end.
    """
    _, sequences, answers = read_pairs(path)
    return Pairs(
        tokenizer.encode_batch(sequences), [_answer_ids(text, tokenizer, max_answer) for text in answers]
    )


def _answer_ids(text: str, tokenizer: Tokenizer, max_answer: int) -> np.ndarray:
    # as it is written: the encoder's tokens are those of upper case
    ids = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) + _first_byte(tokenizer)
    return np.append(ids[: max_answer - 1], tokenizer.suffix[-1]).astype(np.int64)


def _first_byte(tokenizer: Tokenizer) -> int:
    from lexome.features.tokens_byte import FIRST_BYTE

    if tokenizer.vocab_size < FIRST_BYTE + 256 or not tokenizer.suffix:
        raise UsageError(
            "answers are written in bytes; take a model with the byte tokenizer, such as 'enbed'"
        )
    return FIRST_BYTE


def answers_of(model: Checkpoint, path: Path, request: TextRequest) -> AnsweredSet:
    """Writes the answers for the fragments of a table."""
    tokenizer = tokenizer_of(model)
    names, sequences, truth = (one[: request.most_judged or None] for one in read_pairs(path))
    network = build_language_network(model)
    use_onednn(network)
    ids = tokenizer.encode_batch(sequences)
    written = write_answers(network, ids, tokenizer, GenerateConfig(request.beams, request.max_answer))
    cut = [_text(_answer_ids(text, tokenizer, request.max_answer), tokenizer) for text in truth]
    return AnsweredSet(tuple(names), tuple(cut), tuple(written))


def write_answers(
    network: LanguageNetwork, sources: Sequence[np.ndarray], tokenizer: Tokenizer, config: GenerateConfig
) -> list[str]:
    """The best answer to every source."""
    found: list[str] = []
    network.eval()
    for start in range(0, len(sources), ANSWERED_AT_ONCE):
        texts = generate(
            network, sources[start : start + ANSWERED_AT_ONCE], config, end_id=tokenizer.suffix[-1]
        )
        found += [_text(one[0].ids, tokenizer) for one in texts]
    return found


def _text(ids: np.ndarray, tokenizer: Tokenizer) -> str:
    first = _first_byte(tokenizer)
    letters = bytes(int(i) - first for i in ids if first <= i < first + 256)
    return letters.decode("utf-8", "replace")


def _write(
    output: Path, model: Checkpoint, answered: Mapping[str, AnsweredSet], figures: Mapping[str, Any]
) -> None:
    rows = [
        (split, *row)
        for split, one in answered.items()
        for row in zip(one.names, one.truth, one.written, strict=True)
    ]
    write_rows(output / ANSWERS, ("set", "name", "truth", "answer"), rows)
    write_json(output / FIGURES, {"sets": dict(figures)})
    told = dataclasses.replace(model, provenance={**model.provenance, "figures": dict(figures)})
    save(output / MODEL, told, model_card(told))
