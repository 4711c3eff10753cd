"""Beam search against all texts there are, alone and in batches, with every kind of decoder."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from lexome.models.registry import new_language_network
from lexome.nn.language import LanguageNetwork
from lexome.tasks.language.generate import GenerateConfig, Written, generate, letters, ranked
from lexome.tasks.language.text_batches import asked_scores, decoder_of, text_batch

SHAPE: dict[str, Any] = {"num_heads": 2, "head_size": 4, "hidden": 8, "vocab_size": 6, "dropout": 0.0}
END = 1
LETTERS = (2, 3, 4, 5)


def network(*, cross_attention: bool = True, seed: int = 0) -> LanguageNetwork:
    torch.manual_seed(seed)
    made = new_language_network(
        {"name": "enbed", "config": SHAPE | {"size": 8, "num_layers": 1, "num_global": 2}},
        {"name": "text", "config": SHAPE | {"num_layers": 2, "cross_attention": cross_attention}},
    ).eval()
    with torch.no_grad():
        decoder_of(made).scores.weight *= 3  # texts of clearly different probability
    return made


def all_texts(
    made: LanguageNetwork, source: np.ndarray, most: int, penalty: float = 0.0, least: int = 0
) -> list[tuple[float, tuple[int, ...]]]:
    """Every text that ends within `most` tokens with its rank, the best first; of LETTERS alone."""
    texts = [text for n in range(least, most + 1) for text in product(LETTERS, repeat=n)]
    in_front = not decoder_of(made).config.cross_attention
    found = []
    for text in texts:
        batch = text_batch([source], [np.array([*text, END])], in_front=in_front)
        with torch.no_grad():
            scores, asked = asked_scores(made, batch)
        log_prob = float(scores.log_softmax(-1)[torch.arange(len(asked)), asked].double().sum())
        found.append((log_prob / (len(text) + 1) ** penalty, text))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("penalty", [0.0, 0.7])
@pytest.mark.parametrize("cross_attention", [True, False])
def test_with_beams_for_all_texts_the_best_are_found(penalty: float, cross_attention: bool) -> None:
    for seed in range(3):
        made, source = network(cross_attention=cross_attention, seed=seed), np.array([3, 5, 2, END])
        config = GenerateConfig(beams=64, max_tokens=3, length_penalty=penalty)
        found = generate(made, [source], config)[0]
        expected = all_texts(made, source, 3, penalty)[:64]
        assert [tuple(one.ids.tolist()) for one in found] == [text for _, text in expected]
        assert [one.rank for one in found] == pytest.approx([rank for rank, _ in expected], abs=1e-4)
        assert all(one.ended for one in found)
        assert found[0].log_prob == pytest.approx(found[0].rank * (len(found[0].ids) + 1) ** penalty)


def test_few_beams_find_texts_with_their_true_probability() -> None:
    made, source = network(), np.array([3, 5, 2, END])
    truth = {text: rank for rank, text in all_texts(made, source, 4)}
    for beams in (1, 2, 5):
        found = generate(made, [source], GenerateConfig(beams=beams, max_tokens=4))[0]
        assert 1 <= len(found) <= beams
        assert [one.rank for one in found] == sorted((one.rank for one in found), reverse=True)
        for one in found:
            assert one.rank == pytest.approx(truth[tuple(one.ids.tolist())], abs=1e-4)


def test_one_beam_takes_the_best_token_each_time() -> None:
    made, source = network(seed=4), np.array([3, 2, 2, END])
    written: list[int] = []
    with torch.no_grad():
        while len(written) < 20:
            batch = text_batch([source], [np.array([*written, END])])
            scores = made(batch.tokens_NT, batch.visible_NT, batch.written_NU)[0, -1]
            scores[0] = -torch.inf
            best = int(scores.argmax())
            if best == END:
                break
            written.append(best)
    found = generate(made, [source], GenerateConfig(beams=1, max_tokens=20))[0]
    assert len(found) == 1
    assert found[0].ids.tolist() == written
    assert found[0].ended == (len(written) < 20)


def test_sources_together_give_what_they_give_alone() -> None:
    made = network(seed=2)
    sources = [np.array([3, 5, 2, END]), np.array([4, END]), np.array([2, 2, 5, 5, 3, 3, END])]
    config = GenerateConfig(beams=3, max_tokens=6, length_penalty=0.5)
    together = generate(made, sources, config)
    for source, found in zip(sources, together, strict=True):
        alone = generate(made, [source], config)[0]
        assert [one.ids.tolist() for one in found] == [one.ids.tolist() for one in alone]
        assert [one.rank for one in found] == pytest.approx([one.rank for one in alone], abs=1e-5)
    again = generate(made, sources, config)
    assert all(
        a.rank == b.rank for x, y in zip(together, again, strict=True) for a, b in zip(x, y, strict=True)
    )


def test_lengths_and_letters_are_kept_to() -> None:
    made, source = network(), np.array([3, 5, 2, END])
    allowed = np.zeros(6, bool)
    allowed[[2, 4]] = True
    config = GenerateConfig(beams=4, max_tokens=5, min_tokens=3)
    for one in generate(made, [source], config, allowed_V=allowed)[0]:
        assert 3 <= len(one.ids) <= 5
        assert set(one.ids.tolist()) <= {2, 4}
    expected = [text for _, text in all_texts(made, source, 3, least=3)][:64]
    found = generate(made, [source], GenerateConfig(beams=64, max_tokens=3, min_tokens=3))[0]
    assert [tuple(one.ids.tolist()) for one in found] == expected


def test_a_text_that_does_not_end_is_cut_and_says_so() -> None:
    made, source = network(), np.array([3, END])
    with torch.no_grad():
        decoder_of(made).norm.weight.zero_()  # all scores are equal
        decoder_of(made).scores.weight.zero_()
    config = GenerateConfig(beams=1, max_tokens=4, min_tokens=4)
    ended = generate(made, [source], config)[0][0]
    assert ended.ended
    assert ended.ids.tolist() == [2, 2, 2, 2]  # of equals the lowest token
    never = generate(made, [source], config, end_id=0)[0]
    assert len(never) == 1


def test_texts_are_ranked_anew_and_equals_stay_in_order() -> None:
    texts = [Written(np.array([i]), -float(i), -float(i), True) for i in range(4)]
    found = ranked(texts, lambda ones: np.array([1.0, 3.0, 3.0, 2.0]))
    assert [int(one.ids[0]) for one in found] == [1, 2, 3, 0]


def test_letters_are_tokens_of_bytes() -> None:
    assert np.flatnonzero(letters("ACGT", 384)).tolist() == [68, 70, 74, 87]


def test_what_cannot_be_is_refused() -> None:
    assert generate(network(), [], GenerateConfig()) == []
    with pytest.raises(ValueError, match="must be positive"):
        GenerateConfig(beams=0)
    with pytest.raises(ValueError, match="min_tokens"):
        GenerateConfig(max_tokens=3, min_tokens=4)
    with pytest.raises(ValueError, match="length_penalty"):
        GenerateConfig(length_penalty=-1.0)
    made = network(cross_attention=False)
    with pytest.raises(ValueError, match="of one length"):
        generate(made, [np.array([3, 1]), np.array([3, 3, 1])], GenerateConfig())
