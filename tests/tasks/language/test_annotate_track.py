"""Tracks: every base in one window's part, stretches merged, both formats readable."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lexome.checkpoint.store import load, save
from lexome.core.errors import BadInputError, UsageError
from lexome.io.gff3 import read_gff3
from lexome.simulate.genome import random_genome
from lexome.tasks.language.annotate_track import (
    Stretch,
    TrackConfig,
    TrackReport,
    bed_line,
    check_track,
    gff3_line,
    stretches,
    write_track,
)
from lexome.tasks.language.infer import predictions
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.targets import Target

NAMES = ("coding_sequence", "intergenic", "tRNA")
TEXT = random_genome(2000, 5)


@pytest.fixture(scope="module")
def model(
    random_language_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> LanguageModel:
    """One that says different things of different windows: its mean scores are taken off."""
    folder = random_language_model("nucleotide", Target("classes", NAMES))
    opened = open_language_model(folder, device="cpu")
    windows = [TEXT[start : start + 100] for start in range(0, 1900, 50)]
    mean_K = np.log(predictions(opened, opened.encode(windows))).mean(axis=0)
    random = load(folder)
    (bias,) = [name for name, values in random.weights.items() if values.shape == mean_K.shape]
    weights = {**random.weights, bias: (random.weights[bias] - mean_K).astype(np.float32)}
    even = tmp_path_factory.mktemp("track") / "even"
    save(even, dataclasses.replace(random, weights=weights), "a toy")
    return open_language_model(even, device="cpu")


def _found(model: LanguageModel, config: TrackConfig, *texts: str) -> tuple[list[Stretch], TrackReport]:
    report = TrackReport()
    reads = ((f"s{i}", text) for i, text in enumerate(texts))
    return list(stretches(model, reads, config, report)), report


def test_windows_have_the_class_of_the_network(model: LanguageModel) -> None:
    found, report = _found(model, TrackConfig(100, 50, merge=False), TEXT)
    assert [(one.start_bp, one.end_bp) for one in found[:3]] == [(0, 75), (75, 125), (125, 175)]
    assert found[-1].end_bp == 2000
    assert all(a.end_bp == b.start_bp for a, b in zip(found, found[1:], strict=False))
    for number in (0, 7, 20):
        said = predictions(model, model.encode([TEXT[50 * number : 50 * number + 100]]))[0]
        assert found[number].name == NAMES[int(said.argmax())]
        assert found[number].probability == pytest.approx(float(said.max()), abs=1e-5)
    assert (report.sequences, report.bases, report.strange) == (1, 2000, 0)
    assert len({one.name for one in found}) > 1  # else the other tests would say little


def test_stretches_are_what_windows_say(model: LanguageModel) -> None:
    single, _ = _found(model, TrackConfig(100, 50, merge=False), TEXT, TEXT[:90])
    merged, _ = _found(model, TrackConfig(100, 50), TEXT, TEXT[:90])

    def painted(found: list[Stretch]) -> list[tuple[str, int, str]]:
        return [(one.contig, at, one.name) for one in found for at in range(one.start_bp, one.end_bp)]

    assert painted(single) == painted(merged)
    assert len(painted(merged)) == 2090
    assert sum(one.windows for one in merged) == len(single)
    assert all((a.contig, a.name) != (b.contig, b.name) for a, b in zip(merged, merged[1:], strict=False))
    for one in merged:
        own = [w for w in single if w.contig == one.contig and one.start_bp <= w.start_bp < one.end_bp]
        weights = [w.end_bp - w.start_bp for w in own]
        assert one.probability == pytest.approx(np.average([w.probability for w in own], weights=weights))


def test_what_is_left_out(model: LanguageModel) -> None:
    everything, _ = _found(model, TrackConfig(100, 100, merge=False), TEXT)
    least = float(np.median([one.probability for one in everything]))
    sure, report = _found(model, TrackConfig(100, 100, merge=False, least=least), TEXT)
    assert sure == [one for one in everything if one.probability >= least]
    assert report.unsure == len(everything) - len(sure)
    name = everything[0].name
    without, _ = _found(model, TrackConfig(100, 100, merge=False, leave_out=(name,)), TEXT)
    assert without == [one for one in everything if one.name != name]
    # what is left out parts what lies beside it
    merged, _ = _found(model, TrackConfig(100, 100, leave_out=(name,)), TEXT)
    assert sum(one.end_bp - one.start_bp for one in merged) == 100 * len(without)


def test_letters_that_are_no_bases_are_read_and_counted(model: LanguageModel) -> None:
    found, report = _found(model, TrackConfig(100, 100), "N" * 300 + "X-n" + TEXT[:197], "", "acgt")
    assert (report.strange, report.without_base, report.sequences) == (303, 3, 3)
    assert found[0].start_bp == 300
    assert found[-1].contig == "s2"


def test_what_is_left_out_parts_what_lies_beside_it(model: LanguageModel) -> None:
    found, _ = _found(model, TrackConfig(100, 100), TEXT[:100] + "N" * 400 + TEXT[:100])
    assert [(one.start_bp, one.end_bp) for one in found] == [(0, 100), (500, 600)]
    assert found[0].name == found[1].name


def test_sequences_are_streamed(model: LanguageModel) -> None:
    begun = 0

    def reads() -> Iterator[tuple[str, str]]:
        nonlocal begun
        for i in range(500):
            begun += 1
            yield f"r{i}", random_genome(200, i)

    next(stretches(model, reads(), TrackConfig(100, 100, merge=False, batch_tokens=200), TrackReport()))
    assert begun < 50


def test_both_formats(model: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "g.fa"
    path.write_text(f">a b\n{TEXT}\n>c;1\n{TEXT[:150]}\n")
    for ending in ("bed", "gff3"):
        report = write_track(model, [path], tmp_path / f"o.{ending}", TrackConfig(100, 50))
        assert report.told() == [f"2 sequences, 2,150 bases: {report.lines} lines"]
    bed = [line.split("\t") for line in (tmp_path / "o.bed").read_text().splitlines()]
    features = list(read_gff3(tmp_path / "o.gff3"))
    assert len(bed) == len(features) == report.lines
    for line, feature in zip(bed, features, strict=True):
        assert (line[0], int(line[1]), int(line[2])) == (feature.contig, feature.start_bp, feature.end_bp)
        assert line[3] == feature.attributes["Name"]
        assert feature.kind == "region"
    assert {line[0] for line in bed} == {"a", "c;1"}
    assert len({feature.attributes["ID"] for feature in features}) == len(features)


def test_lines() -> None:
    stretch = Stretch("c 1", 0, 10, "a;b", 0.12345, 2)
    assert bed_line(stretch) == "c_1\t0\t10\ta;b\t123\t."
    assert gff3_line(stretch, 3) == (
        "c%201\tlexome\tregion\t1\t10\t0.1235\t.\t.\tID=window3;Name=a%3Bb;windows=2"
    )


def test_half_a_track_is_not_left(model: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "g.fa"
    path.write_text(f">a\n{TEXT}\n>b\nAC1T\n")
    with pytest.raises(BadInputError, match="not a line of sequence"):
        write_track(model, [path], tmp_path / "o.bed", TrackConfig(100, 50))
    path.write_text("")
    with pytest.raises(BadInputError, match="holds no sequence"):
        write_track(model, [path], tmp_path / "o.bed", TrackConfig(100, 50))
    assert [one.name for one in tmp_path.iterdir()] == ["g.fa"]


def test_what_does_not_fit(
    model: LanguageModel, random_language_model: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--step 101 must be above 0 and at most --window 100"):
        TrackConfig(100, 101)
    with pytest.raises(UsageError, match="has no class 'exon'"):
        check_track(model, TrackConfig(leave_out=("exon",)))
    labels = random_language_model("nucleotide", Target("labels", ("p", "q")))
    with pytest.raises(UsageError, match="a track needs classes"):
        check_track(open_language_model(labels, device="cpu"), TrackConfig())
    with pytest.raises(UsageError, match="the ending decides the format"):
        write_track(model, [tmp_path / "g.fa"], tmp_path / "o.txt", TrackConfig())
    with pytest.raises(UsageError, match="choose a smaller --window"):
        _found(model, TrackConfig(200, 100, max_tokens=50), TEXT)
