"""The thesis' numbers: complete, and with the right sign."""

from lexome.nn.gru_ablations import CODES
from lexome.tasks.bench.published import TABLE_4_1, TABLE_5_1, published
from lexome.tasks.bench.sets import trials_of


def test_table_4_1_has_every_ablation() -> None:
    assert set(TABLE_4_1) == set(CODES)
    failed = [code for code, change in TABLE_4_1.items() if change > 50]
    assert len(failed) == 16  # the caption says 17
    assert published("ablations", {"ablation": "2.1"}) == ("minus the change of the loss, %", -76.37)


def test_higher_is_better() -> None:
    best = max(trials_of("ablations"), key=lambda t: (published("ablations", dict(t.labels)) or ("", -99))[1])
    assert best.labels["ablation"] == "5.4.0"
    cot, plain = (
        published("thoughts", {"network": n})
        for n in ("chain of thought, version 5", "two-layer transformer")
    )
    assert cot is not None
    assert plain is not None
    assert cot[1] > plain[1]


def test_of_what_it_does_not_have_there_is_nothing() -> None:
    of = {"architecture": "bonito", "width": 64, "head": "crf"}
    assert published("architectures", of) == ("validation accuracy", 0.871)
    for change in ({"width": 48}, {"architecture": "mamba"}, {"head": "ctc"}, {"architecture": "sacall"}):
        assert published("architectures", of | change) is None
    sacall = {"architecture": "sacall", "width": 128, "head": "ctc"}
    assert published("architectures", sacall) == ("validation accuracy", 0.847)
    assert published("mixer", {"mixer": "5", "width": 128}) is None
    assert all(validation > human for validation, human in TABLE_5_1.values())
