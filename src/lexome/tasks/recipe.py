"""From a recipe (TOML) to a task and the loop's settings; the only place that knows the tasks to train."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexome.compress.distill import DistillConfig, DistillTask
from lexome.compress.gates import GatesConfig, GateTask
from lexome.compress.masks import PruneConfig, PruneTask
from lexome.compress.quantize_config import QuantizeConfig
from lexome.compress.quantize_task import QuantizeTask
from lexome.compress.skipclip import SkipClipConfig, SkipClipTask
from lexome.core.config import apply_overrides, from_dict, read_toml, to_dict
from lexome.core.errors import UsageError, nearest
from lexome.features.signal import SignalConfig
from lexome.tasks.basecall.task import BasecallTask, BasecallTaskConfig
from lexome.tasks.correct.distil import DistilConfig, DistilTask
from lexome.tasks.correct.task import CorrectTask, CorrectTaskConfig
from lexome.tasks.language.pretrain import PretrainConfig, PretrainTask
from lexome.tasks.language.pretrain_text import PretrainTextTask, pretrain_task
from lexome.train.loop import LoopConfig
from lexome.train.task import Task

KEYS = ("task_kind", "name", "architecture", "head", "signal", "task", "loop")
WITHOUT_SIGNAL = tuple(key for key in KEYS if key != "signal")
METHODS = ("distill", "quantize", "skipclip")  # tables of methods that make a basecaller smaller
PRUNING = ("prune", "gates")  # these go around a task with or without a teacher
KEYS_OF = {
    "basecall": (*KEYS, *METHODS, *PRUNING),
    "correct": (*WITHOUT_SIGNAL, "distil", "prune"),
    "language": (*WITHOUT_SIGNAL, "prune"),
}
TASK_KINDS = tuple(KEYS_OF)


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe: `data` is what was read with all overrides applied."""

    name: str
    data: dict[str, Any]
    loop: LoopConfig

    def task(self) -> Task:
        """Builds the task; opens its stores.

        Raises:
            LexomeError: if a store is missing or the configuration is wrong.
        """
        where = f"recipe {self.name}"
        if self.data["task_kind"] == "correct":
            return self._pruned(where, self._correct_task(where))
        if self.data["task_kind"] == "language":
            return self._pruned(where, self._language_task(where))
        return self._pruned(where, self._basecall_task(where))

    def _pruned(self, where: str, task: Task) -> Task:
        """The task, with fewer and fewer weights or units if the recipe says so."""
        methods = [f"[{name}]" for name in (*PRUNING, *METHODS) if name in self.data and name != "distill"]
        if len(methods) > 1:  # a teacher goes with either
            raise UsageError(
                f"{where}: {' and '.join(methods)} cannot be one training; do one after the other"
            )
        if "prune" in self.data:
            return PruneTask(from_dict(PruneConfig, self.data["prune"], f"{where}, [prune]"), task)
        if "gates" in self.data:
            return GateTask(from_dict(GatesConfig, self.data["gates"], f"{where}, [gates]"), task)
        return task

    def _basecall_task(self, where: str) -> BasecallTask | DistillTask | QuantizeTask | SkipClipTask:
        task = BasecallTask(
            from_dict(BasecallTaskConfig, self.data.get("task", {}), f"{where}, [task]"),
            self.data["architecture"],
            self.data["head"],
            from_dict(SignalConfig, self.data.get("signal", {}), f"{where}, [signal]"),
        )
        methods = [f"[{name}]" for name in METHODS if name in self.data]
        if len(methods) > 1:
            raise UsageError(
                f"{where}: {' and '.join(methods)} cannot be one training; do one after the other"
            )
        if "skipclip" in self.data:
            return self._skipclip_task(where, task)
        if "quantize" in self.data:
            return QuantizeTask(
                from_dict(QuantizeConfig, self.data["quantize"], f"{where}, [quantize]"), task
            )
        if "distill" not in self.data:
            return task
        return DistillTask(from_dict(DistillConfig, self.data["distill"], f"{where}, [distill]"), task)

    def _skipclip_task(self, where: str, task: BasecallTask) -> SkipClipTask:
        clipped = SkipClipTask(from_dict(SkipClipConfig, self.data["skipclip"], f"{where}, [skipclip]"), task)
        clipped.check_loop(self.loop)
        return clipped

    def _correct_task(self, where: str) -> CorrectTask | DistilTask:
        config = from_dict(CorrectTaskConfig, self.data.get("task", {}), f"{where}, [task]")
        task = CorrectTask(config, self.data["architecture"], self.data["head"])
        if "distil" not in self.data:
            return task
        return DistilTask(from_dict(DistilConfig, self.data["distil"], f"{where}, [distil]"), task)

    def _language_task(self, where: str) -> PretrainTask | PretrainTextTask:
        config = from_dict(PretrainConfig, self.data.get("task", {}), f"{where}, [task]")
        return pretrain_task(config, self.data["architecture"], self.data["head"])


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe and applies `--set` overrides.

    Raises:
        UsageError: for an unknown key (with the nearest one), a missing or a wrong one.
    """
    return resolve_recipe(apply_overrides(read_toml(path), overrides), str(path))


def resolve_recipe(data: Mapping[str, Any], where: str) -> Recipe:
    """Checks a recipe's tables and fills in defaults."""
    keys = KEYS_OF.get(str(data.get("task_kind")), KEYS)
    for key in data:
        if key not in keys:
            raise UsageError(f"{where}: unknown key '{key}'; {nearest(key, keys)}")
    for key in ("task_kind", "name", "architecture", "head", "loop"):
        if key not in data:
            raise UsageError(f"{where}: key '{key}' is missing")
    if data["task_kind"] not in TASK_KINDS:
        raise UsageError(
            f"{where}: unknown task_kind '{data['task_kind']}'; {nearest(str(data['task_kind']), TASK_KINDS)}"
        )
    for key in ("architecture", "head"):
        table = data[key]
        if not isinstance(table, Mapping) or set(table) != {"name", "config"}:
            raise UsageError(f"{where}, [{key}]: needs exactly the keys 'name' and 'config'")
    loop = from_dict(LoopConfig, data["loop"], f"{where}, [loop]")
    return Recipe(str(data["name"]), {**data, "loop": to_dict(loop)}, loop)
