"""Options that fine-tuning and benchmarks share are the same ones."""

import inspect
import typing

from lexome.cli import lm_training
from lexome.cli.lm_finetune import finetune
from lexome.cli.lm_gue import run


def test_both_commands_take_the_same_options() -> None:
    shared = [kind for kind in vars(lm_training).values() if typing.get_origin(kind) is typing.Annotated]
    assert len(shared) == 9
    for command in (finetune, run):
        taken = [parameter.annotation for parameter in inspect.signature(command).parameters.values()]
        assert all(kind in taken for kind in shared), command
