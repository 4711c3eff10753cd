"""Signals as SLOW5 and BLOW5 keep them: StreamVByte, differences of neighbours, decimal text (numba).

StreamVByte writes a number in as few bytes as it needs, one to four, least byte first. How many each takes
stands before all of them, two bits per number and four numbers per byte, the first in the lowest bits. A
zigzag code turns small numbers of either sign into small ones without a sign: 0, -1, 1, -2 become 0, 1, 2, 3.

Every kernel checks that it stays inside its arrays, since the lengths come from files: a negative answer says
that the data are damaged.

Source: the format as published (Lemire et al. 2018, "Stream VByte"; the SLOW5 specification); own kernels.
"""

import numpy as np
from numba import njit

_LOWEST, _HIGHEST = -32768, 32767  # of int16


@njit(cache=True, nogil=True)
def _number(data: np.ndarray, at: int, size: int) -> np.int64:
    """The number that takes `size` bytes from `at` on."""
    value = np.int64(data[at])
    for byte in range(1, size):
        value |= np.int64(data[at + byte]) << (8 * byte)
    return value


@njit(cache=True, nogil=True)
def decode_numbers(data: np.ndarray, numbers_N: np.ndarray) -> int:
    """Decodes N numbers.

    Args:
        data: uint8; the sizes, then the numbers; may be longer.
        numbers_N: output, uint32.

    Returns:
        How many bytes they took; -1 if `data` ends before.
    """
    count = numbers_N.shape[0]
    at = (count + 3) // 4
    if at > data.shape[0]:
        return -1
    for n in range(count):
        size = ((data[n >> 2] >> (2 * (n & 3))) & 3) + 1
        if at + size > data.shape[0]:
            return -1
        numbers_N[n] = _number(data, at, size)
        at += size
    return at


@njit(cache=True, nogil=True)
def decode_differences(data: np.ndarray, signal_S: np.ndarray) -> int:
    """Decodes a signal of which zigzag codes of the differences are kept as numbers (`svb-zd`).

    Args:
        data: uint8; the sizes, then the numbers; may be longer.
        signal_S: output, int16.

    Returns:
        How many bytes they took; -1 if `data` ends before, -2 if a sample lies outside int16.
    """
    count = signal_S.shape[0]
    at = (count + 3) // 4
    if at > data.shape[0]:
        return -1
    sample = np.int64(0)
    for n in range(count):
        size = ((data[n >> 2] >> (2 * (n & 3))) & 3) + 1
        if at + size > data.shape[0]:
            return -1
        code = _number(data, at, size)
        sample += (code >> 1) ^ -(code & 1)
        if sample < _LOWEST or sample > _HIGHEST:
            return -2
        signal_S[n] = sample
        at += size
    return at


@njit(cache=True, nogil=True)
def decode_exceptions(
    small: np.ndarray, positions_E: np.ndarray, large_E: np.ndarray, first: int, signal_S: np.ndarray
) -> int:
    """Decodes a signal of which most zigzag codes of the differences take one byte (`ex-zd`).

    Sums wrap around at 16 bits, as those of the encoder do.

    Args:
        small: uint8; the codes below 256, in the signal's order.
        positions_E: where the E other codes stand, counted from the second sample, each as the distance to
            the one before less one (the first: its position); uint32.
        large_E: these codes less 256, uint32.
        first: the code of the first sample.
        signal_S: output, int16, S >= 1.

    Returns:
        0; -1 if there are fewer or more codes than samples.
    """
    count, exceptions = signal_S.shape[0], positions_E.shape[0]
    if small.shape[0] + exceptions != count - 1:
        return -1
    sample = np.int16((first >> 1) ^ -(first & 1))
    signal_S[0] = sample
    used, taken = 0, 0
    following = np.int64(positions_E[0]) if exceptions else np.int64(-1)
    for n in range(count - 1):
        if taken < exceptions and n == following:
            code = np.int64(large_E[taken]) + 256
            taken += 1
            if taken < exceptions:
                following += np.int64(positions_E[taken]) + 1
        else:
            if used >= small.shape[0]:
                return -1
            code = np.int64(small[used])
            used += 1
        sample = np.int16(sample + ((code >> 1) ^ -(code & 1)))
        signal_S[n + 1] = sample
    return 0 if taken == exceptions else -1


@njit(cache=True, nogil=True)
def parse_samples(text: np.ndarray, signal_S: np.ndarray) -> int:
    """Reads S whole numbers in decimal digits with a comma between any two; nothing else may stand there.

    Args:
        text: uint8, ASCII.
        signal_S: output, int16.

    Returns:
        How many numbers were read, S if all is well; -1 if one is no number, too large, or one too many.
    """
    count, capacity = 0, signal_S.shape[0]
    at, end = 0, text.shape[0]
    while at < end:
        if count == capacity:
            return -1
        negative = text[at] == 45  # "-"
        if negative:
            at += 1
        value, digits = 0, 0
        while at < end and 48 <= text[at] <= 57:
            value = value * 10 + (text[at] - 48)
            digits += 1
            at += 1
            if value > -_LOWEST:
                return -1
        if negative:
            value = -value
        if digits == 0 or value > _HIGHEST:
            return -1
        signal_S[count] = value
        count += 1
        if at < end:
            if text[at] != 44 or at + 1 == end:  # ","
                return -1
            at += 1
    return count
