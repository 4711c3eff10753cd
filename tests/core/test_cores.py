import os
import subprocess
import sys

import pytest

from lexome.core.cores import usable_cores

PROGRAM = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
from lexome.core.cores import usable_cores
print(usable_cores())
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system knows no affinity")
def test_a_process_bound_to_one_core_gets_one() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    assert usable_cores() == len(allowed)
    command = [sys.executable, "-c", PROGRAM, str(allowed[-1])]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "1\n"


def test_without_affinity_all_cores_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1
