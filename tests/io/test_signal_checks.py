import pytest

from lexome.io.signal_checks import MAX_SAMPLES, check_read_id, check_signal, first_line


def test_a_sound_read():
    check_signal(MAX_SAMPLES, -0.18, 4.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 0.18, 4.0), "no signal"),
        ((MAX_SAMPLES + 1, 0.18, 4.0), "90000001 samples"),
        ((10, 0.0, 4.0), "calibration"),
        ((10, float("inf"), 4.0), "calibration"),
        ((10, 0.18, float("nan")), "calibration"),
    ],
)
def test_what_cannot_be_called(values, message):
    with pytest.raises(ValueError, match=message):
        check_signal(*values)


@pytest.mark.parametrize("read_id", ["a", "x" * 254, "00000000-0000-0000-0000-00000000000A", "!?~"])
def test_ids(read_id):
    assert check_read_id(read_id) == read_id


@pytest.mark.parametrize("read_id", ["", "x" * 255, "a b", "a\tb", "a\n", "@a", "ä", "\0"])
def test_ids_that_cannot_stand_in_a_file(read_id):
    with pytest.raises(ValueError, match="cannot be the name of a read"):
        check_read_id(read_id)


def test_first_line():
    assert first_line(ValueError("one\ntwo")) == "one"
    assert first_line(KeyError()) == "KeyError"
