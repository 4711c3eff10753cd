"""Being stopped half-way, by Ctrl-C, a closed terminal or a batch system: one line that says what is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lexome.core.errors import LexomeError


class StoppedError(LexomeError):
    """The user or the system stopped the work."""

    exit_code = 130


def kept_in(folder: Path) -> str:
    """What a stopped work that has a folder of its own leaves."""
    if not folder.is_dir():
        return "nothing was begun"
    return f"{folder} holds what was done; --resume goes on from there"


@contextmanager
def interruptible(kept: Callable[[], str]) -> Iterator[None]:
    """Turns Ctrl-C (SIGINT), SIGTERM and SIGHUP within the block into an error that says what is kept.

    From the first signal on further ones are ignored until the block is left: an impatient second Ctrl-C
    would otherwise hit the closing of the files that are to stay readable.

    Args:
        kept: what is kept, asked after everything is closed; e.g. "a.bam.partial holds 3 finished reads".

    Raises:
        StoppedError: after a signal.
    """
    import signal
    import threading

    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: object) -> None:
        for one in watched:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else
        # what runs under nohup, or in a shell's background, ignores Ctrl-C and shall go on doing so
        before = {one: signal.getsignal(one) for one in watched}
        before = {one: handler for one, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for one in before:
            signal.signal(one, stop)
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(f"interrupted: {kept()}") from error
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
