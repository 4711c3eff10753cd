"""Progress on stderr: a bar in a terminal, else a plain line every ten seconds; with rate and time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

PLAIN_INTERVAL_S = 10.0


@contextmanager
def progress(doing: str, unit: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
    """Shows how far long work has come.

    Args:
        doing: for example "calling".
        unit: what is counted, in the plural, for example "samples".
        total: how many there are, if known.

    Yields:
        A function to call with how many are done so far.
    """
    import sys
    import time

    began = time.monotonic()
    if not sys.stderr.isatty():
        last = began

        def tell(done: float) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < PLAIN_INTERVAL_S or not done:
                return
            last = now
            rate = done / (now - began)
            line = f"lexome: {doing}: {_short(done)}"
            if total:
                left = _duration(max(0.0, total - done) / rate)
                line += f" of {_short(total)} {unit}, {_short(rate)}/s, {left} left"
            else:
                line += f" {unit}, {_short(rate)}/s"
            print(line, file=sys.stderr, flush=True)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}")]
    columns.append(TimeRemainingColumn() if total else TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total, state="")

        def show(done: float) -> None:
            rate = done / max(time.monotonic() - began, 1e-9)
            count = f"{_short(done)} of {_short(total)}" if total else _short(done)
            bar.update(task, completed=done, state=f"{count} {unit}, {_short(rate)}/s")

        yield show


def _short(number: float) -> str:
    """12345678 -> '12.3 M'."""
    for limit, letter in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= limit:
            return f"{number / (1e3 if letter == ' k' else limit):.1f}{letter}"
    return f"{number:.0f}"


def _duration(seconds: float) -> str:
    """12345 -> '3 h 25 min'."""
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
