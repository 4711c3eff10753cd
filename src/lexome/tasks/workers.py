"""The further processes of a training: started by the first one, each runs this module.

A process is told what to do in one JSON text on its standard input.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from lexome.core.errors import LexomeError
from lexome.tasks.recipe import Recipe, resolve_recipe
from lexome.train.distributed import LostProcessError, Processes, join, open_meeting
from lexome.train.loop import train

ENDING_S = 10.0


@contextmanager
def processes_of(recipe: Recipe, folder: Path, *, resume: bool) -> Iterator[Processes]:
    """Starts the further processes of a training, which train along while the block runs.

    Args:
        recipe: what is trained; `loop.processes` says how many there are, with this one.
        folder: of the training.
        resume: whether it goes on from the state there.

    Raises:
        LexomeError: if one does not start; within the block, if one ends too early.
    """
    world = recipe.loop.processes
    meeting = open_meeting(world)
    order = {
        "recipe": recipe.data, "world": world, "port": meeting.port, "folder": str(folder), "resume": resume,
    }  # fmt: skip
    # this very package, wherever it was imported from
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    children: list[subprocess.Popen[str]] = []

    def check() -> None:
        for rank, child in enumerate(children, 1):
            if child.poll() is not None:
                raise LexomeError(f"process {rank} of {world} ended at once (exit code {child.returncode})")

    is_done = False
    try:
        for rank in range(1, world):
            child = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the first process, which ends the others
            )
            children.append(child)
            with suppress(BrokenPipeError), _input_of(child) as told:  # `check` says that it ended
                told.write(json.dumps(order | {"rank": rank}))
        yield join(0, world, meeting, check)
        is_done = True
    finally:
        for child in children:
            if not is_done:
                child.terminate()
            try:
                child.wait(ENDING_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _input_of(child: subprocess.Popen[str]) -> IO[str]:
    assert child.stdin is not None
    return child.stdin


def work(order: dict) -> int:
    """One of the further processes: trains along to the end; returns its exit code."""
    try:
        recipe = resolve_recipe(order["recipe"], "recipe of the first process")
        processes = join(order["rank"], order["world"], order["port"])
        train(
            recipe.task(), recipe.loop, Path(order["folder"]), {}, recipe.data,
            resume=order["resume"], processes=processes,
        )  # fmt: skip
    except LostProcessError:
        return 1  # the one that ended has said why, or was stopped
    except LexomeError as error:
        print(f"lexome: process {order['rank']}: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(work(json.load(sys.stdin)))
