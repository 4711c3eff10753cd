"""What the machine can do at most, and what part of it the layers of a basecaller reach.

Legend: N batch, C channels, S samples, T steps, D features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lexome.models.named import named_architecture
from lexome.models.registry import build_encoder, build_scorer
from lexome.nn.onednn_linear import OnednnLinear, has_onednn
from lexome.nn.recurrent import RecurrentLayer
from lexome.tasks.bench.layer_speed import Case, Group, Opened, Series, SpeedRequest, Spot, Subject
from lexome.tasks.bench.module_cases import SEED, module_case

SIZES = tuple(2**power for power in range(4, 13))  # rows and columns of the matrices
COPY_MIB = (1, 4, 16, 64, 256)
WIDTHS, BATCH, SAMPLES = (96, 384), 16, 2000
STATE_LENGTHS = {96: 3, 384: 4}  # bases in a state of the CRF: fast, hac
PRODUCTS, COPIES, LAYERS = "Products of square matrices", "Copies", "Bonito's layers"
TORCH, ONEDNN, NUMPY = "torch", "torch by oneDNN", "numpy"


@dataclass(frozen=True)
class LayerTraffic:
    """What one layer has to move and to compute.

    Attributes:
        name: width and layer.
        item_bytes: of the input and the output of one item.
        weight_bytes: of all weights.
        anew_bytes: of the weights that every further step of a recurrent layer needs again, for all steps; 0
            for other layers.
    """

    name: str
    item_bytes: int
    weight_bytes: int
    anew_bytes: int


def roofline_subject(
    request: SpeedRequest,
    sizes: Sequence[int] = SIZES,
    copies_mib: Sequence[int] = COPY_MIB,
    widths: Sequence[int] = WIDTHS,
    samples: int = SAMPLES,
) -> Subject:
    """Figure 2.3, the bandwidth of the memory, and Bonito's layers."""
    device, batch = request.device, min(BATCH, request.max_batch)
    makers: dict[str, Callable[[int], Case]] = {TORCH: partial(_torch_product, device=device)}
    copiers: dict[str, Callable[[int], Case]] = {TORCH: partial(_torch_copy, device=device)}
    if not request.is_gpu:
        if has_onednn():
            makers[ONEDNN] = _onednn_product
        makers[NUMPY], copiers[NUMPY] = _numpy_product, _numpy_copy
    products = tuple(
        Series(name, tuple(Spot(n, 1, make(n), float(n) ** 3) for n in sizes))
        for name, make in makers.items()
    )
    copies = tuple(
        Series(name, tuple(Spot(mib, 1, make(mib), float(mib)) for mib in copies_mib))
        for name, make in copiers.items()
    )
    layers, traffic = [], []
    for width in widths:
        for part, block, shape in bonito_blocks(width, samples):
            name = f"width {width}: {part}"
            traffic.append(_traffic(name, block, shape))
            case = module_case(lambda block=block: block, shape, device, samples_per_item=1)
            layers.append(Series(name, (Spot(batch, batch, case),)))
    return Subject(
        "Roofline",
        "Products of square matrices of rising size, float32: how many floating-point operations a second "
        "the machine reaches, and how long one product takes; torch's product (MKL on most CPUs), the route "
        "by oneDNN that lexome's linear layers can take, numpy's. Copies of arrays give the bandwidth: bytes "
        "read and bytes written. numpy uses as many threads as its library wants; the column of cores tells. "
        f"Bonito's layers run on {batch} chunks of {samples:,} samples.",
        "figure 2.3, section 2.4",
        (
            Group(PRODUCTS, "rows and columns", "products", products, TORCH, shown=("gflop_per_s", "wall_s")),
            Group(COPIES, "MiB of an array", "bytes", copies, TORCH),
            Group(LAYERS, "batch size", "chunks", tuple(layers), shown=()),
        ),
        partial(derive_roof, traffic=tuple(traffic)),
    )


def bonito_blocks(width: int, samples: int) -> list[tuple[str, nn.Module, tuple[int, ...]]]:
    """Bonito's layers in turn: what each is, the module, and the shape of an item of its input."""
    config = named_architecture("bonito", width)["config"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        encoder: Any = build_encoder("bonito", config)
        scorer = build_scorer("crf", width, {"state_len": STATE_LENGTHS.get(width, 3)})
    names = [f"convolution {i}" for i in range(1, len(encoder.convs) + 1)]
    x, found = torch.zeros(1, 1, samples), []
    with torch.inference_mode():
        for name, block in zip(names, encoder.convs, strict=True):
            found.append((name, block, tuple(x.shape[1:])))
            x = block(x)
        x = x.transpose(1, 2)
        for name, block in (("LSTM", encoder.lstms[0]), ("scores", scorer)):
            found.append((name, block, tuple(x.shape[1:])))
    return found


def _traffic(name: str, block: nn.Module, shape: tuple[int, ...]) -> LayerTraffic:
    with torch.inference_mode():
        output: Tensor = block(torch.zeros(1, *shape))
    weights = sum(parameter.numel() for parameter in block.parameters())
    anew = 0
    if isinstance(block, RecurrentLayer):
        recurrent = [w.numel() for name, w in block.named_parameters() if "weight_hh" in name]
        anew = (shape[0] - 1) * sum(recurrent)
    elements = int(np.prod(shape)) + output.numel()
    return LayerTraffic(name, 4 * elements, 4 * weights, 4 * anew)


def derive_roof(groups: Sequence[dict[str, Any]], traffic: Sequence[LayerTraffic]) -> dict[str, Any]:
    """The roof and where layers lie under it.

    The intensity of a layer is its floating-point operations by the bytes that must be moved at least: input,
    output and weights, each once. A recurrent layer needs its recurrent weights at every step; `anew` is the
    intensity if no cache kept them. The roof of an intensity is the bandwidth times it, at most the best
    product.

    Returns:
        `roof` with `peak_gflop_per_s`, `bytes_per_s`, `ridge_flop_per_byte` (None without the measurements),
        `products` (intensity and GFLOP/s of the best of each size) and `layers`.
    """
    by_title = {group["title"]: group for group in groups}
    products = [p for one in by_title[PRODUCTS]["series"] for p in one["points"]]
    copies = [p for one in by_title[COPIES]["series"] for p in one["points"]]
    peak = max((p["gflop_per_s"] for p in products), default=None)
    per_cpu = [p["gflop_per_cpu_s"] for p in products if p["gflop_per_cpu_s"] is not None]
    largest = max((p["x"] for p in copies), default=0)
    bandwidth = max((p["samples_per_s"] for p in copies if p["x"] == largest), default=None)
    layers = []
    measured = {one["name"]: one["points"] for one in by_title[LAYERS]["series"]}
    for layer in traffic:
        for point in measured[layer.name]:
            least = layer.item_bytes * point["batch_size"] + layer.weight_bytes
            flop, reached = 2 * point["macs"], point["gflop_per_s"]
            intensity = flop / least
            roof = None if peak is None or bandwidth is None else min(peak, 1e-9 * bandwidth * intensity)
            layers.append(
                {
                    "name": layer.name,
                    "flop_per_byte": intensity,
                    "flop_per_byte_anew": flop / (least + layer.anew_bytes) if layer.anew_bytes else None,
                    "gflop_per_s": reached,
                    "gflop_per_cpu_s": point["gflop_per_cpu_s"],
                    "of_best_product": None if peak is None else reached / peak,
                    "of_best_product_per_cpu_s": _share(point["gflop_per_cpu_s"], per_cpu),
                    "of_roof": None if roof is None else reached / roof,
                }
            )
    sizes = sorted({p["x"] for p in products})
    best = [max(p["gflop_per_s"] for p in products if p["x"] == size) for size in sizes]
    return {
        "roof": {
            "peak_gflop_per_s": peak,
            "bytes_per_s": bandwidth,
            "ridge_flop_per_byte": None if not peak or not bandwidth else 1e9 * peak / bandwidth,
            "products": [
                {"x": size, "flop_per_byte": product_intensity(size), "gflop_per_s": rate}
                for size, rate in zip(sizes, best, strict=True)
            ],
            "layers": layers,
        }
    }


def _share(value: float | None, others: Sequence[float]) -> float | None:
    """The part of the best of others; None if either is unknown."""
    return None if value is None or not others else value / max(others)


def product_intensity(size: int) -> float:
    """Floating-point operations per byte of a square product in float32: 2 n^3 by 3 n^2 numbers."""
    return 2 * size**3 / (3 * 4 * size**2)


def _matrices(size: int, count: int = 2) -> list[np.ndarray]:
    rng = np.random.default_rng(SEED)
    return [rng.standard_normal((size, size), dtype=np.float32) for _ in range(count)]


def _torch_product(size: int, device: str) -> Case:
    def make(count: int) -> tuple[Tensor, ...]:
        a, b = (torch.from_numpy(matrix).to(device) for matrix in _matrices(size))
        return a, b, torch.empty_like(a)

    return Case(lambda: Opened(lambda abc: torch.mm(abc[0], abc[1], out=abc[2]), size**3), make)


def _onednn_product(size: int) -> Case:
    layer = OnednnLinear(size, size, bias=False)

    def run(x: Tensor) -> None:
        with torch.inference_mode():
            layer(x)

    return Case(lambda: Opened(run, size**3), lambda count: torch.from_numpy(_matrices(size, 1)[0]))


def _numpy_product(size: int) -> Case:
    def make(count: int) -> tuple[np.ndarray, ...]:
        a, b = _matrices(size)
        return a, b, np.empty_like(a)

    return Case(lambda: Opened(lambda abc: np.matmul(abc[0], abc[1], out=abc[2]), size**3), make)


def _torch_copy(mib: int, device: str) -> Case:
    def make(count: int) -> tuple[Tensor, Tensor]:
        return torch.ones(mib << 18, device=device), torch.zeros(mib << 18, device=device)

    return Case(lambda: Opened(lambda pair: pair[1].copy_(pair[0])), make, 2 * mib << 20)


def _numpy_copy(mib: int) -> Case:
    def make(count: int) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(mib << 18, np.float32), np.zeros(mib << 18, np.float32)

    return Case(lambda: Opened(lambda pair: np.copyto(pair[1], pair[0])), make, 2 * mib << 20)
