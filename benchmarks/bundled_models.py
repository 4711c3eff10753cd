"""How fast do the bundled models call, on one core? Same reads, one run, in turn (A B C A B C ...).

    python benchmarks/bundled_models.py

Samples per CPU-second of the calling itself, reading and writing included, start-up not; on the lambda reads
of ../shared (or --reads); writes bundled_models.json into results/.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from lexome.checkpoint.store import bundled_models, load

RESULTS = Path(__file__).parent / "results"
READS = Path(__file__).resolve().parents[2] / "shared/data/nanopore/lambda_marcpaga/lambda_r941_50reads.pod5"
CALL = """
import json, sys, time
from pathlib import Path
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls
request = CallRequest([Path(sys.argv[2])], Path(sys.argv[3]), force=True)
plan, opened = plan_calls(request), open_model(sys.argv[1], threads=1, device="cpu")
began = time.process_time()
summary = call_files(request, plan, opened)
print(json.dumps({"samples": summary.samples, "cpu_s": time.process_time() - began}))
"""


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reads", type=Path, default=READS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if not arguments.reads.exists():
        print("bundled_models: skipped: the reads in ../shared are not here; name others with --reads")
        return
    models = [name for name in bundled_models() if load(name).task == "basecall"]
    rates: dict[str, list[float]] = {name: [] for name in models}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(arguments.repeats + 1):
            for name in models:
                command = [sys.executable, "-c", CALL, name, str(arguments.reads), f"{folder}/calls.bam"]
                environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
                done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
                took = json.loads(done.stdout)
                if repeat:  # the first one exports graphs and compiles kernels
                    rates[name].append(took["samples"] / took["cpu_s"])
    result = {name: {"samples_per_cpu_s": rates[name]} for name in models}
    print("| model | samples per CPU-second, median | least to most |\n| --- | --- | --- |")
    for name in models:
        least, middle, most = min(rates[name]), statistics.median(rates[name]), max(rates[name])
        print(f"| {name} | {middle:,.0f} | {least:,.0f} to {most:,.0f} |")
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "bundled_models.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
