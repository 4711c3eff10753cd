"""What a measurement was made on, in words: processor, cores, versions; nothing that names a place."""

import platform
from importlib.metadata import version
from pathlib import Path

from lexome.core.cores import usable_cores

_PROCESSORS = Path("/proc/cpuinfo")
LIBRARIES = ("torch", "onnxruntime", "numpy", "numba")


def machine_facts(device: str, threads: int) -> dict[str, str]:
    """Names and values of what decides how fast a network runs here.

    Args:
        device: "cpu" or "cuda:N".
        threads: that were used.
    """
    facts = {
        "processor": processor_name(),
        "cores": str(usable_cores()),
        "threads": str(threads),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }
    if device.startswith("cuda"):
        import torch

        facts["GPU"] = torch.cuda.get_device_name(device)
    return facts


def processor_name() -> str:
    """The processor as its maker calls it, or else its kind."""
    try:
        lines = _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
