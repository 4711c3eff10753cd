"""The loop's settings: the table [loop] of a recipe."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LoopConfig:
    """How long, how often, and where.

    Attributes:
        steps: training steps; of no effect if `minutes` is set.
        batch_size: items of a step, over all processes together.
        seed: of the first weights, the order of the data and its variations.
        validate_every: steps between validations.
        save_every: steps between saves of the training state.
        log_every: steps between lines of progress.
        threads: of torch on a CPU, per process.
        average_decay: how much of the moving average of the weights stays at each step, such as 0.999; 0 for
            no average. Both are validated then, the better one is kept.
        save_every_s: seconds after which the state is saved even if `save_every` has not come; 0 for never.
        minutes: time for the whole training, validation included; the learning rate falls with the time that
            has passed instead of the steps. 0 for no such limit.
        device: "cpu", "cuda", "cuda:N" or "auto" (a GPU if there is one).
        precision: "fp32", or "mixed" (bf16 on a GPU; its LSTMs in fp16; losses always in fp32).
        processes: that share every batch, on the CPU.
        patience: so many validations without a better one end the training; 0 for never.
        plateau_steps: a loss that stays for so many steps where a network is that has learnt nothing calls
            for a warning; 0 for never.
    """

    steps: int
    batch_size: int = 32
    seed: int = 0
    validate_every: int = 1000
    save_every: int = 1000
    log_every: int = 50
    threads: int = 1
    average_decay: float = 0.0
    save_every_s: float = 600.0
    minutes: float = 0.0
    device: str = "auto"
    precision: Literal["fp32", "mixed"] = "fp32"
    processes: int = 1
    plateau_steps: int = 1000
    patience: int = 0

    def __post_init__(self) -> None:
        for key in (
            "steps", "batch_size", "validate_every", "save_every", "log_every", "threads", "processes",
        ):  # fmt: skip
            if getattr(self, key) < 1:
                raise ValueError(f"{key} must be at least 1, is {getattr(self, key)}")
        for key in ("save_every_s", "minutes", "plateau_steps", "patience"):
            if not getattr(self, key) >= 0:
                raise ValueError(f"{key} must not be negative, is {getattr(self, key)}")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay must be from 0 to below 1, is {self.average_decay}")
        if self.batch_size % self.processes:
            raise ValueError(
                f"a batch_size of {self.batch_size} cannot be shared out evenly to {self.processes} processes"
            )
