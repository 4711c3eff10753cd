import itertools
from pathlib import Path

import numpy as np
import pysam
import pytest
from typer.testing import CliRunner

from lexome.cli.simulate import app
from lexome.core.errors import LexomeError
from lexome.io.pod5 import count as count_pod5
from lexome.simulate.genome import random_genome


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, str]:
    """A request that works."""
    (tmp_path / "ref.fa").write_text(f">one\n{random_genome(20_000, 1)}\n")
    means = np.random.default_rng(5).normal(90, 13, 4096)
    rows = [f"{''.join(k)}\t{m:.3f}" for k, m in zip(itertools.product("ACGT", repeat=6), means, strict=True)]
    (tmp_path / "levels.tsv").write_text("\n".join(["kmer\tlevel_mean", *rows]) + "\n")
    return {
        "--reference": str(tmp_path / "ref.fa"),
        "--count": "5",
        "-o": str(tmp_path / "sim.pod5"),
        "--levels": str(tmp_path / "levels.tsv"),
        "--mean-length": "600",
    }


def run(arguments: dict[str, str], *flags: str) -> tuple[int, str, str]:
    """Exit code as `lexome` gives it, stdout, and the error's or stderr's text."""
    result = CliRunner().invoke(app, ["reads", *itertools.chain(*arguments.items()), *flags])
    if isinstance(result.exception, LexomeError):
        return result.exception.exit_code, result.stdout, str(result.exception)
    return result.exit_code, result.stdout, result.stderr


def test_reads_are_written_and_stdout_stays_empty(arguments: dict[str, str], tmp_path: Path) -> None:
    code, out, log = run({**arguments, "--truth": str(tmp_path / "t.bam")})
    assert (code, out) == (0, "")
    assert "5 reads" in log
    assert count_pod5(tmp_path / "sim.pod5").reads == 5
    with pysam.AlignmentFile(str(tmp_path / "t.bam")) as file:
        assert sum(1 for _ in file) == 5


def test_options_reach_the_simulation(arguments: dict[str, str], tmp_path: Path) -> None:
    def samples(name: str, extra: dict[str, str], *flags: str) -> int:
        code, _, log = run({**arguments, "-o": str(tmp_path / name), **extra}, *flags)
        assert code == 0, log
        return count_pod5(tmp_path / name).samples

    plain = samples("a.pod5", {})
    content = (tmp_path / "a.pod5").read_bytes()
    assert samples("b.pod5", {"--seed": "1"}) == plain
    assert (tmp_path / "b.pod5").read_bytes() == content
    samples("c.pod5", {"--seed": "2"})
    assert (tmp_path / "c.pod5").read_bytes() != content
    for extra in ({"--noise": "0"}, {"--drift": "0"}):
        assert samples("d.pod5", extra) == plain
        assert (tmp_path / "d.pod5").read_bytes() != content
    assert samples("e.pod5", {"--dwell": "20"}) > 1.5 * plain
    assert samples("f.pod5", {}, "--no-adapter") < plain
    assert samples("g.pod5", {"--min-length": "590"}) != plain
    samples("h.pod5", {"--profile": "dna-r9-prom"})
    assert (tmp_path / "h.pod5").read_bytes() != content


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"--reference": "missing.fa"}, 1, "missing.fa"),
        ({"--levels": "missing.tsv"}, 1, "missing.tsv"),
        ({"--count": "0"}, 2, "at least 1"),
        ({"--count": "-3"}, 2, "at least 1"),
        ({"--count": "many"}, 2, "--count"),
        ({"--seed": "-1"}, 2, "seed"),
        ({"--profile": "r9"}, 2, "profile"),
        ({"--mean-length": "50"}, 2, "mean length"),
        ({"--min-length": "30000", "--mean-length": "40000"}, 1, "too short"),
        ({"--noise": "-1"}, 2, "noise"),
        ({"-o": "sim.bam"}, 2, "pod5"),
        ({"-o": "no/such/folder/sim.pod5"}, 2, "folder"),
        ({"--truth": "truth.sam"}, 2, "bam"),
        ({"--truth": "truth.bam", "--truth-stride": "0"}, 2, "stride"),
    ],
)
def test_errors_have_their_exit_code_and_one_clear_line(
    arguments: dict[str, str],
    change: dict[str, str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    given, _, text = run({**arguments, **change})
    assert given == code
    assert message in text
    assert not list(tmp_path.rglob("*.pod5"))


def test_subreads_are_written_with_their_truth(tmp_path: Path) -> None:
    command = [
        "subreads", "-o", str(tmp_path / "sim"), "--count", "2", "--mean-length", "1500", "--sd-length", "0",
        "--min-passes", "3", "--max-passes", "3", "--genome-length", "50000",
    ]  # fmt: skip
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "sim: 2 ZMWs, " in result.stderr
    with pysam.AlignmentFile(str(tmp_path / "sim" / "ccs.bam"), check_sq=False) as file:
        assert len(list(file)) == 2
    again = CliRunner().invoke(app, command)
    assert isinstance(again.exception, LexomeError)
    assert "is there already" in str(again.exception)
