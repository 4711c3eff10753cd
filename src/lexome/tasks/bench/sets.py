"""The experiments of the basecalling thesis that train networks: which trials each of them is made of.

Source: "Towards faster sequence-to-sequence models for basecalling" (Ordonez Cardenas 2024); the table or
figure is named beside each. What differs: far less data (`trials.Settings`), a head of three bases of state
in the Bonito family, four layers instead of six in SACall's, and label identity on held-out chunks instead
of accuracy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lexome.core.errors import UsageError, nearest
from lexome.models.named import named_architecture
from lexome.nn.gru_ablations import CODES
from lexome.tasks.bench.trials import Trial

CRF = {
    "name": "crf",
    "config": {"state_len": 3, "blank_score": 2.0, "bias": True, "activation": "tanh", "scale": 5.0},
}
CTC = {"name": "ctc", "config": {}}
# Attention learns nothing at the rate of the others; their share of it, set beforehand and never tuned.
ATTENTION_RATE = 0.25
MAIN_FAMILIES = ("bonito", "bonito_gru", "dense_base_conv", "parallel_rnn", "sacall")
WITH_BOTH_HEADS = (
    "bonito", "bonito_gru", "bonito_parallel_lstm", "dense_base_conv", "parallel_rnn", "bonito_min_gru",
)  # fmt: skip
# those that table 5.1 has, and then every other network that is trained on chunks of signal
TABLE_5_1 = (
    "bonito", "bonito_gru", "bonito_parallel_lstm", "dense_base_conv", "parallel_rnn", "sacall",
    "bonito_kan_conv1", "bonito_kan_conv2", "bonito_kan_conv2_sine", "sacall_cot",
    "bonito_elman", "bonito_min_gru", "s4", "mamba2", "catcaller", "bigbird", "local_transformer",
    "quartznet", "bonito_taylor", "bonito_fourier", "causalcall", "bonito_slstm", "sacall_fast_feed_forward",
    "sacall_experts", "reformer", "mamba",
    "mamba_cot", "bonito_mlstm",
)  # fmt: skip
STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Experiment:
    """A set of trials.

    Attributes:
        what: what it asks, in one line.
        place: where the thesis has it.
        columns: the labels by which its trials differ, in the order of a table.
        make: the trials of one seed, of a width.
        widths: those that it takes if none are given.
        more_seeds: architectures that have a second seed if no number is asked for.
        needs_teacher: whether some of its trials learn from a model.
    """

    what: str
    place: str
    columns: tuple[str, ...]
    make: Callable[[int], Iterator[Trial]]
    widths: tuple[int, ...] = (128,)
    more_seeds: tuple[str, ...] = ()
    needs_teacher: bool = False


def is_attention(name: str) -> bool:
    """Whether the layers of a named architecture are those of a transformer."""
    return named_architecture(name, 64)["name"] in (
        "sacall",
        "bigbird",
        "reformer",
        "catcaller",
        "transformer",
    )


def head_of(name: str) -> dict[str, Any]:
    """A CRF for Bonito's family and the two that were made from it, CTC for the others."""
    return CRF if named_architecture(name, 64)["name"] in _WITH_CRF else CTC


_WITH_CRF = ("bonito", "with_inputs", "parallel_rnn", "dense_base_conv")


def named_trial(name: str, width: int, head: dict[str, Any] | None = None) -> Trial:
    """The trial of a named architecture."""
    head = head or head_of(name)
    return Trial(
        f"{name}-{width}-{head['name']}",
        {"architecture": name, "width": width, "head": head["name"]},
        named_architecture(name, width),
        head,
        lr_factor=ATTENTION_RATE if is_attention(name) else 1.0,
    )


def _architectures(width: int) -> Iterator[Trial]:
    for name in TABLE_5_1:
        yield named_trial(name, width)
    for name in WITH_BOTH_HEADS:  # so that the head's part in a difference can be seen
        yield named_trial(name, width, CTC)


def _ablations(width: int) -> Iterator[Trial]:
    for code in CODES:
        table = named_architecture("bonito_gru_ablation", width)
        for layer in table["config"]["lstms"]:
            layer["ablation"] = code
        yield Trial(f"gru-{code}-{width}", {"ablation": code, "width": width}, table, CTC)


def _thoughts(width: int) -> Iterator[Trial]:
    rows = (
        ("two-layer transformer", named_architecture("sacall", width, 2), ATTENTION_RATE),
        ("chain of thought, version 5", named_architecture("cot_two_step", width, 2), ATTENTION_RATE),
        ("two-layer GRU", named_architecture("bonito_gru", width, 2), 1.0),
    )
    for label, table, rate in rows:
        yield Trial(f"{_slug(label)}-{width}", {"network": label, "width": width}, table, CTC, lr_factor=rate)


def _kan(width: int) -> Iterator[Trial]:
    for name in ("bonito", "bonito_kan_conv1", "bonito_kan_conv2", "bonito_kan_conv2_sine"):
        yield named_trial(name, width)


def _heads(width: int) -> Iterator[Trial]:
    for name in ("sacall", "local_transformer"):
        for heads in (1, 2, 4, 8):
            table = named_architecture(name, width)
            table["config"]["num_heads"] = heads
            labels = {"architecture": name, "heads": heads, "width": width}
            yield Trial(f"{name}-{heads}heads-{width}", labels, table, CTC, lr_factor=ATTENTION_RATE)


def _experts(width: int) -> Iterator[Trial]:
    for name in ("sacall", "sacall_experts", "sacall_grouped_experts", "sacall_fast_feed_forward"):
        yield named_trial(name, width)


def _mixer(width: int) -> Iterator[Trial]:
    for kernel in (1, 3, 5, 9, 17):
        table = named_architecture("parallel_rnn", width)
        for layer in table["config"]["layers"]:
            layer["mixer"] = kernel
        yield Trial(f"mixer-{kernel}-{width}", {"mixer": str(kernel), "width": width}, table, CTC)
    gru = named_architecture("bonito_gru", width, 2)
    yield Trial(f"gru-{width}", {"mixer": "two-layer GRU", "width": width}, gru, CTC)


def _locality(width: int) -> Iterator[Trial]:
    """One convolution of so many filters (`width`), ReLU, five outputs; a step every sample.

    As one block of QuartzNet, which differs from the thesis by a batch normalisation.
    """
    for kernel in (1, 3, 5, 9, 17, 25, 33, 49, 65):
        block = {"size": width, "kernel": kernel, "separable": False}
        table = {"name": "quartznet", "config": {"blocks": [block], "activation": "relu", "dropout": 0.0}}
        yield Trial(f"k{kernel}-f{width}", {"kernel": kernel, "filters": width}, table, CTC)


def _distillation(width: int) -> Iterator[Trial]:
    """Students of one teacher, which learn from it for a part of their training."""
    for student, target in (("bonito", "encoder"), ("bonito", "decoder"), ("bonito_gru", "encoder")):
        for stop in STOPS:
            plain = named_trial(student, width)
            if stop == 0 and target == "decoder":
                continue  # the same training as without a teacher's features
            labels = {"student": student, "target": target if stop else "-", "stop": stop, "width": width}
            name = f"{student}-{width}-{target}-stop{round(100 * stop)}"
            table = {"target": target, "stop_fraction": stop}
            yield replace(plain, name=name, labels=labels, more={"distill": table} if stop else {})


EXPERIMENTS: dict[str, Experiment] = {
    "architectures": Experiment(
        "every architecture, trained alike", "table 5.1", ("architecture", "width", "head"),
        _architectures, (64, 128), more_seeds=MAIN_FAMILIES,
    ),
    "ablations": Experiment(
        "what a GRU needs: 33 changes and two baselines", "table 4.1", ("ablation",), _ablations
    ),
    "thoughts": Experiment("a chain of thought against a transformer and a GRU", "table 4.2", ("network",),
    _thoughts),
    "kan": Experiment("Kolmogorov-Arnold convolutions in Bonito", "table 4.4", ("architecture",), _kan),
    "heads": Experiment("how many heads attention needs", "4.2.2", ("architecture", "heads"), _heads),
    "experts": Experiment("mixtures of experts and fast feed-forwards", "4.2.5", ("architecture",), _experts),
    "mixer": Experiment("how wide ParallelRNN's mixer must be", "figure 5.4", ("mixer",), _mixer),
    "locality": Experiment(
        "how far a single convolution must see", "figure 3.1", ("filters", "kernel"), _locality, (4, 16, 64)
    ),
    "distillation": Experiment(
        "when to stop learning from a teacher", "figure 4.2", ("student", "target", "stop"), _distillation,
        (64,),
        needs_teacher=True,
    ),
}  # fmt: skip


def trials_of(
    experiment: str,
    widths: Sequence[int] = (),
    seeds: int = 0,
    only: Sequence[str] = (),
    teacher: str = "",
) -> list[Trial]:
    """The trials of an experiment, the first seed of all of them before the second.

    Args:
        experiment: a key of `EXPERIMENTS`.
        widths: instead of the experiment's own.
        seeds: of every trial; 0: one, and a second of the experiment's `more_seeds`.
        only: values of the first column, to leave out all others.
        teacher: the model that students learn from, in an experiment that has any.

    Raises:
        UsageError: for an unknown experiment or value, or a teacher where none is needed.
    """
    if experiment not in EXPERIMENTS:
        raise UsageError(f"unknown experiment '{experiment}'; {nearest(experiment, EXPERIMENTS)}")
    asked = EXPERIMENTS[experiment]
    if teacher and not asked.needs_teacher:
        raise UsageError(f"experiment '{experiment}' needs no teacher")
    first = [trial for width in (widths or asked.widths) for trial in asked.make(width)]
    key = asked.columns[0]
    known = list(dict.fromkeys(str(trial.labels[key]) for trial in first))
    for value in only:
        if value not in known:
            raise UsageError(f"experiment '{experiment}' has no {key} '{value}'; {nearest(value, known)}")
    if only:
        first = [trial for trial in first if str(trial.labels[key]) in only]
    result = []
    for seed in range(seeds or 1 + bool(asked.more_seeds)):
        extra = not seeds and seed > 0
        for trial in first:
            if not extra or _has_more(trial, asked):
                more = {"distill": {**trial.more["distill"], "teacher": teacher}} if trial.more else {}
                result.append(replace(trial, name=f"{trial.name}-seed{seed}", seed=seed, more=more))
    return result


def _has_more(trial: Trial, asked: Experiment) -> bool:
    """Whether a trial has a second seed where only some have: with the head of its family."""
    name = str(trial.labels[asked.columns[0]])
    return name in asked.more_seeds and trial.labels.get("head") == head_of(name)["name"]


def _slug(text: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in text).split())
