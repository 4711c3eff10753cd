import pytest

from lexome.core.errors import UsageError
from lexome.simulate.levels import BUNDLED
from lexome.simulate.profiles import PROFILES, get_profile


def test_profiles_are_found_by_name() -> None:
    assert all(get_profile(name).name == name for name in PROFILES)
    assert get_profile("dna-r9-min").scale == pytest.approx(0.17615, abs=1e-5)
    assert get_profile("dna-r10-prom").sample_rate_hz == 5000


def test_every_table_that_a_profile_names_is_bundled() -> None:
    assert {profile.levels for profile in PROFILES.values()} - {None} <= set(BUNDLED)


def test_an_unknown_profile_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'dna-r9-min'"):
        get_profile("dna-r9-mn")
