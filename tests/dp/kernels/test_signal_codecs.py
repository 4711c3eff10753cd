import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.dp.kernels.signal_codecs import (
    decode_differences,
    decode_exceptions,
    decode_numbers,
    parse_samples,
)

NUMBERS = st.lists(st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1)), max_size=40)
SAMPLES = st.lists(st.one_of(st.integers(-40, 40), st.integers(-32768, 32767)), min_size=1, max_size=40)


def stream_vbyte(numbers: list[int]) -> np.ndarray:
    """The format, spelled out: two bits per number, then the bytes of each."""
    bits, data = 0, b""
    for n, number in enumerate(numbers):
        size = next(size for size in (1, 2, 3, 4) if number < 256**size)
        bits |= (size - 1) << (2 * n)
        data += number.to_bytes(size, "little")
    return np.frombuffer(bits.to_bytes(-(-len(numbers) // 4), "little") + data, np.uint8)


def zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def codes_of(samples: list[int], bits: int) -> list[int]:
    """Zigzag codes of the differences, each wrapped to a signed number of so many bits."""
    half = 2 ** (bits - 1)
    steps = [b - a for a, b in zip([0, *samples], samples, strict=False)]
    return [zigzag((step + half) % (2 * half) - half) for step in steps]


class TestNumbers:
    @given(NUMBERS)
    def test_all_numbers_come_back(self, numbers):
        data, found = stream_vbyte(numbers), np.empty(len(numbers), np.uint32)
        assert decode_numbers(data, found) == len(data)
        assert found.tolist() == numbers

    @given(NUMBERS.filter(bool), st.data())
    def test_data_that_end_too_early(self, numbers, data):
        whole = stream_vbyte(numbers)
        cut = whole[: data.draw(st.integers(0, len(whole) - 1))].copy()
        assert decode_numbers(cut, np.empty(len(numbers), np.uint32)) == -1

    def test_sizes_of_the_format(self):
        # the sizes 1, 2, 3, 4 of the first four numbers fill one byte from the lowest bits up
        data = np.array([0b11100100, 0b00, 7, 1, 2, 1, 2, 3, 1, 2, 3, 4, 9], np.uint8)
        found = np.empty(5, np.uint32)
        assert decode_numbers(data, found) == 13
        assert found.tolist() == [7, 0x0201, 0x030201, 0x04030201, 9]


class TestDifferences:
    @given(SAMPLES)
    def test_all_samples_come_back(self, samples):
        data, found = stream_vbyte(codes_of(samples, 32)), np.empty(len(samples), np.int16)
        assert decode_differences(data, found) == len(data)
        assert found.tolist() == samples

    @given(SAMPLES, st.data())
    def test_data_that_end_too_early(self, samples, data):
        whole = stream_vbyte(codes_of(samples, 32))
        cut = whole[: data.draw(st.integers(0, len(whole) - 1))].copy()
        assert decode_differences(cut, np.empty(len(samples), np.int16)) == -1

    @pytest.mark.parametrize("steps", [[32768], [-32769], [2**31 - 1], [-(2**31)], [32767, 1], [-1, -32768]])
    def test_a_sample_outside_16_bits(self, steps):
        data = stream_vbyte([zigzag(step) for step in steps])
        assert decode_differences(data, np.empty(len(steps), np.int16)) == -2


class TestExceptions:
    @staticmethod
    def parts(samples: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        first, *codes = codes_of(samples, 16)
        places = [n for n, code in enumerate(codes) if code > 255]
        distances = [b - a - 1 for a, b in zip([-1, *places], places, strict=False)]
        small = np.array([code for code in codes if code < 256], np.uint8)
        large = np.array([codes[n] - 256 for n in places], np.uint32)
        return small, np.array(distances, np.uint32), large, first

    @given(SAMPLES)
    @settings(max_examples=200)
    def test_all_samples_come_back(self, samples):
        found = np.empty(len(samples), np.int16)
        assert decode_exceptions(*self.parts(samples), found) == 0
        assert found.tolist() == samples

    @given(SAMPLES, st.sampled_from([-1, 1, 5]))
    def test_another_number_of_samples(self, samples, more):
        found = np.empty(max(1, len(samples) + more), np.int16)
        if len(found) != len(samples):
            assert decode_exceptions(*self.parts(samples), found) == -1

    @given(
        st.lists(st.integers(0, 255), max_size=10),
        st.lists(st.integers(0, 2**32 - 1), max_size=6),
        st.integers(0, 2**16 - 1),
    )
    def test_any_places_are_survived(self, small, places, first):
        large = np.zeros(len(places), np.uint32)
        found = np.empty(1 + len(small) + len(places), np.int16)
        arrays = np.array(small, np.uint8), np.array(places, np.uint32), large
        fits = sum(places) + len(places) <= len(small) + len(places)
        assert decode_exceptions(*arrays, first, found) == (0 if fits else -1)


class TestText:
    @staticmethod
    def read(text: str, count: int) -> tuple[int, list[int]]:
        found = np.zeros(count, np.int16)
        return int(parse_samples(np.frombuffer(text.encode(), np.uint8), found)), found.tolist()

    @given(SAMPLES)
    def test_all_samples_come_back(self, samples):
        assert self.read(",".join(map(str, samples)), len(samples)) == (len(samples), samples)

    @pytest.mark.parametrize(
        "text",
        [
            "1,2,3",
            "1,",
            ",1",
            "1,,2",
            "x",
            "1x",
            "1 ",
            "-",
            "--1",
            "1-",
            "+1",
            "1.0",
            "32768",
            "-32769",
            "9" * 30,
        ],
    )
    def test_what_is_no_list_of_samples(self, text):
        assert self.read(text, 2)[0] == -1

    def test_too_few(self):
        assert self.read("-32768,32767", 3) == (2, [-32768, 32767, 0])
        assert self.read("", 3)[0] == 0
