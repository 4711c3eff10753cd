"""Errors: exit codes and the hint at the nearest name."""

import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError, nearest


@pytest.mark.parametrize(("error", "code"), [(LexomeError, 1), (BadInputError, 1), (UsageError, 2)])
def test_exit_codes(error: type[LexomeError], code: int) -> None:
    assert error("x").exit_code == code
    assert issubclass(error, LexomeError)


def test_nearest_names_the_closest_and_lists_all() -> None:
    assert nearest("strid", ["size", "stride"]) == "did you mean 'stride'? known: size, stride"


def test_nearest_without_anything_close_only_lists() -> None:
    assert nearest("zzz", {"stride": 1, "size": 2}) == "known: size, stride"
    assert nearest("zzz", []) == "known: none"
