"""Tables and pages of quantised models."""

from pathlib import Path

from lexome.report.quantisation import (
    before_after_table,
    layer_table,
    sensitivity_tables,
    write_quantize_page,
    write_sensitivity_page,
)

MEASURED = {
    "identity": 0.85, "weight_bytes": 1000, "macs_per_sample": 50.0, "bit_operations_per_sample": 51200.0,
    "samples_per_cpu_s": 4000.0,
}  # fmt: skip
QUANTIZED = {
    "model": "some", "lexome_version": "1",
    "before": MEASURED, "how_it_runs": "As it does.",
    "after": {**MEASURED, "identity": 0.84, "weight_bytes": 250, "samples_per_cpu_s": 5000.0},
    "layers": [
        {"name": "a.b", "weights": 1200, "macs_per_sample": 50.0, "weight_bits": 4, "activation_bits": 32}
    ],
}  # fmt: skip
SWEEP = {
    "model": "some", "lexome_version": "1", "float": 0.85, "float_bytes": 1000, "names": ["a", "b"],
    "uniform": [
        {"part": "both", "bits": bits, "identity": identity, "weight_bytes": 10 * bits,
         "bit_operations_per_sample": 7.0}
        for bits, identity in ((2, 0.5), (4, 0.8), (8, 0.85))
    ],
    "layers": [
        {"layer": layer, "part": "both", "bits": bits, "identity": 0.8 + bits / 1000}
        for layer in ("a", "b") for bits in (2, 4)
    ],
    "suggested": {"a": 4, "b": 4}, "max_loss": 0.002,
}  # fmt: skip


def test_before_and_after() -> None:
    rows = {row[0]: row[1:] for row in before_after_table(QUANTIZED).rows}
    assert rows["label identity"] == ("0.8500", "0.8400", "0.988")
    assert rows["bytes of weights"] == ("1,000", "250", "0.250")
    assert layer_table(QUANTIZED).rows == (("a.b", "1,200", "50", "4", "float"),)


def test_the_tables_of_a_sweep() -> None:
    uniform, alone = sensitivity_tables(SWEEP)
    assert [row[:3] for row in uniform.rows] == [
        ("float", "32", "0.8500"), ("both", "2", "0.5000"), ("both", "4", "0.8000"), ("both", "8", "0.8500"),
    ]  # fmt: skip
    assert alone.columns == ("layer", "2", "4")
    assert alone.rows[1] == ("b", "0.8020", "0.8040")


def test_pages_hold_their_numbers(tmp_path: Path) -> None:
    write_quantize_page(tmp_path / "a.html", QUANTIZED, command="lexome compress quantize some")
    text = (tmp_path / "a.html").read_text()
    for part in ("0.8400", "1.25x", "a.b", "As it does.", "<svg", "lexome compress quantize some"):
        assert part in text
    for figures in (SWEEP, {**SWEEP, "layers": [], "suggested": {}}):
        write_sensitivity_page(tmp_path / "b.html", figures, command="lexome compress sensitivity some")
        text = (tmp_path / "b.html").read_text()
        assert "lexome compress sensitivity some" in text
        assert ("Bits that each layer needs" in text) == bool(figures["layers"])
        assert "0.5000" in text
