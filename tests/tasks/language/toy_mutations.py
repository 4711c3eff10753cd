"""Tiny models that write text, and pairs, for tests."""

from pathlib import Path

import numpy as np
import torch

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component, save
from lexome.features.tokens import bpe_tokenizer, load_tokenizer, tokenizer_text
from lexome.models.registry import new_language_network
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.mutate_pairs import Pair, write_pairs

BPE = bpe_tokenizer(np.array([[0, 1], [2, 3], [4, 5]]))  # AC, GT, ACGT
RECIPE = """name = "toy"
tokenizer = "byte"
[architecture]
name = "enbed"
[architecture.config]
size = 16
num_layers = 1
num_heads = 2
head_size = 8
hidden = 16
narrow_radius = 4
num_global = 0
dropout = 0.0
[head]
name = "text"
[head.config]
num_layers = 1
num_heads = 2
head_size = 8
hidden = 16
dropout = 0.0
"""
DECODER = RECIPE.replace("num_layers = 1", "num_layers = 0", 1) + "cross_attention = false\n"


def writer(folder: Path, *, seed: int = 0, bpe: bool = False, alone: bool = False) -> LanguageModel:
    """A model with random weights that writes text: with bytes or BPE, the decoder alone or not."""
    torch.manual_seed(seed)
    tokenizer = BPE if bpe else load_tokenizer("byte")
    size = tokenizer.vocab_size
    shape = {"num_heads": 2, "head_size": 8, "hidden": 16, "dropout": 0.0, "vocab_size": size}
    config = {**shape, "size": 16, "num_layers": 0 if alone else 1, "num_global": 0, "narrow_radius": 4}
    head = {**shape, "num_layers": 1, "cross_attention": not alone, "start_id": 1 if bpe else 0}
    network = new_language_network({"name": "enbed", "config": config}, {"name": "text", "config": head})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)  # so that it has opinions
    checkpoint = Checkpoint(
        "language", Component("enbed", config), Component("text", head),
        {"tokenizer_json": tokenizer_text(tokenizer)}, None, {"name": "toy"}, weights_of(network),
    )  # fmt: skip
    save(folder, checkpoint, "a toy")
    return open_language_model(folder, device="cpu")


def classifier(folder: Path, names: tuple[str, ...] = ("clean", "noisy")) -> LanguageModel:
    """A classifier of bytes with random weights."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer("byte")
    config = {
        "vocab_size": tokenizer.vocab_size, "size": 16, "num_heads": 2, "head_size": 8, "hidden": 16,
        "num_layers": 1, "num_global": 0, "narrow_radius": 4,
    }  # fmt: skip
    head = {"num_outputs": len(names)}
    network = new_language_network({"name": "enbed", "config": config}, {"name": "sequence", "config": head})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)
    features = {
        "tokenizer_json": tokenizer_text(tokenizer),
        "target": {"kind": "classes", "names": list(names), "mean": 0.0, "scale": 1.0},
    }
    checkpoint = Checkpoint(
        "language", Component("enbed", config), Component("sequence", head), features, None,
        {"name": "judge"}, weights_of(network),
    )  # fmt: skip
    save(folder, checkpoint, "a toy")
    return open_language_model(folder, device="cpu")


def family(path: Path) -> list[Pair]:
    """Twelve pairs of five letters with sets, in a file: every second child has another last letter."""
    pairs = [
        Pair("r", f"{s}{i}", "ACTGG", "ACTGC" if i % 2 else "ACTGG", s)
        for s in ("training", "validation", "test")
        for i in range(4)
    ]
    write_pairs(path, pairs)
    return pairs
