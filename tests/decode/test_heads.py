"""Heads: names, their losses, and decoders that know what the network does to the fixed score."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from lexome.core.errors import UsageError
from lexome.decode.crf import CrfDecoder
from lexome.decode.crf_beam import CrfBeamDecoder
from lexome.decode.crf_loss import crf_head_loss
from lexome.decode.ctc import CtcDecoder
from lexome.decode.ctc_loss import ctc_head_loss
from lexome.decode.heads import HEADS, Decoder, find_head, load_loss
from lexome.decode.quality import QualityScale
from lexome.nn.scorer import CrfScorerConfig


def test_every_head_has_a_loss_and_the_crfs_is_its_own() -> None:
    assert all(callable(load_loss(head, {})) for head in HEADS.values())
    assert load_loss(find_head("crf"), {}) is crf_head_loss
    assert load_loss(find_head("ctc"), {"bias": True}) is ctc_head_loss


def test_a_loss_is_given_its_part_of_the_heads_configuration() -> None:
    loss = load_loss(find_head("ctc"), {"bias": True, "label_smoothing": [1, 2, 3, 4, 5]})
    assert isinstance(loss, partial)
    assert (loss.func, loss.keywords) == (ctc_head_loss, {"label_smoothing": [1, 2, 3, 4, 5]})
    assert load_loss(find_head("crf"), {"label_smoothing": [1]}) is crf_head_loss


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown head 'crff'; did you mean 'crf'"):
        find_head("crff")


def test_the_decoder_takes_what_concerns_it_from_the_heads_configuration() -> None:
    config = {"state_len": 4, "blank_score": 2.0, "qscore_scale": 1.05, "qscore_bias": 0.2, "bias": True}
    decoder = find_head("crf").decoder(config)
    assert decoder == CrfDecoder(4, 2.0, QualityScale(1.05, 0.2))
    assert isinstance(decoder, Decoder)
    beam = find_head("crf").decoder(config, 7)
    assert beam == CrfBeamDecoder(4, 2.0, QualityScale(1.05, 0.2), width=7)
    assert isinstance(beam, Decoder)
    learned = {"state_len": 3, "blank_score": None}
    assert find_head("crf").decoder(learned) == CrfDecoder(3, None, QualityScale())
    # what is not said is the scorer's default, or a network would be called with scores it does not have
    assert find_head("crf").decoder({"state_len": 3}) == CrfDecoder(3, CrfScorerConfig(3).blank_score)


@pytest.mark.parametrize(
    ("clamp", "stay"), [((-5.0, 5.0), 2.0), ((-5.0, 1.0), 1.0), ([3.0, 5.0], 3.0), (None, 2.0)]
)
def test_the_fixed_score_is_clamped_as_the_network_clamps_it(clamp, stay: float) -> None:
    config = {"state_len": 1, "blank_score": 2.0, "clamp": clamp}
    decoder = find_head("crf").decoder(config)
    assert decoder == CrfDecoder(1, stay)
    assert find_head("crf").decoder(config, 5) == CrfBeamDecoder(1, stay, width=5)
    assert len(decoder(np.zeros((3, 16), np.float32)).moves) == 3


def test_the_ctc_head_decodes_with_or_without_a_beam() -> None:
    config = {"qscore_scale": 1.05, "qscore_bias": 0.2, "label_smoothing": [0.1] * 5}
    assert find_head("ctc").decoder(config) == CtcDecoder(None, QualityScale(1.05, 0.2))
    assert find_head("ctc").decoder({}, 7) == CtcDecoder(7)
    assert isinstance(CtcDecoder(), Decoder)


@pytest.mark.parametrize("config", [{}, {"state_len": "3"}, {"state_len": None}])
def test_a_head_without_its_state_length_is_refused(config: dict) -> None:
    with pytest.raises(UsageError, match="state_len"):
        find_head("crf").decoder(config)


def test_decoding_needs_no_torch() -> None:
    code = "import sys, lexome.decode.heads, lexome.decode.stitch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
