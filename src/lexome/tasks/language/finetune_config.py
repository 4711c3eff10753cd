"""What learns in a fine-tuning, and how."""

from dataclasses import dataclass
from typing import Literal

from lexome.nn.language import Pooling
from lexome.nn.lora import LoraConfig
from lexome.train.optim import OptimConfig

Method = Literal["full", "lora", "probe"]
Unfreezing = Literal["all", "gradual"]


@dataclass(frozen=True)
class FinetuneConfig:
    """What learns, and how.

    Attributes:
        method: "full": everything; "lora": adapters and the head; "probe": the head alone.
        lora: the adapters.
        pooling: what the head sees of a sequence; "" takes the mean, or what the model's own head sees.
        reverse_complement: training shows every sequence, each time at random, as it is or as its reverse
            complement, and predictions are the mean over both.
        class_weights: errors of rare classes (or labels) count more, so that all count alike.
        new_weights: do not begin with the model's weights, only with its shape.
        dropout: of head and encoder; below 0: that of the model.
        optim: the optimiser.
        unfreeze: "all": everything learns from the first step; "gradual": first the head alone, then with
            every validation one more layer from the top (see `finetune_unfreeze`).
    """

    method: Method = "full"
    lora: LoraConfig = LoraConfig()
    pooling: Pooling | Literal[""] = ""
    reverse_complement: bool = True
    class_weights: bool = False
    new_weights: bool = False
    dropout: float = -1.0
    optim: OptimConfig = OptimConfig(
        lr=5e-4, warmup_steps=100, decay="linear", final_lr=0.0, clip=1.0, clip_mode="constant"
    )
    unfreeze: Unfreezing = "all"

    def __post_init__(self) -> None:
        if self.new_weights and self.method != "full":
            raise ValueError("new weights have nothing to be adapted to: only method 'full' makes sense")
        if self.unfreeze == "gradual" and (self.method != "full" or self.new_weights):
            raise ValueError("layers are unfrozen gradually with method 'full' and a model's weights only")
        if not self.dropout < 1:
            raise ValueError("dropout must be below 1")
