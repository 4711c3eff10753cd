"""Sweeps over bits, together and one layer at a time."""

from pathlib import Path

from lexome.checkpoint.build import build_network
from lexome.compress.quantize_config import QuantizeConfig
from lexome.tasks.shrink.bits import sensitivity, suggested
from lexome.tasks.shrink.quantize import (
    QuantizeRequest,
    float_basecaller,
    quantize_recipe,
    quantize_task,
    without_training,
)


def test_a_sweep_judges_what_quantising_would_make(small_model: Path, tiny_store: Path) -> None:
    base = float_basecaller(str(small_model))
    said: list[str] = []

    def task_with(config: QuantizeConfig):
        return quantize_task(quantize_recipe(QuantizeRequest(str(small_model), [tiny_store], config), base))

    task = task_with(QuantizeConfig())
    found = sensitivity(
        task,
        base,
        widths=[2, 8],
        parts=["both", "weights"],
        on_done=lambda done, all_, what: said.append(what),
    )
    names = [
        "encoder.convs.0.conv",
        "encoder.convs.1.conv",
        "encoder.lstms.0.rnn",
        "encoder.lstms.1.rnn",
        "scorer.linear",
    ]
    assert found["names"] == names
    assert len(found["layers"]) == 5 * 2 * 2
    assert len(said) == 24
    rows = {(row["part"], row["bits"]): row for row in found["uniform"]}
    for (part, width), row in rows.items():
        bits = (width, width if part == "both" else 32)
        own = task_with(QuantizeConfig(bits=bits))
        network = build_network(without_training(own, base, "9"))
        assert row["identity"] == own.inner.evaluate(network, "validation")["label_identity_mean"]
    assert rows["both", 2]["weight_bytes"] < rows["both", 8]["weight_bytes"] < found["float_bytes"] / 2
    inner = task.inner
    assert found["float"] == inner.evaluate(inner.build(), "validation")["label_identity_mean"]
    assert found["suggested"].keys() == set(names)
    assert sensitivity(task, base, widths=[4], alone=False)["layers"] == []


def test_suggestions_lose_little() -> None:
    rows = [
        {"layer": layer, "part": part, "bits": bits, "identity": identity}
        for layer, part, bits, identity in (
            ("a", "both", 2, 0.7), ("a", "both", 4, 0.799), ("a", "both", 8, 0.8), ("b", "both", 4, 0.7),
            ("b", "weights", 2, 0.8),
        )
    ]  # fmt: skip
    assert suggested(rows, 0.8, 8) == {"a": 4, "b": 8}
