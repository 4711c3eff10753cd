import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexome.io.times import iso_utc, milliseconds_of


@settings(deadline=None)
@given(st.integers(1, 4_000_000_000_000))
def test_there_and_back(milliseconds):
    text = iso_utc(milliseconds)
    assert milliseconds_of(text) == milliseconds
    assert datetime.fromisoformat(text).timestamp() == pytest.approx(milliseconds / 1000, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2017-04-24T05:58:41Z", datetime(2017, 4, 24, 5, 58, 41, tzinfo=UTC).timestamp()),
        ("2017-04-24T05:58:41", datetime(2017, 4, 24, 5, 58, 41, tzinfo=UTC).timestamp()),
        (
            "2022-04-13T15:46:07.574175+01:00",
            datetime(2022, 4, 13, 14, 46, 7, 574000, tzinfo=UTC).timestamp(),
        ),
        ("", 0),
        ("yesterday", 0),
    ],
)
def test_forms_of_time(text, seconds):
    assert milliseconds_of(text) == round(seconds * 1000)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set on this system")
def test_the_zone_of_the_machine_does_not_matter(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert iso_utc(milliseconds_of("2017-04-24T05:58:41")) == "2017-04-24T05:58:41.000000+00:00"
    time.tzset()


def test_unknown_and_impossible():
    assert iso_utc(0) == ""
    with pytest.raises(ValueError, match="is no date"):
        iso_utc(2**62)
