"""`lexome calibrate` as it is typed, and that `lexome correct` takes what it prints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from lexome.checkpoint.store import Checkpoint, Component, load, save
from lexome.decode.consensus import parse_calibration

Run = Callable[..., tuple[int, str, str]]
RAW = "lexome correct -m m --calibration skip --skip-windows-above 0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Truth, reads whose qualities promise too much (raw.bam, used.bam, c.fastq), two models."""
    rng = np.random.default_rng(2)
    path = tmp_path_factory.mktemp("calibrate")
    truths, reads = [], []
    for hole in range(30):
        truth = rng.integers(0, 4, 1500)
        quality = rng.integers(5, 30, 1500)
        read = np.where(rng.random(1500) < 10 ** (-(0.6 * quality) / 10), (truth + 1) % 4, truth)
        bases = ["".join("ACGT"[code] for code in codes) for codes in (truth, read)]
        truths.append(f">m/{hole}/truth\n{bases[0]}\n")
        reads.append((f"m/{hole}/ccs", bases[1], "".join(chr(q + 33) for q in quality)))
    (path / "t.fasta").write_text("".join(truths))
    (path / "t.bed").write_text("".join(f"c{i % 2}\t0\t1500\tm/{i}/ccs\n" for i in range(30)))
    (path / "c.fastq").write_text("".join(f"@{name}\n{bases}\n+\n{q}\n" for name, bases, q in reads))
    for name, command in (("raw.bam", RAW), ("used.bam", "lexome correct -m m --calibration 0,2,1")):
        header = f"@HD\tVN:1.6\n@PG\tID:p\tPN:lexome\tCL:{command}\n"
        with pysam.AlignmentFile(str(path / name), "wb", text=header) as file:
            for name, bases, q in reads:
                record = pysam.AlignedSegment(file.header)
                record.query_name, record.flag, record.query_sequence = name, 4, bases
                record.query_qualities = pysam.qualitystring_to_array(q)
                file.write(record)
    for task, name in (("correct", "m"), ("basecall", "basecaller")):
        config: dict[str, Any] = {}
        weights = {"w": np.zeros(2, np.float32)}
        parts = Component("deepconsensus", config), Component("consensus", config)
        save(path / name, Checkpoint(task, *parts, {}, None, {"name": name}, weights), "x")
    return path


@pytest.fixture
def run(lexome: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(folder)
    return lambda *arguments: lexome("calibrate", *arguments)


def test_a_table_a_string_and_a_model(run: Run, folder: Path, tmp_path: Path) -> None:
    code, out, err = run("raw.bam", "--truth", "t.fasta", "-m", "m", "-o", tmp_path / "new", "--threads", 2)
    assert code == 0
    header, *rows = (line.split("\t") for line in out.splitlines())
    assert header == ["baseq", "matches", "mismatches", "deletions"]
    assert sum(int(row[1]) + int(row[2]) for row in rows) == 30 * 1500
    lines = err.splitlines()
    assert lines[0].startswith("lexome: 30 molecules, ")
    text = lines[1].removeprefix("lexome: --calibration ")
    calibration = parse_calibration(text)
    assert calibration is not None
    assert calibration(np.array([20.0]))[0] == pytest.approx(12, abs=1)
    before, after = (float(word) for word in lines[2].split() if word.startswith("0."))
    assert after < before / 3
    assert lines[3].endswith(f"written to {tmp_path / 'new'}")
    assert len(lines) == 4
    assert load(tmp_path / "new").head.config == {"calibration": text}
    assert (tmp_path / "new" / "README.md").is_file()
    assert load(folder / "m").head.config == {}


def test_qualities_of_another_kind_are_refused_or_said(run: Run, tmp_path: Path) -> None:
    code, out, err = run("used.bam", "--truth", "t.fasta", "-m", "m", "-o", tmp_path / "new")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "it was made with --calibration 0,2,1; make it with lexome correct --calibration skip" in err
    assert not list(tmp_path.iterdir())
    for source in ("used.bam", "c.fastq"):
        code, out, err = run(source, "--truth", "t.fasta")
        assert code == 0
        assert err.startswith(f"lexome: warning: {source}: ")
        assert out.startswith("baseq\t")
    assert run("raw.bam", "--truth", "t.fasta")[2].startswith("lexome: 30 molecules")


def test_regions_and_deletions(run: Run) -> None:
    regions = ("--bed", "t.bed", "--regions", "c1", "--regions", "c7:1-5")
    code, _, err = run("raw.bam", "--truth", "t.fasta", "--no-deletions", *regions)
    assert code == 0
    assert "lexome: 15 molecules" in err
    assert "15 outside of the regions" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-m", "m"), "-m and -o belong together"),
        (("-o", "x"), "-m and -o belong together"),
        (("-m", "m", "-o", "m"), "exists already"),
        (("-m", "basecaller", "-o", "x"), "lexome models calibrate"),
        (("-m", "nothing", "-o", "x"), "no model 'nothing'"),
        (("--regions", "c1"), "--regions needs --bed"),
        (("--regions", "c1:9-2", "--bed", "t.bed"), "write CONTIG"),
    ],
)
def test_wrong_use_is_one_line(run: Run, options: tuple[str, ...], words: str) -> None:
    code, out, err = run("raw.bam", "--truth", "t.fasta", *options)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert words in err


def test_too_little_to_fit_still_shows_the_table(run: Run, tmp_path: Path) -> None:
    (tmp_path / "few.fastq").write_text("".join((Path("c.fastq").read_text().splitlines(keepends=True))[:4]))
    lines = (tmp_path / "few.fastq").read_text().splitlines()
    truth = Path("t.fasta").read_text().split("\n")[1]
    (tmp_path / "few.fastq").write_text(f"{lines[0]}\n{truth}\n+\n{lines[3]}\n")
    code, out, err = run(tmp_path / "few.fastq", "--truth", "t.fasta")
    assert code == 1
    assert out.startswith("baseq\t")
    assert "too little to calibrate on: 0 wrong bases" in err
