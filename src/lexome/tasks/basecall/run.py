"""The route of a read: raw signal -> chunks -> network -> bases; memory does not grow with their number."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from lexome.core.alphabet import decode
from lexome.core.errors import BadInputError, LexomeError
from lexome.core.records import Basecall, RawRead, ReadInfo, Skipped
from lexome.decode.crf import Decoded
from lexome.decode.stitch import stitch
from lexome.features.signal import NormalisedRead, chunk_spans, cut_chunks, normalise
from lexome.tasks.basecall.model import BasecallModel


@dataclass
class _OpenRead:
    """A read whose chunks are on their way; its signal lives only in the chunks that are not yet called."""

    info: ReadInfo
    num_samples: int
    trimmed_samples: int
    shift_pa: float
    scale_pa: float
    spans: list[tuple[int, int]]  # start and size of each chunk, samples
    decoded: list[Decoded | LexomeError] = field(default_factory=list)


def basecall_reads(
    reads: Iterable[RawRead], model: BasecallModel, on_skip: Callable[[Skipped], None]
) -> Iterator[Basecall]:
    """Calls reads, in input order.

    A read without usable signal (empty, constant, broken calibration), or for which the network gives
    nonsense, is reported and left out; it never stops the others. Batches are filled with chunks of many
    reads; the bases of a read do not depend on its neighbours.

    Args:
        reads: raw reads; read ahead only as far as the engine's batches need.
        model: network, decoder and signal configuration.
        on_skip: told of every read that cannot be called.

    Yields:
        One call per usable read; a call is empty if the network found no base.
    """
    config = model.signal
    opened: deque[_OpenRead] = deque()

    def chunks() -> Iterator[tuple[int, np.ndarray]]:
        for read in reads:
            try:
                normalised = normalise(read, config)
            except BadInputError as error:
                on_skip(Skipped(read.read_id, str(error)))
                continue
            opened.append(_open_read(read.info, normalised, model))
            for index, span in enumerate(opened[-1].spans):
                yield index, cut_chunks(normalised.signal, [span])[0].signal

    def decoded(scores_TK: np.ndarray) -> Decoded | LexomeError:
        try:
            return model.decoder(scores_TK)
        except LexomeError as error:  # it concerns one read; raised here it would end the run
            return error

    for _, result in model.engine.run(chunks(), decoded):
        # results come in the order of the chunks, so the next one always belongs to the oldest open read
        head = opened[0]
        head.decoded.append(result)
        if len(head.decoded) < len(head.spans):
            continue
        opened.popleft()
        failure = next((d for d in head.decoded if isinstance(d, LexomeError)), None)
        if failure is not None:
            on_skip(Skipped(head.info.read_id, str(failure)))
        else:
            yield _finish(head, model)


def _open_read(info: ReadInfo, normalised: NormalisedRead, model: BasecallModel) -> _OpenRead:
    size = len(normalised.signal)
    spans = chunk_spans(size, model.signal.chunk_size, model.signal.overlap, model.engine.chunk_multiple)
    return _OpenRead(info, size, normalised.trimmed_samples, normalised.shift_pa, normalised.scale_pa, spans)


def _finish(read: _OpenRead, model: BasecallModel) -> Basecall:
    parts = [d for d in read.decoded if isinstance(d, Decoded)]
    whole = stitch(parts, [start for start, _ in read.spans], read.num_samples, model.stride)
    return Basecall(
        info=read.info,
        sequence=decode(whole.bases),
        qualities=whole.qualities,
        moves=whole.moves,
        stride=model.stride,
        trimmed_samples=read.trimmed_samples,
        shift_pa=read.shift_pa,
        scale_pa=read.scale_pa,
        scaling_method=model.signal.scaling.method,
        model_name=model.name,
    )
