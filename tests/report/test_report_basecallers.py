"""Tables, plots, page and picture of a comparison of basecallers."""

import copy
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from lexome.report.basecallers import busy_share, write_basecallers_page, write_basecallers_png
from lexome.report.basecallers_figures import (
    basecallers_panels,
    basecallers_table,
    claims_table,
    published_table,
    ratios_table,
)


def timing(rate: float | None, cores: float = 1.0) -> dict[str, Any]:
    return {
        "chunk_size": 3000, "batch_size": 12, "rounds": 0 if rate is None else 5, "repeats": 5,
        "samples_per_s": rate, "samples_per_s_quartiles": None if rate is None else [rate, rate],
        "samples_per_cpu_s": None if rate is None else 2 * rate, "cores": None if rate is None else cores,
        "left_out": "there is not enough memory" if rate is None else "",
    }  # fmt: skip


def model(label: str, size: int, rate: float | None, reads: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "label": label, "model": f"runs/{label}", "digest": "d", "architecture": "bonito", "head": "crf",
        "is_trained": reads is not None, "engine": "onnx", "stride": 5, "parameters": size,
        "weight_bytes": 4 * size, "macs_per_sample": 34567.8, "quantization": None,
        "speed": {"network": timing(rate), "called": timing(None if rate is None else 0.8 * rate)},
        "reads": reads,
    }  # fmt: skip


def reads(identity: float | None, bases: int) -> dict[str, Any]:
    interval = identity and [identity - 0.01, identity + 0.01]
    return {
        "reads": 12, "mapped": 11 if identity else 0, "skipped": 0, "mapped_bases": bases,
        "identity_median": identity, "identity_mean_all_reads": (identity or 0) * 11 / 12,
        "intervals": {"identity_median": interval},
    }  # fmt: skip


def ratio(label: str, times: float | None) -> dict[str, Any]:
    names = ("parameters", "weight_bytes", "macs_per_sample", "network", "called", "mapped_bases")
    return {"label": label, **dict.fromkeys(names, times), "identity_median_difference": times and 0.0123}


PUBLISHED = {
    "basecallers": [
        {
            "name": "Famous", "parameters": 1234567, "kilobases_per_s": 70.4, "machine": "GPU",
            "mismatches_millions": None, "accuracy": None, "sources": ["a poster"], "note": "a <note>",
        },
        {
            "name": "Silent", "parameters": None, "kilobases_per_s": None, "machine": "",
            "mismatches_millions": 36.6, "accuracy": 0.9, "sources": [], "note": "",
        },
    ],
    "claims": [{"of": "A", "to": "B", "what": "size", "times": "6.88 times smaller", "source": "a poster"}],
}  # fmt: skip
FIGURES: dict[str, Any] = {
    "lexome_version": "1.2", "command": "lexome bench basecallers a b",
    "machine": {"processor": "Some CPU", "cores": "4", "threads": "1"},
    "protocol": {"device": "cpu", "seed": 7, "rate": "samples_per_cpu_s", "rounds": 5, "min_s": 1.0},
    "data": {
        "reads": {"files": [{"name": "a.pod5", "size": 5}], "max_reads": 12, "reference": "ref.fa"},
        "bootstrap": {"resamples": 1000, "seed": 7, "level": 0.95},
    },
    "models": [
        model("good <a>", 400_000, 1e5, reads(0.9, 20_000)), model("fast", 100_000, 4e5, reads(0.85, 19_000)),
        model("new", 3_000_000, 2e4, None),
    ],
    "ratios": [ratio("good <a>", 1.0), ratio("fast", 0.25), ratio("new", None)],
    "published": PUBLISHED,
}  # fmt: skip


@pytest.fixture
def figures() -> dict[str, Any]:
    return copy.deepcopy(FIGURES)


def page_of(figures: dict[str, Any], folder: Path) -> str:
    write_basecallers_page(folder / "p.html", figures)
    return (folder / "p.html").read_text("utf-8")


def test_table_of_what_was_measured(figures: dict[str, Any]) -> None:
    table = basecallers_table(figures)
    assert table.caption == "Measured here: the first 12 reads of a.pod5 on ref.fa"
    assert table.rows[0] == (
        "good <a>", "400,000", "1,600,000", "34,600", "100,000", "200,000", "160,000", "90.00%",
        "89.00–91.00%", "82.50%", "11", "12", "20,000",
    )  # fmt: skip
    assert table.rows[2][-6:] == ("not trained", "-", "-", "-", "-", "-")
    figures["models"][1]["reads"] = reads(None, 0)
    assert basecallers_table(figures).rows[1][-6:] == ("none mapped", "-", "0.00%", "0", "12", "0")


def test_table_without_reads_and_on_a_gpu(figures: dict[str, Any]) -> None:
    figures["data"]["reads"] = None
    figures["protocol"]["rate"] = "samples_per_s"
    table = basecallers_table(figures)
    assert table.columns == ("model", "parameters", "bytes", "MAC/sample", "samples/s", "called/s")
    assert table.rows[1] == ("fast", "100,000", "400,000", "34,600", "400,000", "320,000")


def test_what_others_published_is_a_table_of_its_own(figures: dict[str, Any]) -> None:
    table = published_table(figures)
    assert "not to be compared" in table.caption
    assert table.rows == (
        ("Famous", "1,234,567", "70.4", "GPU", "-", "-"), ("Silent", "-", "-", "-", "36.6", "90.00%"),
    )  # fmt: skip
    assert claims_table(figures).rows == (("A", "B", "size", "6.88 times smaller", "a poster"),)


def test_ratios(figures: dict[str, Any]) -> None:
    table = ratios_table(figures)
    assert table.caption == "Times as much as good <a>, measured here"
    assert table.rows[1] == ("fast", *["0.25"] * 6, "+1.23")
    assert table.rows[2] == ("new", *["-"] * 7)


def test_panels(figures: dict[str, Any]) -> None:
    identity, bases, size = basecallers_panels(figures)
    (points,) = identity.series
    assert (list(points.x), list(points.y)) == ([160_000, 640_000], [0.9, 0.85])
    assert points.interval_of(1) == pytest.approx((0.84, 0.86))
    assert list(bases.series[0].y) == [20_000, 19_000]
    trained, untrained = size.series
    assert (trained.name, untrained.name, untrained.is_hollow) == ("trained", "not trained", True)
    assert (list(untrained.x), list(untrained.y)) == ([32_000], [12_000_000])
    for one in figures["models"]:
        one["reads"] = None
    assert [panel.title for panel in basecallers_panels(figures)] == ["Stored bytes"]
    figures["models"][0]["reads"] = reads(0.9, 0)  # a scale of no length
    assert len(basecallers_panels(figures)) == 3


def test_page(figures: dict[str, Any], tmp_path: Path) -> None:
    text = page_of(figures, tmp_path)
    charts = [ElementTree.fromstring(f"<svg {p.split('</svg>')[0]}</svg>") for p in text.split("<svg ")[1:]]
    assert [t.text for t in charts[0].iter("title")] == ["good <a>: 160k, 90%", "fast: 640k, 85%"]
    assert len(charts) == 3
    for words in (
        "good &lt;a&gt;", "lexome bench basecallers a b", "Some CPU", "2 trained", "new: not trained.",
        "runs/fast (bonito, crf, onnx)", "a poster; a &lt;note&gt;", "6.88 times smaller", "in 5 rounds",
        "95%, from 1000 resamples", "Rings are networks that are not trained.",
    ):  # fmt: skip
        assert words in text, words
    measured, published = text.split("<h2>Published elsewhere</h2>")
    assert "Famous" not in measured
    assert "Famous" in published
    for words in ("other work", "could not be called", "stored with few bits", "rounds only"):
        assert words not in text, words


def test_what_a_reader_must_know(figures: dict[str, Any], tmp_path: Path) -> None:
    good, fast, new = figures["models"]
    good["speed"]["network"]["cores"] = 0.5
    good["reads"]["skipped"] = 2
    fast["reads"] = reads(None, 0)
    new |= {"speed": {"network": timing(None), "called": timing(None)}, "quantization": "float"}
    text = page_of(figures, tmp_path)
    for words in (
        "a model got 50% at the worst", "good &lt;a&gt;: 2 reads could not be called.",
        "fast: none of its reads was found on the reference.", "new is stored with few bits and runs in",
        "new, network: 0 rounds only: there is not enough memory.",
    ):  # fmt: skip
        assert words in text, words


def test_the_part_of_the_cores(figures: dict[str, Any]) -> None:
    assert busy_share(figures) == 1.0
    figures["machine"]["threads"] = "4"
    assert busy_share(figures) == 0.25
    for one in figures["models"]:
        one["speed"]["network"] = timing(None)
    assert busy_share(figures) is None


def test_picture(figures: dict[str, Any], tmp_path: Path) -> None:
    assert write_basecallers_png(tmp_path / "p.png", figures)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    for one in figures["models"]:
        one["speed"] = {"network": timing(None), "called": timing(None)}
    assert not write_basecallers_png(tmp_path / "none.png", figures)
    assert not (tmp_path / "none.png").exists()
    assert "<svg" not in page_of(figures, tmp_path)
