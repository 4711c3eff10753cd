"""How much memory a measurement takes, and how much there is for it."""

from collections.abc import Callable
from pathlib import Path

from lexome.tasks.basecall.memory import peak_gpu_bytes, peak_memory_bytes

_FORGET_PEAK = Path("/proc/self/clear_refs")
_MACHINE = Path("/proc/meminfo")
SHARE = 0.5  # of what is free: the scores of a batch are not all that a machine has to do
FALLBACK_BYTES = 2 << 30  # where the system does not say


def memory_limit(device: str) -> int:
    """The memory that a batch may take on a device, "cpu" or "cuda:N": half of what is free."""
    if device.startswith("cuda"):
        import torch

        return int(SHARE * torch.cuda.mem_get_info(device)[0])
    try:
        lines = _MACHINE.read_text().splitlines()
    except OSError:  # not Linux
        return FALLBACK_BYTES
    free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return int(SHARE * free[0]) if free else FALLBACK_BYTES


def memory_growth(device: str) -> Callable[[], int]:
    """A meter: called later, it gives the most memory that was used above what is used now, in bytes.

    Where the system cannot forget an earlier peak (other systems than Linux), growth below that peak is not
    seen, and neither is it one that the machine could not bear.
    """
    is_gpu = device.startswith("cuda")
    if is_gpu:
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    else:
        _forget_peak()

    def peak() -> int:
        return (peak_gpu_bytes() or 0) if is_gpu else peak_memory_bytes()

    begin = peak()
    return lambda: peak() - begin


def _forget_peak() -> None:
    try:
        _FORGET_PEAK.write_text("5")
    except OSError:
        pass  # not there, or not allowed: see `memory_growth`
