"""Joins the decoded chunks of a read (numpy).

Legend: T time steps, L bases.

Neighbouring chunks overlap; each gives up half of the overlap, where it saw the least of what surrounds a
step. A base belongs to the chunk that holds the step at which it begins.
"""

from collections.abc import Sequence

import numpy as np

from lexome.decode.crf import Decoded


def stitch(chunks: Sequence[Decoded], starts: Sequence[int], num_samples: int, stride: int) -> Decoded:
    """Joins decoded chunks into one read.

    Args:
        chunks: decoded chunks in the read's order, of any length.
        starts: the sample at which each begins, multiples of stride.
        num_samples: length of the trimmed read; steps behind it (a filled chunk) are cut off.
        stride: samples per time step.

    Returns:
        Bases and qualities of the read, and moves of ceil(num_samples / stride) steps.

    Raises:
        ValueError: if chunks leave a gap, do not rise, or their number or length is not what it should be.
    """
    if len(chunks) != len(starts) or not chunks:
        raise ValueError(f"{len(chunks)} chunks with {len(starts)} starts")
    total_steps = -(-num_samples // stride)
    first_steps = [start // stride for start in starts]
    if first_steps[0] != 0:
        raise ValueError("the first chunk must begin the read")
    cuts = [0]  # absolute step at which each chunk takes over from the one before
    ends = [first + len(chunk.moves) for first, chunk in zip(first_steps, chunks, strict=True)]
    for before, end, after in zip(first_steps, ends, first_steps[1:], strict=False):
        if not before < after <= end:
            raise ValueError(f"chunks do not rise or leave a gap before step {after}")
        cuts.append((after + end) // 2)
    if not cuts[-1] <= total_steps <= ends[-1]:
        raise ValueError(f"the last chunk does not hold the read's last step {total_steps}")
    cuts.append(total_steps)
    bases, qualities, moves = [], [], []
    for chunk, first, begin, end in zip(chunks, first_steps, cuts[:-1], cuts[1:], strict=True):
        low, high = begin - first, end - first
        counted = np.concatenate([[0], np.cumsum(chunk.moves, dtype=np.int64)])
        kept = slice(counted[low], counted[high])
        bases.append(chunk.bases[kept])
        qualities.append(chunk.qualities[kept])
        moves.append(chunk.moves[low:high])
    return Decoded(np.concatenate(bases), np.concatenate(qualities), np.concatenate(moves))
