"""`lexome prepare composed`: its options reach the work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lexome.simulate.sequence import SequenceMix
from lexome.tasks.basecall.intervals import Interval
from lexome.tasks.basecall.yields import LabelReport

Run = Callable[..., tuple[int, str, str]]
NEEDED = ("reads.pod5", "--reference", "ref.fa", "--places", "p.tsv", "-o", "store")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What `compose_store` is asked for: request, config, output, genomes."""
    calls: list[tuple[Any, ...]] = []

    def note(request, config, output, show, on_skip, genomes) -> LabelReport:
        calls.append((request, config, output, genomes))
        return LabelReport(notes=["a note"])

    monkeypatch.setattr("lexome.tasks.basecall.compose.compose_store", note)
    return calls


def test_without_options_sequence_is_random_and_repetitive(lexome: Run, asked: list) -> None:
    code, out, err = lexome("prepare", "composed", *NEEDED)
    assert (code, out) == (0, "")
    assert "lexome: a note" in err
    request, config, output, genomes = asked[0]
    assert output == Path("store")
    assert config.mix == SequenceMix(0.2, 0.0)
    assert (config.pieces, config.piece_bp) == (1500, 4000)
    assert (tuple(genomes.paths), tuple(genomes.unseen)) == ((), ())
    assert request.labels.step == request.labels.chunk_size == 1500


def test_options_reach_the_work(lexome: Run, asked: list) -> None:
    options = ("--sequence", "a.fa", "--sequence", "b.fa", "--unlike", "u.fa", "--without", "c:5-90")
    options += ("--repeat-share", "0.3", "--pieces", "7", "--seed", "5", "--chunk-size", "900")
    assert lexome("prepare", "composed", *NEEDED, *options)[0] == 0
    assert lexome("prepare", "composed", *NEEDED, *options, "--genome-share", "0.1")[0] == 0
    request, config, _, genomes = asked[0]
    assert config.mix == SequenceMix(0.3, 0.5)
    assert asked[1][1].mix == SequenceMix(0.3, 0.1)
    assert (config.pieces, config.seed) == (7, 5)
    assert genomes.paths == [Path("a.fa"), Path("b.fa")]
    assert genomes.unseen == [Path("u.fa")]
    assert request.validation == (Interval("c", 5, 90),)
    assert request.labels.step == request.labels.chunk_size == 900


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--unlike", "u.fa"), "--sequence"),
        (("--sequence", "a.fa", "--genome-share", "0.9"), "and their sum"),
    ],
)
def test_options_that_do_not_fit_are_refused(lexome: Run, asked: list, options: tuple, words: str) -> None:
    code, out, err = lexome("prepare", "composed", *NEEDED, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert not asked
