"""Small language models and labelled sets for tests."""

from pathlib import Path

import numpy as np

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.features.tokens import load_tokenizer, tokenizer_text
from lexome.models.registry import new_language_network
from lexome.tasks.language.labelled import LabelledSet
from lexome.tasks.language.targets import Kind, Target

TOKENIZER = load_tokenizer("nucleotide", uppercase=True)
CONFIG = {
    "vocab_size": TOKENIZER.vocab_size, "size": 24, "num_layers": 1, "num_heads": 4, "hidden": 24,
    "dropout": 0.0, "conv_widths": [7], "initial_std": 0.2,
}  # fmt: skip
MOTIF, OTHER = "GATTACA", "CCGGCCG"


def masked_model(seed: int = 0) -> Checkpoint:
    """A masked language model with new weights."""
    import torch

    torch.manual_seed(seed)
    head = Component("masked_lm", {"vocab_size": TOKENIZER.vocab_size})
    network = new_language_network(
        {"name": "dnabert2", "config": CONFIG}, {"name": head.name, "config": head.config}
    )
    features = {"tokenizer_json": tokenizer_text(TOKENIZER)}
    return Checkpoint(
        "language",
        Component("dnabert2", dict(CONFIG)),
        head,
        features,
        None,
        {"name": "toy"},
        weights_of(network),
    )


def saved_model(folder: Path) -> Path:
    """The same on disk."""
    save(folder, masked_model(), "a toy")
    return folder


def motif_set(count: int, kind: Kind = "classes", seed: int = 0) -> LabelledSet:
    """Random sequences of 40 bases; motifs in them decide classes, labels or a value."""
    rng = np.random.default_rng(seed)
    sequences, has_NK = [], np.zeros((count, 2), np.float32)
    for n in range(count):
        letters = rng.choice(list("ACGT"), 40)
        for k, (motif, at) in enumerate(((MOTIF, 5), (OTHER, 25))):
            if rng.random() < 0.5:
                letters[at : at + 7] = list(motif)
                has_NK[n, k] = 1
        sequences.append("".join(letters))
    names = [str(n + 1) for n in range(count)]
    truth, target = {
        "classes": (has_NK[:, 0].astype(np.int64), Target("classes", ("without", "with"))),
        "labels": (has_NK, Target("labels", ("motif", "other"))),
        "value": (10 + 4 * has_NK[:, 0] - 2 * has_NK[:, 1], Target("value", ("level",), 11.0, 2.2)),
    }[kind]
    return LabelledSet(Path("motifs.csv"), names, sequences, truth, target)


def write_table(path: Path, labelled: LabelledSet) -> Path:
    """A set as a table, in the form of its kind."""
    target = labelled.target
    rows = []
    for sequence, truth in zip(labelled.sequences, labelled.truth, strict=True):
        if target.kind == "classes":
            label = target.names[int(truth)]
        elif target.kind == "labels":
            label = ";".join(n for n, on in zip(target.names, truth, strict=True) if on)
        else:
            label = str(float(truth))
        rows.append(f"{sequence},{label}")
    path.write_text("sequence,label\n" + "\n".join(rows) + "\n")
    return path


BYTES = load_tokenizer("byte", uppercase=True)
ENBED = {
    "vocab_size": 384, "size": 24, "num_layers": 2, "num_heads": 2, "head_size": 12, "hidden": 24,
    "narrow_radius": 6, "narrow_layers": 1, "radius": 8, "num_global": 2, "dropout": 0.0,
}  # fmt: skip


def enbed_model(head: str = "text", seed: int = 0, *, decoder_only: bool = False) -> Checkpoint:
    """An ENBED with new weights that differ much: writing text, scoring masked bytes, or classifying."""
    import torch

    shape = {"num_layers": 1, "num_heads": 2, "head_size": 12, "hidden": 24, "dropout": 0.0}
    heads = {
        "text": {"vocab_size": 384, **shape, "cross_attention": not decoder_only},
        "masked_lm": {"vocab_size": 384},
        "sequence": {"num_outputs": 2, "pooling": "mean"},
    }
    features: dict[str, object] = {"tokenizer_json": tokenizer_text(BYTES)}
    if head == "text":
        spans = {"share": 0.15, "mean_span": 7.0, "sentinels": "descending", "too_few_sentinels": "merge"}
        features["span_corruption"] = spans
    encoder = ENBED | ({"num_layers": 0, "num_global": 0} if decoder_only else {})
    torch.manual_seed(seed)
    network = new_language_network(
        {"name": "enbed", "config": encoder}, {"name": head, "config": heads[head]}
    )
    return Checkpoint(
        "language", Component("enbed", encoder), Component(head, heads[head]), features, None,
        {"name": f"toy_{head}"}, weights_of(network),
    )  # fmt: skip


def saved_text_model(folder: Path) -> Path:
    """One that writes text, on disk."""
    save(folder, enbed_model(), "a toy")
    return folder
