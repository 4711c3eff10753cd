"""How fast is a DNABERT-2 network of full size on one CPU thread, against BERT-base of transformers?

Random weights on both sides, float32, no gradients, in turn (A B A B ...), in this one run. A batch without
padding is counted in floating point operations per CPU-second: DNABERT-2 layers do a third more work
per token than BERT's; a ragged batch (lengths even between 16 and the longest) in tokens that are no padding
per CPU-second, work per token not corrected for. BERT gets its padding mask, and attention by torch's
scaled_dot_product_attention, as lexome. lexome's linear layers are laid out for inference first, as for
prediction (`nn.packed_linear`; --as-trained leaves that out).

    python benchmarks/language_model.py --repeats 3

Needs the extra `lm` (transformers). Writes language_model.json and language_model.md into results/.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from lexome.models.dnabert2 import Dnabert2, Dnabert2Config
from lexome.nn.packed_linear import pack_linears

RESULTS = Path(__file__).parent / "results"
SHAPES = ((8, 128), (8, 512))
RAGGED = (16, 256)  # sequences, tokens of the longest
VOCABULARY = 4096


def gflop(config: Dnabert2Config, batch: tuple[int, int], gated: bool) -> float:
    """Multiplications and additions of all products, in 1e9."""
    sequences, length = batch
    size, hidden = config.size, config.hidden
    weights = 4 * size * size + (3 if gated else 2) * size * hidden
    per_token = 2 * weights + 4 * length * size
    return 1e-9 * config.num_layers * sequences * length * per_token


def cpu_seconds(run: Callable[[], object]) -> float:
    """CPU time of this process for one call."""
    began = time.process_time()
    run()
    return time.process_time() - began


def in_turn(
    ours: Callable[[], object], peer: Callable[[], object], repeats: int
) -> list[tuple[float, float]]:
    """CPU seconds of both, after one round that does not count."""
    rounds = [(cpu_seconds(ours), cpu_seconds(peer)) for _ in range(repeats + 1)]
    return rounds[1:]


def row(name: str, unit: str, work: tuple[float, float], rounds: list[tuple[float, float]]) -> dict:
    """Work per CPU-second of both sides, and their ratio in every round."""
    ours = [work[0] / a for a, _ in rounds]
    peer = [work[1] / b for _, b in rounds]
    ratios = [a / b for a, b in zip(ours, peer, strict=True)]
    return {"batch": name, "unit": unit, "lexome": ours, "bert_base": peer, "ratio": ratios}


def table(rows: list[dict]) -> str:
    """The medians as a Markdown table."""
    lines = ["| batch | per CPU-second | lexome | BERT-base | ratio (median) | ratio (least to most) |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for entry in rows:
        ours, peer, ratio = (statistics.median(entry[key]) for key in ("lexome", "bert_base", "ratio"))
        span = f"{min(entry['ratio']):.2f} to {max(entry['ratio']):.2f}"
        lines.append(
            f"| {entry['batch']} | {entry['unit']} | {ours:,.1f} | {peer:,.1f} | {ratio:.2f} | {span} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--layers", type=int, default=12, help="layers of both; all cost the same")
    parser.add_argument("--as-trained", action="store_true", help="without nn.packed_linear")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    try:
        import transformers
    except ImportError:
        print("language_model: skipped: transformers is not installed (pip install 'lexome[lm]')")
        return
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Dnabert2Config(num_layers=arguments.layers)
    ours = Dnabert2(config).eval()
    packed = 0 if arguments.as_trained else pack_linears(ours)
    shape = transformers.BertConfig(vocab_size=VOCABULARY, num_hidden_layers=arguments.layers)
    peer = transformers.BertModel(shape).eval()
    assert peer.config._attn_implementation == "sdpa"
    rows = []
    with torch.inference_mode():
        for batch in SHAPES:
            ids = torch.randint(5, VOCABULARY, batch)
            rounds = in_turn(lambda i=ids: ours(i), lambda i=ids: peer(i), arguments.repeats)
            work = gflop(config, batch, gated=True), gflop(config, batch, gated=False)
            rows.append(row(f"{batch[0]} x {batch[1]}", "GFLOP", work, rounds))
            print(table(rows[-1:]), flush=True)
        count, longest = RAGGED
        lengths = torch.linspace(16, longest, count).long()[torch.randperm(count)]
        ids = torch.randint(5, VOCABULARY, RAGGED)
        visible = torch.arange(longest) < lengths[:, None]
        rounds = in_turn(lambda: ours(ids, visible), lambda: peer(ids, visible.long()), arguments.repeats)
        tokens = float(lengths.sum())
        name = f"{count} of 16 to {longest}, {tokens / (count * longest):.0%} filled"
        rows.append(row(name, "tokens", (tokens, tokens), rounds))
    print(table(rows))
    result = {"layers": arguments.layers, "packed_layers": packed, "torch": torch.__version__, "rows": rows}
    result["transformers"] = transformers.__version__
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "language_model.json").write_text(json.dumps(result, indent=1) + "\n")
    (arguments.results / "language_model.md").write_text(table(rows))


if __name__ == "__main__":
    main()
