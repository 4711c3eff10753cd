"""What is published of basecallers: that every number has a source, and none is made up."""

from lexome.tasks.bench.published_basecallers import BASECALLERS, CLAIMS, published_basecallers

NUMBERS = ("parameters", "kilobases_per_s", "mismatches_millions", "accuracy")


def test_every_number_has_a_source_and_every_speed_a_machine() -> None:
    for row in BASECALLERS:
        known = [name for name in NUMBERS if getattr(row, name) is not None]
        assert bool(known) == bool(row.sources), row.name
        assert (row.kilobases_per_s is None) == (not row.machine), row.name
        assert known or row.note, row.name
    assert len({row.name for row in BASECALLERS}) == len(BASECALLERS)
    assert {"RUBICALL-FP", "RUBICALL-MP", "SACall", "Causalcall"} <= {row.name for row in BASECALLERS}


def test_what_the_source_says_of_its_own_numbers() -> None:
    """On equal hardware RUBICALL-FP is 2.2 times as fast as Bonito-CTC; CRF-fast is 2.3 times that."""
    speed = {row.name: row.kilobases_per_s or 0.0 for row in BASECALLERS}
    assert round(speed["RUBICALL-FP"] / speed["Bonito-CTC"], 1) == 2.2
    assert round(speed["Bonito-CRF-fast"] / speed["RUBICALL-FP"], 1) == 2.3


def test_claims_are_text_that_nothing_is_divided_by() -> None:
    found = published_basecallers()
    assert len(found["basecallers"]) == len(BASECALLERS)
    assert {claim["times"] for claim in found["claims"]} == {claim.times for claim in CLAIMS}
    assert all(isinstance(claim["times"], str) for claim in found["claims"])
    assert all(row["sources"] == list(row["sources"]) for row in found["basecallers"])
