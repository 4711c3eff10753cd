"""How much of a signal a network has to see: convolutions of exact receptive fields on the synthetic tasks.

Every point is one training of two convolutions (the architecture "quartznet" with ordinary convolutions, a
batch normalisation and swish behind each, then one linear layer per sample). Its folder holds the training
and, once it is finished, `result.json`; the same experiment asked for again goes on where it was stopped.

Source: section 3.3 of Ordonez Cardenas 2024. Differs: DeepSimulator is replaced by the simulator of
`lexome simulate reads`; sizes, training and labels are not said there.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lexome import __version__
from lexome.checkpoint.build import build_network
from lexome.checkpoint.store import load
from lexome.core.config import to_dict
from lexome.core.errors import BadInputError, UsageError
from lexome.report.files import write_json
from lexome.simulate.oscillator import OscillatorConfig
from lexome.tasks.synthetic.signals import Kind, SignalSource
from lexome.tasks.synthetic.task import SyntheticConfig, SyntheticTask
from lexome.train.config import LoopConfig
from lexome.train.loop import train
from lexome.train.optim import OptimConfig
from lexome.train.state import RECORD, read_record

RESULT = "result.json"
TEST = "test"
WARMUP_SHARE = 0.1
SAMPLES, MARGIN_SAMPLES = 600, 75
KNEE = 21  # samples: where the thesis saw the accuracy of the segmentation jump


@dataclass(frozen=True)
class Experiment:
    """What is trained.

    Attributes:
        source: the task's signals.
        receptive_fields: in samples, odd.
        seeds: of each, 0, 1, ...: first weights and signals.
        steps: of each training.
        batch_size: signals of a step.
        width: channels of both convolutions.
        lr: peak of the learning rate.
        judged_signals: of validation and of test.
    """

    source: SignalSource
    receptive_fields: tuple[int, ...]
    seeds: int = 2
    steps: int = 500
    batch_size: int = 16
    width: int = 24
    lr: float = 4e-3
    judged_signals: int = 128

    def __post_init__(self) -> None:
        if not self.receptive_fields or len(set(self.receptive_fields)) < len(self.receptive_fields):
            raise UsageError("name receptive fields, each once")
        most = 2 * MARGIN_SAMPLES + 1
        for samples in self.receptive_fields:
            if samples % 2 == 0 or not 1 <= samples <= most:
                raise UsageError(
                    f"a receptive field of {samples} samples: it must be odd, to have a middle, and from 1 "
                    f"to {most}"
                )
        if min(self.seeds, self.steps, self.batch_size, self.width) < 1 or not self.lr > 0:
            raise UsageError("seeds, steps, batch size, width and learning rate must be positive")


def source_of(kind: Kind, noise: float = 1.0) -> SignalSource:
    """The signals of a task as the experiments have them, with a factor on all noise."""
    plain = OscillatorConfig()
    oscillator = replace(plain, noise=noise * plain.noise, noise_factor=noise * plain.noise_factor)
    return SignalSource(kind, SAMPLES, oscillator, noise)


def kernels_of(receptive_field: int) -> tuple[int, int]:
    """Two odd kernels, as alike as can be, the first not the narrower, that see so many samples together.

    Two convolutions see k1 + k2 - 1 samples.

    Raises:
        ValueError: for an even number of samples, or none.
    """
    if receptive_field < 1 or receptive_field % 2 == 0:
        raise ValueError(f"two odd kernels see an odd number of samples, not {receptive_field}")
    both = receptive_field + 1
    first = both // 2 if both // 2 % 2 else both // 2 + 1
    return first, both - first


def architecture_of(receptive_field: int, width: int) -> dict[str, Any]:
    """Two convolutions of exactly that receptive field, as a recipe names them."""
    blocks = [{"size": width, "kernel": kernel, "separable": False} for kernel in kernels_of(receptive_field)]
    return {"name": "quartznet", "config": {"blocks": blocks, "dropout": 0.0}}


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    on_point: Callable[[Mapping[str, Any]], None] = lambda result: None,
    on_log: Callable[[str, dict[str, Any]], None] = lambda point, row: None,
) -> dict[str, Any]:
    """Trains and judges the points that are not there yet.

    Args:
        experiment: what is trained.
        folder: gets a folder per point.
        on_point: told of each result, also of those that were there.
        on_log: told of the log rows of the training that runs, with the point's name.

    Returns:
        All figures as plain values; see `figures_of`.

    Raises:
        UsageError: if the folder holds points of another experiment.
        BadInputError: if a result there cannot be read.
    """
    results = []
    for receptive_field in experiment.receptive_fields:
        for seed in range(experiment.seeds):
            name = f"rf{receptive_field:03d}_seed{seed}"
            result = _point(
                experiment, receptive_field, seed, folder / name, lambda row, n=name: on_log(n, row)
            )
            results.append(result)
            on_point(result)
    return figures_of(experiment, results)


def _settings(experiment: Experiment, receptive_field: int, seed: int) -> dict[str, Any]:
    """What decides a point's result."""
    same = {k: v for k, v in to_dict(experiment).items() if k not in ("receptive_fields", "seeds")}
    return {**same, "receptive_field": receptive_field, "seed": seed}


def _point(
    experiment: Experiment, receptive_field: int, seed: int, folder: Path,
    on_log: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:  # fmt: skip
    settings = _settings(experiment, receptive_field, seed)
    there = _finished(folder, settings)
    if there is not None:
        return there
    is_begun = (folder / RECORD).exists()
    if is_begun and read_record(folder)["recipe"] != settings:
        raise UsageError(
            f"{folder}: this training was begun with other settings; name another folder with -o"
        )
    optim = OptimConfig(lr=experiment.lr, warmup_steps=max(1, round(WARMUP_SHARE * experiment.steps)))
    task = SyntheticTask(
        SyntheticConfig(experiment.source, MARGIN_SAMPLES, experiment.judged_signals, optim),
        architecture_of(receptive_field, experiment.width),
    )
    loop = LoopConfig(
        steps=experiment.steps, batch_size=experiment.batch_size, seed=seed,
        validate_every=max(1, experiment.steps // 4), save_every=max(1, experiment.steps // 4), device="cpu",
    )  # fmt: skip
    began_s = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    provenance = {"name": folder.name, "lexome_version": __version__, "seed": seed, "steps": experiment.steps}
    train(task, loop, folder, provenance, settings, resume=is_begun, on_log=on_log)
    checkpoint = load(str(folder / "model"))
    result = {
        "settings": settings,
        "receptive_field": receptive_field,
        "seed": seed,
        "kernels": list(kernels_of(receptive_field)),
        "parameters": checkpoint.num_parameters,
        "seconds": round(time.monotonic() - began_s, 1),
        "metrics": task.evaluate(build_network(checkpoint), TEST),
    }
    write_json(folder / RESULT, result)
    return result


def _finished(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result in a point's folder, None if there is none."""
    path = folder / RESULT
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        made_with = result["settings"]
        float(result["metrics"]["accuracy"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{path}: no result that can be read ({error}); remove the folder") from error
    if made_with != settings:
        raise UsageError(f"{path}: was trained with other settings; name another folder with -o")
    return result


def figures_of(experiment: Experiment, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All figures of an experiment as plain values.

    Returns:
        `points` (one per receptive field: mean, least and most of the metric over the seeds, and their
        parameters), `baseline` of that metric, `trainings` (every result), and `knee`: the mean metric of the
        largest receptive field below 21 samples and of the smallest from there on, or None.
    """
    kind = experiment.source.kind
    metric, baseline = ("border_f1", "even_f1") if kind == "borders" else ("accuracy", "majority_accuracy")
    points = []
    for samples in sorted(experiment.receptive_fields):
        own = [one for one in results if one["receptive_field"] == samples]
        values = [one["metrics"][metric] for one in own]
        accuracies = [one["metrics"]["accuracy"] for one in own]
        points.append(
            {
                "receptive_field": samples, "kernels": own[0]["kernels"], "parameters": own[0]["parameters"],
                "mean": sum(values) / len(values), "least": min(values), "most": max(values),
                "accuracy": sum(accuracies) / len(accuracies),
                "seconds": sum(one["seconds"] for one in own) / len(own),
            }
        )  # fmt: skip
    below = [point for point in points if point["receptive_field"] < KNEE]
    behind = [point for point in points if point["receptive_field"] >= KNEE]
    first = results[0]["metrics"]
    return {
        "lexome_version": __version__,
        "kind": kind,
        "metric": metric,
        "settings": to_dict(experiment),
        "baseline": first[baseline],
        "majority_accuracy": first["majority_accuracy"],
        "judged_samples": int(first["samples"]),
        "points": points,
        "knee": None
        if not (below and behind)
        else {
            "below": [below[-1]["receptive_field"], below[-1]["mean"]],
            "from": [behind[0]["receptive_field"], behind[0]["mean"]],
        },
        "trainings": [{k: v for k, v in one.items() if k != "settings"} for one in results],
    }
