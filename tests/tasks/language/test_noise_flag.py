"""Reads are flagged by the mean over their windows, in their order, and compared with the truth."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lexome.core.errors import BadInputError, UsageError
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.noise_flag import (
    FlagConfig,
    FlaggedRead,
    class_of,
    flag_file,
    flag_reads,
)
from lexome.tasks.language.targets import Target


@pytest.fixture(scope="module")
def model(random_language_model: Callable[..., Path]) -> LanguageModel:
    folder = random_language_model("nucleotide", Target("classes", ("clean", "noisy")))
    return open_language_model(folder, device="cpu")


def _said(model: LanguageModel, sequence: str) -> float:
    """The probability of one window, straight from the network."""
    from lexome.tasks.language.infer import predictions

    return float(predictions(model, model.encode([sequence]))[0, 1])


def _random(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def test_windows_and_their_mean(model: LanguageModel) -> None:
    long, short, exact = _random(250, 0), _random(30, 1), _random(200, 2)
    reads = [
        ("n", "NNNN"),
        ("long", long),
        ("none", ""),
        ("short", short),
        ("exact", exact),
        ("m", "N" * 300),
    ]
    found = list(flag_reads(model, iter(reads), FlagConfig(100, 0.5)))
    assert [one.read_id for one in found] == ["n", "long", "none", "short", "exact", "m"]
    assert [one.windows for one in found] == [0, 3, 0, 1, 2, 0]
    assert [one.length_bp for one in found] == [4, 250, 0, 30, 200, 300]
    # the last window of the long read begins at 150 and stands for what lies behind 175
    windows = [_said(model, long[start : start + 100]) for start in (0, 100, 150)]
    assert found[1].p_noisy == pytest.approx(np.average(windows, weights=[100, 75, 75]), abs=1e-6)
    assert found[1].p_noisy_highest == pytest.approx(max(windows), abs=1e-6)
    assert found[3].p_noisy == pytest.approx(_said(model, short), abs=1e-6)
    assert [one.is_flagged for one in found] == [
        one.p_noisy is not None and one.p_noisy >= 0.5 for one in found
    ]
    assert found[5] == FlaggedRead("m", 300, 0, None, None, False)


def test_the_threshold_and_the_class(model: LanguageModel) -> None:
    read = [("a", _random(100, 3))]
    p_noisy = _said(model, read[0][1])
    for threshold in (p_noisy - 1e-3, p_noisy + 1e-3):
        (found,) = flag_reads(model, iter(read), FlagConfig(100, threshold))
        assert found.is_flagged == (threshold < p_noisy)
    (other,) = flag_reads(model, iter(read), FlagConfig(100, noisy_class="clean"))
    assert other.p_noisy == pytest.approx(1 - p_noisy, abs=1e-6)
    with pytest.raises(UsageError, match="no class 'bad'; its classes: clean, noisy"):
        class_of(model, "bad")


def test_a_file(model: LanguageModel, tmp_path: Path) -> None:
    path, out = tmp_path / "r.fastq", tmp_path / "out.tsv"
    path.write_text(
        "".join(f"@r{i}\n{_random(150, i)}\n+\n{'I' * 150}\n" for i in range(5)) + "@n\nNN\n+\nII\n"
    )
    report = flag_file(model, path, out, FlagConfig(100))
    lines = [line.split("\t") for line in out.read_text().splitlines()]
    assert lines[0] == ["read_id", "length_bp", "windows", "p_noisy", "p_noisy_highest", "flagged"]
    assert [line[0] for line in lines[1:]] == [*(f"r{i}" for i in range(5)), "n"]
    assert lines[-1] == ["n", "2", "0", "", "", "no"]
    assert (report.reads, report.without_base) == (6, 1)
    assert report.mean_q == pytest.approx(dict.fromkeys([*report.p_noisy, "n"], 40.0))
    assert report.flagged == sum(line[5] == "yes" for line in lines)
    assert [float(line[3]) for line in lines[1:-1]] == pytest.approx(list(report.p_noisy.values()), rel=1e-5)


def test_half_a_table_is_not_left(model: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "r.fastq"
    path.write_text(f"@a\n{_random(150, 0)}\n+\n{'I' * 150}\n@b\nACGT\n+\n")
    with pytest.raises(BadInputError, match="cut off"):
        flag_file(model, path, tmp_path / "out.tsv", FlagConfig(100))
    path.write_text("")
    with pytest.raises(BadInputError, match="holds no read"):
        flag_file(model, path, tmp_path / "out.tsv", FlagConfig(100))
    assert [one.name for one in tmp_path.iterdir()] == ["r.fastq"]


def test_too_many_tokens(model: LanguageModel) -> None:
    with pytest.raises(UsageError, match="choose a smaller --window"):
        list(flag_reads(model, iter([("a", _random(300, 0))]), FlagConfig(200, max_tokens=50)))


def test_reads_are_streamed(model: LanguageModel) -> None:
    begun = 0

    def reads() -> Iterator[tuple[str, str]]:
        nonlocal begun
        for i in range(2000):
            begun += 1
            yield f"r{i}", _random(100, i)

    next(flag_reads(model, reads(), FlagConfig(100, batch_tokens=200)))
    assert begun < 100
