"""Tasks of which a test says only what it looks at."""

from collections.abc import Callable
from typing import Any

import pytest

from lexome.train.task import Task


class _Silent:
    """A task none of whose methods may be called."""

    name = primary_metric = "nothing"
    higher_is_better = False

    def _refuse(self, *arguments: Any, **named: Any) -> Any:
        raise AssertionError("this test does not expect that to be called")

    build = batches = outputs = loss = evaluate = updates = on_epoch = checkpoint = _refuse


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    """Makes a task with the given attributes and methods and no others."""

    def make(**attributes: Any) -> Any:
        task = _Silent()
        for name, value in attributes.items():
            setattr(task, name, value)
        return task

    return make
