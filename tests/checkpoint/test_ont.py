"""config.toml of ONT's models: what it says of input and output."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lexome.checkpoint.ont import read_config, with_weights
from lexome.core.errors import BadInputError

FLAT = """
[model]
package = "bonito.crf"
[labels]
labels = ["N", "A", "C", "G", "T"]
[input]
features = 1
[global_norm]
state_len = 3
[encoder]
stride = 6
features = 8
blank_score = 2.0
"""
SUBLAYERS = """
[encoder]
type = "serial"
[[encoder.sublayers]]
type = "convolution"
insize = 1
size = 8
winlen = 5
stride = 5
padding = 2
activation = "swish"
[[encoder.sublayers]]
type = "permute"
dims = [2, 0, 1]
[[encoder.sublayers]]
type = "lstm"
insize = 8
size = 8
[[encoder.sublayers]]
type = "linearcrfencoder"
insize = 8
state_len = 3
"""


def model(tmp_path: Path, text: str, name: str = "model") -> Path:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "config.toml").write_text(text)
    return folder


NORMALISATION = """
[normalisation]
quantile_a = 0.1
quantile_b = 0.8
shift_multiplier = 0.48
scale_multiplier = 1
"""
STANDARDISED = "[standardisation]\nstandardise = 1\nmean = 91.88\nstdev = 22.65"
QUANTILES = {"quantile_a": 0.2, "quantile_b": 0.9, "shift_multiplier": 0.51, "scale_multiplier": 0.53}
SCALINGS: list[tuple[str, str, dict[str, Any]]] = [
    (FLAT, "any", {"method": "med_mad"}),
    (FLAT, "dna_r9.4.1_e8_hac@v3.3", {"method": "med_mad"}),
    (FLAT, "dna_r10.4_e8.1_hac@v3.4", {"method": "quantile", **QUANTILES}),
    (SUBLAYERS, "any", {"method": "quantile", **QUANTILES}),
    (SUBLAYERS + '[scaling]\nstrategy = "med_mad"', "any", {"method": "med_mad"}),
    (SUBLAYERS + '[scaling]\nstrategy = "pa"', "any", {"method": "pa", "mean": 0.0, "stdev": 1.0}),
    (
        SUBLAYERS + '[scaling]\nstrategy = "pa"\n' + STANDARDISED,
        "any",
        {"method": "pa", "mean": 91.88, "stdev": 22.65},
    ),
    (
        FLAT + NORMALISATION,
        "any",
        {
            "method": "quantile",
            "quantile_a": 0.1,
            "quantile_b": 0.8,
            "shift_multiplier": 0.48,
            "scale_multiplier": 1.0,
        },
    ),
]


@pytest.mark.parametrize(("text", "name", "scaling"), SCALINGS)
def test_scaling(tmp_path: Path, text: str, name: str, scaling: dict[str, Any]) -> None:
    checkpoint, _ = read_config(model(tmp_path, text, name), "bonito")
    assert checkpoint.features["scaling"] == scaling
    assert checkpoint.name == name


def test_chunks_fit_the_stride(tmp_path: Path) -> None:
    text = FLAT + "[basecaller]\nchunksize = 10000\noverlap = 500\n[run_info]\nsample_rate = 5000"
    features = read_config(model(tmp_path, text), "bonito")[0].features
    assert features["sample_rate_hz"] == 5000
    assert (features["chunk_size"], features["overlap"]) == (9996, 492)
    assert features["chunk_size"] % 6 == features["overlap"] % 12 == 0
    unstated = read_config(model(tmp_path, SUBLAYERS, "other"), "bonito")[0].features
    assert (unstated["chunk_size"], unstated["overlap"], unstated["sample_rate_hz"]) == (10000, 500, None)


@pytest.mark.parametrize(
    ("name", "run_info", "expected"),
    [
        ("dna_r9.4.1_e8_fast@v3.4", "", ("r9.4.1", 4000)),
        ("dna_r10.4.1_e8.2_400bps_fast@v4.0.0", "", ("r10.4.1_e8.2_400bps", 4000)),
        (
            "dna_r10.4.1_e8.2_400bps_hac@v4.3.0",
            "[run_info]\nsample_rate = 5000",
            ("r10.4.1_e8.2_400bps", 5000),
        ),
        (
            "dna_r10.4.1_e8.2_400bps_hac@v4.3.0",
            "[run_info]\nsample_rate = 4000",
            ("r10.4.1_e8.2_400bps", 4000),
        ),
        ("my_model", "[run_info]\nsample_rate = 5000", (None, 5000)),
        ("my_model", "", (None, None)),
    ],
)
def test_the_name_says_the_chemistry(tmp_path: Path, name: str, run_info: str, expected: Any) -> None:
    """And the sample rate where the configuration does not."""
    features = read_config(model(tmp_path, FLAT + run_info, name), "dorado")[0].features
    assert (features["chemistry"], features["sample_rate_hz"]) == expected


def test_quality_calibration_goes_to_the_head(tmp_path: Path) -> None:
    checkpoint, _ = read_config(model(tmp_path, FLAT + "[qscore]\nscale = 0.95\nbias = -0.2"), "dorado")
    assert checkpoint.head.config["qscore_scale"] == 0.95
    assert checkpoint.head.config["qscore_bias"] == -0.2
    assert checkpoint.head.config["activation"] == "tanh"


def test_the_original_configuration_is_kept_as_plain_values(tmp_path: Path) -> None:
    checkpoint, _ = read_config(model(tmp_path, "[training]\ndate = 2021-05-06\n" + FLAT), "bonito")
    origin = checkpoint.provenance["imported_from"]
    assert origin["layout"] == "bonito"
    assert origin["config"]["training"]["date"] == "2021-05-06"
    assert origin["config"]["encoder"]["features"] == 8


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (FLAT.replace("bonito.crf", "bonito.ctc"), "'bonito.ctc' are not supported"),
        (FLAT.replace('"A", "C"', '"C", "A"'), "labels must be"),
        (FLAT.replace("features = 1", "features = 2"), "one input feature"),
        (FLAT + '[run_info]\nsample_type = "rna"', "model for rna"),
        (FLAT.replace("state_len = 3", ""), "'state_len' is missing"),
        (FLAT.replace("stride = 6", "stride = 6\nrnn_type = 'rnn'"), "rnn_type 'rnn' is not supported"),
        (FLAT.replace("bonito.crf", "bonito.transformer"), r"\[model\]: type 'None'"),
        ("[model]\n", "'encoder' is missing"),
        ("encoder = 3\nmodel = 4", "config.toml"),
        (SUBLAYERS.replace('"serial"', '"namedserial"'), "'namedserial' is not supported"),
        (SUBLAYERS.replace('"lstm"', '"flstm"'), r"sublayer 2 \(flstm\)"),
        (FLAT + '[scaling]\nstrategy = "auto"', "'auto' is not known"),
        (FLAT + "[basecaller]\nchunksize = 100\noverlap = 500", "do not fit together"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadInputError, match=complaint):
        read_config(model(tmp_path, text), "bonito")


def test_models_for_rna_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="model for rna"):
        read_config(model(tmp_path, FLAT, "rna002_70bps_fast@v3"), "dorado")


def test_every_weight_is_used_and_every_place_filled(tmp_path: Path) -> None:
    checkpoint, renames = read_config(model(tmp_path, FLAT), "dorado")
    foreign = {name: np.full(1, i, np.float32) for i, name in enumerate(renames)}
    filled = with_weights(checkpoint, renames, foreign, tmp_path)
    assert {ours: filled.weights[ours][0] for ours in renames.values()} == {
        ours: foreign[theirs][0] for theirs, ours in renames.items()
    }
    for change, complaint in (
        (lambda w: w.pop("4.rnn.bias_hh_l0"), r"are missing: 4\.rnn\.bias_hh_l0"),
        (
            lambda w: w.update({"3.conv.weight": w["0.conv.weight"]}),
            r"belong to no layer .*: 3\.conv\.weight",
        ),
    ):
        changed = dict(foreign)
        change(changed)
        with pytest.raises(BadInputError, match=complaint):
            with_weights(checkpoint, renames, changed, tmp_path)
