"""Profiles of subreads: the bundled one, files that are none, and the tables made from them."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.simulate.hifi_profile import (
    LEVELS,
    LONGEST_RUN_BP,
    SubreadProfile,
    bundled_subread_profile,
    read_subread_profile,
)


def test_the_bundled_profile_is_that_of_a_sequel(profile: SubreadProfile) -> None:
    for name in ("run_deleted", "run_inserted", "single_deleted", "substituted", "inserted"):
        table = getattr(profile, name)
        assert (table >= 0).all(), name
        assert table.max() < 0.6, name
    base = np.arange(4)
    assert profile.substituted[:, base, :, base].max() == 0, "a base is not replaced by itself"
    # longer homopolymers of T, in the direction of reading, are lengthened most
    assert profile.run_inserted[3, 6] > 2 * profile.run_inserted[3, 2]
    assert len(profile.passes) == 3
    assert all(0.2 < table[:, :3].mean() < 3 for table in profile.passes)
    assert profile.pulse_codes[0].sum() > 100_000


def test_a_profile_survives_its_file(profile: SubreadProfile, tmp_path: Path) -> None:
    profile.save(tmp_path / "p.json")
    again = read_subread_profile(tmp_path / "p.json")
    for field in fields(SubreadProfile):
        one, two = getattr(profile, field.name), getattr(again, field.name)
        if field.name == "passes":
            assert all((a == b).all() for a, b in zip(one, two, strict=True))
        else:
            assert np.array_equal(one, two), field.name


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"long_rate": "much"}, "long_rate"),
        ({"run_deleted": [[0.1] * 13] * 3}, "run_deleted"),
        ({"snr_mean": [1, 2, None, 4]}, "snr_mean"),
        ({"snr_mean": [1, 2, float("nan"), 4]}, "snr_mean"),
        ({"passes": []}, "no passes"),
        ({"passes": [[[1, 1, 1]]]}, "passes"),
        ({"passes": 3}, "passes"),
        ({"extra": 1}, "fields"),
    ],
)
def test_a_wrong_profile_is_refused(
    profile: SubreadProfile, tmp_path: Path, change: dict, complaint: str
) -> None:
    path = tmp_path / "p.json"
    profile.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BadInputError, match=complaint):
        read_subread_profile(path)


@pytest.mark.parametrize("text", ["", "[1]", "no json", "{}"])
def test_what_is_no_profile_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"p\.json"):
        read_subread_profile(path)


def test_a_missing_file_and_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        read_subread_profile(tmp_path / "none.json")
    with pytest.raises(UsageError, match="sequel"):
        bundled_subread_profile("sequle")


def test_the_lengths_seen_of_a_run_are_a_distribution(profile: SubreadProfile) -> None:
    seen = np.exp(profile.run_lengths_seen)
    assert seen.shape == (4, LONGEST_RUN_BP + 1, LONGEST_RUN_BP + 1)
    np.testing.assert_allclose(seen.sum(-1), 1, atol=1e-9)
    lost, grown = profile.run_deleted[2, 3], profile.run_inserted[2, 3]
    # one short: one of three lost and nothing new, or two lost and one new, or all three and two
    short = 3 * lost * (1 - lost) ** 2 * (1 - grown)
    short += 3 * lost**2 * (1 - lost) * grown * 0.85 + lost**3 * grown * 0.85 * 0.15
    assert seen[2, 3, 2] == pytest.approx(short, rel=0.02)


def test_quantiles_give_the_codes_back(profile: SubreadProfile) -> None:
    table = profile.pulse_quantiles[0, 1]
    assert table.shape == (LEVELS,)
    assert (np.diff(table.astype(int)) >= 0).all()
    share = np.bincount(table, minlength=256) / LEVELS
    np.testing.assert_allclose(share, profile.pulse_codes[0, 1] / profile.pulse_codes[0, 1].sum(), atol=2e-3)
