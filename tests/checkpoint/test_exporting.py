"""Models written for other programs are the models that were read, and complete or not there at all."""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lexome.checkpoint import exporting
from lexome.checkpoint.build import build_network
from lexome.checkpoint.export_network import plain_convs
from lexome.checkpoint.exporting import export_model
from lexome.checkpoint.importing import import_model
from lexome.checkpoint.ont_sublayers import Layout
from lexome.checkpoint.store import Checkpoint, Component, load
from lexome.core.errors import LexomeError, UsageError
from lexome.models.bonito import BonitoConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.kan import KanConvConfig
from lexome.nn.recurrent import RecurrentConfig

# Sections and keys that the published models have; strict readers refuse others.
KNOWN = {
    "model": {"package", "type", "seqdist", "encoder"},
    "labels": {"labels"},
    "input": {"features", "n_pre_post_context_bases"},
    "global_norm": {"state_len"},
    "qscore": {"scale", "bias", "mean_qscore_start_pos"},
    "scaling": {"strategy"},
    "standardisation": {"standardise", "mean", "stdev"},
    "normalisation": {"quantile_a", "quantile_b", "shift_multiplier", "scale_multiplier"},
    "run_info": {"sample_rate", "sample_type"},
    "basecaller": {"batchsize", "chunksize", "overlap", "quantize"},
    "encoder": {
        "type", "sublayers", "stride", "winlen", "scale", "features", "rnn_type", "activation", "blank_score"
    },
}  # fmt: skip


def config_of(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "config.toml").read_text())


def scores(checkpoint: Checkpoint) -> np.ndarray:
    signal = np.random.default_rng(0).standard_normal((2, 1, 900), dtype=np.float32)
    with torch.inference_mode():
        return build_network(checkpoint)(torch.from_numpy(signal)).numpy()


def with_features(checkpoint: Checkpoint, **features: Any) -> Checkpoint:
    return dataclasses.replace(checkpoint, features={**checkpoint.features, **features})


def test_a_model_of_ours_comes_back_from_bonito_bit_for_bit(checkpoint: Checkpoint, tmp_path: Path) -> None:
    export_model(with_features(checkpoint, sample_rate_hz=4000), "bonito", tmp_path / "out")
    back = import_model(tmp_path / "out", tmp_path / "back")
    assert back.weights.keys() == checkpoint.weights.keys()
    for name, weight in checkpoint.weights.items():
        assert back.weights[name].dtype == weight.dtype
        assert back.weights[name].tobytes() == weight.tobytes(), name
    assert np.array_equal(scores(back), scores(checkpoint))
    assert (back.head.config["qscore_scale"], back.head.config["qscore_bias"]) == (1.05, 0.2)
    for key, value in {"sample_rate_hz": 4000, "chunk_size": 300, "overlap": 30}.items():
        assert back.features[key] == value
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["config.toml", "weights_1.tar"]


def test_a_model_of_ours_comes_back_from_dorado(dorado_model: Checkpoint, tmp_path: Path) -> None:
    export_model(dorado_model, "dorado", tmp_path / "out")
    back = import_model(tmp_path / "out", tmp_path / "back")
    assert not any(".norm." in name for name in back.weights)
    expected = scores(dorado_model)
    assert expected.std() > 0.1
    # random LSTMs multiply the rounding of the folded weights a hundredfold; the goldens below keep 1e-5
    np.testing.assert_allclose(scores(back), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["lstm_v3", "lstm_v4", "transformer_v5"])
def test_an_imported_model_is_written_as_it_was(shared: Path, tmp_path: Path, name: str) -> None:
    source = shared / "golden" / "bonito" / name
    imported = import_model(source, tmp_path / "mine")
    export_model(imported, "bonito", tmp_path / "out")
    original = torch.load(source / "weights_1.tar", weights_only=True)
    written = torch.load(tmp_path / "out" / "weights_1.tar", weights_only=True)
    assert list(written) == list(original)
    for key, tensor in original.items():
        assert written[key].dtype == tensor.dtype
        assert written[key].numpy().tobytes() == tensor.numpy().tobytes(), key
    before, after = config_of(source), config_of(tmp_path / "out")
    assert before.keys() <= after.keys()
    for section in before.keys() - {"run_info", "basecaller"}:
        assert after[section] == before[section]
    assert before.get("basecaller", {}).items() <= after["basecaller"].items()
    assert before.get("run_info", {}).items() <= after.get("run_info", {}).items()


@pytest.mark.parametrize("name", ["lstm_v3", "lstm_v4", "transformer_v5"])
@pytest.mark.parametrize("source", [".", "tensors"])
@pytest.mark.parametrize("layout", ["bonito", "dorado"])
def test_goldens_keep_their_scores_on_every_way(
    shared: Path, tmp_path: Path, name: str, source: str, layout: Layout
) -> None:
    folder = shared / "golden" / "bonito" / name
    export_model(load(folder / source), layout, tmp_path / "dna_out")
    golden = np.load(folder / "golden.npz")
    with torch.inference_mode():
        found = build_network(load(tmp_path / "dna_out"))(torch.from_numpy(golden["signal"])).numpy()
    np.testing.assert_allclose(found.transpose(1, 0, 2), golden["scores"], rtol=0, atol=1e-5)
    config = config_of(tmp_path / "dna_out")
    assert config.keys() <= KNOWN.keys()
    assert not [f"{section}.{key}" for section in config for key in config[section].keys() - KNOWN[section]]


def test_what_changed_since_the_import_is_written_anew(shared: Path, tmp_path: Path) -> None:
    imported = load(shared / "golden" / "bonito" / "lstm_v4")
    head = Component("crf", {**imported.head.config, "clamp": [-4.0, 4.0], "qscore_scale": 0.9})
    changed = with_features(
        dataclasses.replace(imported, head=head),
        chunk_size=1200, overlap=60, sample_rate_hz=4000, scaling={"method": "quantile", "quantile_a": 0.1},
    )  # fmt: skip
    export_model(changed, "bonito", tmp_path / "out")
    config = config_of(tmp_path / "out")
    assert config["encoder"]["sublayers"][-1] == {"type": "clamp", "min": -4.0, "max": 4.0}
    assert config["qscore"] == {"scale": 0.9, "bias": 0.2}
    assert config["basecaller"] == {"batchsize": 96, "chunksize": 1200, "overlap": 60}
    assert config["run_info"] == {"sample_rate": 4000, "sample_type": "dna"}
    assert config["scaling"] == {"strategy": "quantile"}
    assert config["normalisation"]["quantile_a"] == 0.1
    assert "standardisation" not in config


@pytest.mark.parametrize(
    "scaling",
    [
        {"method": "med_mad"},
        {"method": "pa"},
        {"method": "pa", "mean": 93.7, "stdev": 23.5},
        {"method": "quantile", "quantile_b": 0.8},
    ],
)
def test_scaling_does_not_depend_on_the_name(
    checkpoint: Checkpoint, tmp_path: Path, scaling: dict[str, Any]
) -> None:
    for name in ("dna_r9.4.1_a", "dna_r10.4.1_b"):
        export_model(with_features(checkpoint, scaling=scaling), "bonito", tmp_path / name)
        assert load(tmp_path / name).features["scaling"].items() >= scaling.items()


def test_sizes_are_written_as_the_stride_allows(checkpoint: Checkpoint, tmp_path: Path) -> None:
    export_model(with_features(checkpoint, chunk_size=1000, overlap=50), "bonito", tmp_path / "out")
    assert config_of(tmp_path / "out")["basecaller"] == {"batchsize": 64, "chunksize": 999, "overlap": 48}


def test_without_a_sample_rate_dorado_needs_the_name(dorado_model: Checkpoint, tmp_path: Path) -> None:
    unsaid = with_features(dorado_model, sample_rate_hz=None)
    with pytest.raises(UsageError, match=r"begin with dna_, for example .*dna_out"):
        export_model(unsaid, "dorado", tmp_path / "out")
    export_model(unsaid, "dorado", tmp_path / "dna_out")
    assert "run_info" not in config_of(tmp_path / "dna_out")


def test_nothing_is_replaced(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "out", tmp_path / "file"):
        with pytest.raises(UsageError, match="exists already"):
            export_model(checkpoint, "bonito", output)
    assert not list((tmp_path / "out").iterdir())


def test_a_folder_that_cannot_be_written_is_named(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(LexomeError, match=r"file/out: cannot be written \(Not a directory\)"):
        export_model(checkpoint, "bonito", tmp_path / "file" / "out")


def test_what_does_not_read_back_the_same_is_not_written(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(folder: Path, foreign: dict[str, np.ndarray]) -> None:
        rounded = {name: weight.astype(np.float16) for name, weight in foreign.items()}
        original.write(folder, rounded)

    original = exporting.PROGRAMS["bonito"]
    monkeypatch.setitem(exporting.PROGRAMS, "bonito", dataclasses.replace(original, write=forgetful))
    with pytest.raises(LexomeError, match=r"does not read back the same \(weights differ\)"):
        export_model(checkpoint, "bonito", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_kolmogorov_arnold_convolutions_are_refused() -> None:
    convs = (ConvConfig(4, 5), KanConvConfig(8, 5, "sine", 4, 5))
    lstms = tuple(RecurrentConfig(8, i % 2 == 0) for i in range(5))
    assert plain_convs(BonitoConfig(convs[:1], lstms)) == convs[:1]
    with pytest.raises(UsageError, match="Kolmogorov-Arnold convolutions cannot be written"):
        plain_convs(BonitoConfig(convs, lstms))
