"""The route of a read through the whole pipeline: order, independence of neighbours, bounds, bad reads."""

import dataclasses
import gc
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import Checkpoint, Component
from lexome.core.alphabet import decode
from lexome.core.errors import LexomeError
from lexome.core.records import Basecall, RawRead, Skipped
from lexome.decode.crf import Decoded
from lexome.engine.pipeline import PATIENCE
from lexome.features.signal import SIZES, normalise
from lexome.models.registry import new_network
from lexome.nn.initialise import scale_to_data
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.run import basecall_reads

CALLABLE = [100, 101, 103, 104, 106, 107, 109, 110, 112, 113, 114, 115, 116, 117]


@pytest.fixture(scope="module")
def model(small_model: Path) -> BasecallModel:
    return open_model(small_model, device="cpu", threads=2, batch_size=4)


def call_all(reads: Iterable[RawRead], model: BasecallModel) -> tuple[list[Basecall], list[Skipped]]:
    skipped: list[Skipped] = []
    return list(basecall_reads(reads, model, skipped.append)), skipped


def same(one: Basecall, other: Basecall) -> bool:
    return (
        one.read_id == other.read_id
        and one.sequence == other.sequence
        and np.array_equal(one.qualities, other.qualities)
        and one.moves is not None
        and other.moves is not None
        and np.array_equal(one.moves, other.moves)
        and (one.shift_pa, one.scale_pa, one.trimmed_samples)
        == (other.shift_pa, other.scale_pa, other.trimmed_samples)
    )


def test_calls_come_in_input_order_and_bad_reads_are_named(model: BasecallModel, mixed_reads: list) -> None:
    calls, skipped = call_all(mixed_reads, model)
    assert [call.info.read_number for call in calls] == CALLABLE
    reasons = {int(skip.name[-4:], 16): skip.reason for skip in skipped}
    assert reasons.keys() == {102, 105, 108, 111}
    assert reasons[102] == reasons[105] == "the signal is constant"
    assert "not finite" in reasons[108]
    assert "not finite" in reasons[111]


def test_what_a_call_says_fits_together(model: BasecallModel, mixed_reads: list) -> None:
    calls, _ = call_all(mixed_reads, model)
    by_number = {read.info.read_number: read for read in mixed_reads}
    for call in calls:
        samples = len(by_number[call.info.read_number].raw)
        assert call.moves is not None
        assert len(call.moves) == -(-(samples - call.trimmed_samples) // 5)
        assert call.moves.sum() == len(call.sequence) == len(call.qualities)
        assert set(call.sequence) <= set("ACGT")
        assert (call.stride, call.model_name, call.scaling_method) == (5, "small", "med_mad")
    assert len({call.sequence for call in calls if len(call.sequence) > 50}) > 8, "the network hears nothing"


def test_a_read_is_called_alike_alone_and_in_any_company(model: BasecallModel, mixed_reads: list) -> None:
    together, _ = call_all(mixed_reads, model)
    backwards, _ = call_all(reversed(mixed_reads), model)
    for call, other in zip(together, reversed(backwards), strict=True):
        assert same(call, other)
        (alone,), _ = call_all([r for r in mixed_reads if r.read_id == call.read_id], model)
        assert same(call, alone)


@pytest.mark.parametrize("beam_width", [1, 8, 256])
def test_a_beam_calls_alike_for_any_threads_and_batches(
    small_model: Path, model: BasecallModel, mixed_reads: list, beam_width: int
) -> None:
    best_path, _ = call_all(mixed_reads, model)
    first, *others = (
        call_all(
            mixed_reads,
            open_model(
                small_model, device="cpu", threads=threads, batch_size=batch_size, beam_width=beam_width
            ),
        )[0]
        for threads, batch_size in ((1, 4), (2, 4), (2, 7))
    )
    for other in others:
        assert all(same(call, again) for call, again in zip(first, other, strict=True))
    for call, plain in zip(first, best_path, strict=True):
        assert call.moves is not None
        assert plain.moves is not None
        assert len(call.moves) == len(plain.moves)
        assert call.moves[0] == 1
        assert call.moves.sum() == len(call.sequence) == len(call.qualities)
    assert [call.sequence for call in first] != [plain.sequence for plain in best_path]


def test_a_read_of_one_chunk_is_what_the_network_says_of_it(small_model: Path, raw_read: Callable) -> None:
    """Without chunks, stitching and batches: the network in torch, its scores decoded at once."""
    import torch

    from lexome.checkpoint.build import build_network
    from lexome.checkpoint.store import load

    model = open_model(small_model, device="cpu", trim=False)
    network = build_network(load(small_model))
    for samples in (1000, 640):
        read = raw_read(7, samples)
        signal = normalise(read, model.signal).signal
        size = -(-samples // 250) * 250  # a quarter of the chunk size, rounded up
        mirrored = np.concatenate([signal, signal[-2::-1]])[:size]
        with torch.no_grad():
            decoded = model.decoder(network(torch.from_numpy(mirrored)[None, None])[0].numpy())
        kept = int(decoded.moves[: samples // 5].sum())
        (call,), _ = call_all([read], model)
        assert call.sequence == decode(decoded.bases[:kept])
        assert kept > 20
        assert np.array_equal(call.qualities, decoded.qualities[:kept])


def test_chunks_that_overlap_widely_say_what_one_great_chunk_says(
    small_model: Path, raw_read: Callable
) -> None:
    """What a chunk sees less of a read than one over all of it matters only near its ends."""
    read = raw_read(8, 12_000)
    (whole,), _ = call_all([read], open_model(small_model, device="cpu", chunk_size=12_000, overlap=0))
    differing = {}
    for overlap in (0, 800):
        model = open_model(small_model, device="cpu", chunk_size=1000, overlap=overlap)
        (call,), _ = call_all([read], model)
        assert call.moves is not None
        assert whole.moves is not None
        differing[overlap] = int((call.moves != whole.moves).sum())
    assert len(whole.sequence) > 1000
    assert 5 * differing[800] < differing[0]
    assert differing[800] < 0.01 * len(whole.moves)


def test_the_torch_engine_says_the_same(small_model: Path, mixed_reads: list, raw_read: Callable) -> None:
    """The same moves and bases; a quality may round to its neighbour in one base of a thousand."""
    reads = [*mixed_reads, *(raw_read(n, 5000) for n in range(200, 210))]
    calls = [
        call_all(reads, open_model(small_model, engine=engine, device="cpu"))[0]
        for engine in ("onnx", "torch")
    ]
    assert sum(len(call.sequence) for call in calls[0]) > 5000
    for one, other in zip(*calls, strict=True):
        assert one.sequence == other.sequence
        assert np.array_equal(one.moves, other.moves)  # pyright: ignore[reportArgumentType]
    q_one, q_other = (np.concatenate([c.qualities for c in some]).astype(int) for some in calls)
    assert np.abs(q_one - q_other).max() <= 1
    assert np.mean(q_one != q_other) < 1e-3


def test_nonsense_from_the_network_costs_only_its_own_read(model: BasecallModel, raw_read: Callable) -> None:
    reads = [raw_read(n, 2500) for n in range(1, 6)]
    marked = normalise(reads[2], model.signal).signal

    class Engine:
        """The model's own, but the third read's second chunk gives scores that are not finite."""

        stride, chunk_multiple, stay_score = 5, 5, model.engine.stay_score
        threads, device, batch_size = 2, "cpu", 4

        def run(self, items, post) -> Iterator:
            def spoiled() -> Iterator:
                for key, signal in items:
                    is_marked = key == 1 and np.array_equal(signal[:50], marked[900:950])
                    yield (key, is_marked), signal

            def decode_or_spoil(scores_TK):
                return post(scores_TK)

            for (key, is_marked), result in model.engine.run(spoiled(), decode_or_spoil):
                yield key, post(np.full((200, 64), np.nan, np.float32)) if is_marked else result

    calls, skipped = call_all(reads, dataclasses.replace(model, engine=Engine()))  # pyright: ignore[reportArgumentType]
    assert [call.info.read_number for call in calls] == [1, 2, 4, 5]
    assert [(skip.name, "not finite" in skip.reason) for skip in skipped] == [(reads[2].read_id, True)]
    expected, _ = call_all(reads, model)
    assert all(same(call, other) for call, other in zip(calls, [*expected[:2], *expected[3:]], strict=True))


def test_a_defect_of_the_decoder_is_not_hidden(model: BasecallModel, raw_read: Callable) -> None:
    def broken(scores_TK: np.ndarray) -> Decoded:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call_all([raw_read(1)], dataclasses.replace(model, decoder=broken))


def test_no_reads_give_no_calls(model: BasecallModel) -> None:
    assert call_all([], model) == ([], [])


class Living:
    """Counts how many of the arrays it was shown still exist."""

    def __init__(self) -> None:
        self.references: list[weakref.ref] = []
        self.most = 0

    def add(self, array: np.ndarray) -> None:
        self.references = [r for r in self.references if r() is not None]
        self.references.append(weakref.ref(array))
        self.most = max(self.most, len(self.references))


@pytest.mark.parametrize(("threads", "batch_size"), [(1, 1), (1, 4), (2, 3)])
def test_memory_does_not_grow_with_the_input(
    small_model: Path, raw_read: Callable, threads: int, batch_size: int
) -> None:
    """However many reads there are: few signals, few chunks and few results exist at any time."""
    model = open_model(small_model, device="cpu", threads=threads, batch_size=batch_size)
    engine, signals, chunks, results = model.engine, Living(), Living(), Living()
    taken = finished = ahead = 0
    sizes = [300, 5000, 620, 130, 900]

    def reads() -> Iterator[RawRead]:
        nonlocal taken, ahead
        for number in range(120):
            # a chunk of a length that comes only once, and a read of many chunks
            read = raw_read(number, {17: 470, 60: 40_000}.get(number, sizes[number % len(sizes)]))
            signals.add(read.raw)
            taken += 1
            ahead = max(ahead, taken - finished)
            yield read

    class Watched:
        stride, chunk_multiple, stay_score = engine.stride, engine.chunk_multiple, engine.stay_score
        threads, batch_size, device = engine.threads, engine.batch_size, engine.device

        def run(self, items, post) -> Iterator:
            def seen() -> Iterator:
                for key, signal in items:
                    chunks.add(signal)
                    yield key, signal

            def post_seen(scores_TK):
                decoded = post(scores_TK)
                results.add(decoded.moves)
                return decoded

            return engine.run(seen(), post_seen)

    gc.collect()
    for _ in basecall_reads(reads(), dataclasses.replace(model, engine=Watched()), pytest.fail):  # pyright: ignore[reportArgumentType]
        finished += 1
    assert (taken, finished) == (120, 120)
    # two batches per thread in flight, the last one handed out, and one being filled for each length of chunk
    assert chunks.most <= (2 * threads + 1 + SIZES) * batch_size
    assert signals.most <= 3
    # a chunk of a rare length lets others pass, so results wait for it; also for the rest of their read (45)
    assert results.most <= (2 * threads + 2 + PATIENCE + SIZES) * batch_size + 45
    assert ahead <= (2 * threads + 2 + PATIENCE + SIZES) * batch_size + 2


def test_results_come_before_the_input_ends(model: BasecallModel, raw_read: Callable) -> None:
    def endless() -> Iterator[RawRead]:
        number = 0
        while True:
            yield raw_read(number := number + 1, 700)

    calls = basecall_reads(endless(), model, pytest.fail)
    assert [next(calls).info.read_number for _ in range(5)] == [1, 2, 3, 4, 5]
    calls.close()  # pyright: ignore[reportAttributeAccessIssue]


def test_an_error_of_the_reader_ends_the_run(model: BasecallModel, raw_read: Callable) -> None:
    def reads() -> Iterator[RawRead]:
        yield raw_read(1)
        raise LexomeError("the disk is gone")

    with pytest.raises(LexomeError, match="the disk is gone"):
        call_all(reads(), model)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_network_that_makes_several_steps_at_once_gets_whole_chunks(
    graph_cache: Path, mixed_reads: list, engine: str
) -> None:
    """A transformer upsamples: its stride is 3, but only multiples of 6 samples give size / stride steps."""
    config = {
        "convs": [{"size": 8, "kernel": 5}, {"size": 16, "kernel": 9, "stride": 6}],
        "attention": {"num_heads": 2, "window": [15, 16]},
        "feed_forwards": [32],
        "upsample": 2,
    }
    head = {"state_len": 2, "activation": "none"}
    torch.manual_seed(0)
    network = new_network({"name": "transformer", "config": config}, {"name": "crf", "config": head})
    scale_to_data(network, torch.randn(8, 1, 600))
    checkpoint = Checkpoint(
        "basecall", Component("transformer", config), Component("crf", head),
        {"chunk_size": 1000, "overlap": 100}, weights=weights_of(network),
    )  # fmt: skip
    model = open_model(checkpoint, device="cpu", engine=engine, batch_size=3)
    assert (model.stride, model.signal.chunk_size, model.signal.overlap) == (3, 996, 96)
    lengths = []

    class Watched:
        stride, chunk_multiple, stay_score = 3, 6, model.engine.stay_score
        threads, device, batch_size, name = 1, "cpu", 3, engine

        def run(self, items, post) -> Iterator:
            def seen() -> Iterator:
                for key, signal in items:
                    lengths.append(len(signal))
                    yield key, signal

            return model.engine.run(seen(), post)

    calls, _ = call_all(mixed_reads, dataclasses.replace(model, engine=Watched()))  # pyright: ignore[reportArgumentType]
    assert [call.info.read_number for call in calls] == CALLABLE
    assert {length % 6 for length in lengths} == {0}
    by_number = {read.info.read_number: read for read in mixed_reads}
    for call in calls:
        assert call.moves is not None
        samples = len(by_number[call.info.read_number].raw) - call.trimmed_samples
        assert (len(call.moves), int(call.moves.sum())) == (-(-samples // 3), len(call.sequence))
    assert sum(len(call.sequence) for call in calls) > 500
