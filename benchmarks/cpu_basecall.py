"""How fast is calling on a CPU, against a CPU peer: ont-bonito's encoder, torch backward scores, a Rust beam?

Both run the same network on the same reads, in turn (A B A B ...), in this one run. Two figures are compared:

- samples per CPU-second of the calling itself, as each side counts it: the peer prints its own (network,
  backward scores, beam); ours is the process CPU time of `call_files`, reading and writing files included;
- samples per CPU-second of the whole process, imports and start-up included, as the operating system counts.

    python benchmarks/cpu_basecall.py --peer-python PEER/bin/python --repeats 3

PEER is an environment with torch==2.13.0 and ont-bonito (`pip install --no-deps seqdist pyslow5` beside
them). Without --peer-python only our side is measured. By default the network, the reads and the peer's
script are those in ../shared (golden/bonito/fast_128_random, lambda_marcpaga, tools/peer_bonito_cpu.py).
Ours is imported first (`lexome models import`), as a user would. Writes cpu_basecall_N_cores.json and .md
into results/.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from lexome.checkpoint.importing import import_model

RESULTS = Path(__file__).parent / "results"
SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
NANOPORE = SHARED / "data" / "nanopore"
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "LC_ALL": "C.UTF-8"}
OURS = """
import sys, time, json
from pathlib import Path
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.basecall.model import open_model
model, reads, output, threads = sys.argv[1:]
request = CallRequest([Path(reads)], Path(output))
plan, opened = plan_calls(request), open_model(model, threads=int(threads), device="cpu")
wall, cpu = time.perf_counter(), time.process_time()
summary = call_files(request, plan, opened)
took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
print(json.dumps({"samples": summary.samples, **took}))
"""


def run_measured(command: list[str], threads: int, cores: int) -> tuple[str, float]:
    """Runs a command on the first `cores` cores; its stdout and the CPU seconds of the whole process."""
    environment = {**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores]),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} failed ({process.returncode}): {errors.strip().splitlines()[-1:]}")
    return output, usage.ru_utime + usage.ru_stime


def run_ours(arguments: argparse.Namespace, folder: str) -> dict[str, float]:
    """One run of our caller."""
    command = [
        sys.executable,
        "-c",
        OURS,
        str(arguments.model),
        str(arguments.reads),
        f"{folder}/calls.bam",
        "2",
    ]
    output, process_s = run_measured(command, threads=1, cores=arguments.cores)
    inner = json.loads(output)
    return {
        "samples": inner["samples"],
        "calling_per_cpu_s": inner["samples"] / inner["cpu_s"],
        "process_per_cpu_s": inner["samples"] / process_s,
        "wall_s": inner["wall_s"],
    }


def run_peer(arguments: argparse.Namespace) -> dict[str, float]:
    """One run of the peer; its samples are counted after trimming, a little fewer than ours."""
    command = [
        arguments.peer_python,
        arguments.peer_script,
        str(arguments.model),
        str(arguments.reads),
        str(arguments.reference),
    ]
    output, process_s = run_measured(command, threads=2, cores=arguments.cores)
    found = re.search(r"samples (\d+) samples per CPU-s: nn (\S+) total (\S+) wall (\S+)", output)
    if not found:
        sys.exit(f"the peer printed something unexpected: {output[-300:]}")
    samples = int(found[1])
    return {
        "samples": samples,
        "network_per_cpu_s": float(found[2]),
        "calling_per_cpu_s": float(found[3]),
        "process_per_cpu_s": samples / process_s,
        "wall_s": float(found[4]),
    }


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=SHARED / "golden/bonito/fast_128_random")
    parser.add_argument("--reads", type=Path, default=NANOPORE / "lambda_marcpaga/lambda_r941_50reads.pod5")
    parser.add_argument("--reference", type=Path, default=NANOPORE / "references/Lambda_phage.fna")
    parser.add_argument("--peer-python")
    parser.add_argument("--peer-script", default=str(SHARED / "tools/peer_bonito_cpu.py"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2, help="processors that either side may use")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not arguments.model.exists() or not arguments.reads.exists():
        print(
            "cpu_basecall: skipped: the network and the reads in ../shared are not here; name others (--help)"
        )
        return
    ours: list[dict[str, float]] = []
    peer: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        import_model(arguments.model, Path(folder) / "model")
        run_ours(arguments, folder)  # not counted: compiles the kernels and exports the graph once
        for _ in range(arguments.repeats):
            ours.append(run_ours(arguments, folder))
            if arguments.peer_python:
                peer.append(run_peer(arguments))
    rows = [("figure", "lexome", "peer", "ratio (median of pairs)", "ratio (least to most)")]
    for key in ("calling_per_cpu_s", "process_per_cpu_s"):
        own = statistics.median(run[key] for run in ours)
        row = [f"samples per CPU-second, {key.split('_')[0]}", f"{own:,.0f}", "-", "-", "-"]
        if peer:
            ratios = [a[key] / b[key] for a, b in zip(ours, peer, strict=True)]
            row[2:] = [
                f"{statistics.median(run[key] for run in peer):,.0f}",
                f"{statistics.median(ratios):.2f}",
                f"{min(ratios):.2f} to {max(ratios):.2f}",
            ]
        rows.append(tuple(row))
    table = "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], ("---",) * 5, *rows[1:]])
    print(table)
    arguments.results.mkdir(exist_ok=True)
    record = {
        "model": arguments.model.name, "reads": arguments.reads.name, "repeats": arguments.repeats,
        "cores": arguments.cores, "ours": ours, "peer": peer,
    }  # fmt: skip
    (arguments.results / f"cpu_basecall_{arguments.cores}_cores.json").write_text(
        json.dumps(record, indent=1) + "\n", encoding="utf-8"
    )
    (arguments.results / f"cpu_basecall_{arguments.cores}_cores.md").write_text(
        table + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
