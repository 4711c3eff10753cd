"""Vectors of sequences, tokens and bases, against what they are by definition."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lexome.core.alphabet import reverse_complement
from lexome.core.errors import BadInputError, UsageError
from lexome.features.tokens import bpe_tokenizer, load_tokenizer
from lexome.features.tokens_tokenizer import Encoded
from lexome.simulate.genome import random_genome
from lexome.tasks.language.embed import EmbedConfig, base_vectors, embed
from lexome.tasks.language.infer import token_features
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.pieces import CutConfig, Source, pieces

Make = Callable[..., Path]
SEQUENCES = [random_genome(length, length) for length in (50, 8, 133, 9)]
MERGES = np.array([[0, 1], [2, 3], [4, 5], [3, 3], [0, 0]], np.int32)


def source(*sequences: str) -> Source:
    def read() -> Iterator[tuple[str, str]]:
        return ((f"s{i}", sequence) for i, sequence in enumerate(sequences))

    return read


@pytest.fixture(scope="module", params=["bpe", "3mer-overlapping"])
def model(request: pytest.FixtureRequest, random_language_model: Make) -> LanguageModel:
    tokenizer = bpe_tokenizer(MERGES) if request.param == "bpe" else load_tokenizer(request.param)
    return open_language_model(random_language_model(tokenizer), device="cpu")


def embedded(model: LanguageModel, config: EmbedConfig, *sequences: str) -> list[np.ndarray]:
    """All rows of each sequence."""
    cut = pieces(source(*sequences), model.tokenizer, config.cut, both_strands=config.rc_average)
    rows: list[list[np.ndarray]] = [[] for _ in sequences]
    spans: list[list[np.ndarray]] = [[] for _ in sequences]
    for one in embed(model, cut, config):
        assert one.name == f"s{one.record}"
        assert one.vectors_RD.dtype == np.float32
        assert len(one.spans_R2) == len(one.vectors_RD)
        rows[one.record].append(one.vectors_RD)
        spans[one.record].append(one.spans_R2)
    for sequence, found in zip(sequences, spans, strict=True):
        if config.pool == "base":
            assert [base for base, _ in np.concatenate(found)] == list(range(len(sequence)))
    return [np.concatenate(found) for found in rows]


def features(model: LanguageModel, sequence: str, layer: int | None = None) -> np.ndarray:
    return token_features(model, [model.tokenizer.encode(sequence)], layer)[0].numpy()


def bases_by_hand(model: LanguageModel, sequence: str) -> np.ndarray:
    encoded, x_TD = model.tokenizer.encode_with_offsets(sequence), features(model, sequence)
    return np.stack(
        [
            np.mean([x for x, (a, b) in zip(x_TD, encoded.offsets, strict=True) if a <= base < b], axis=0)
            for base in range(len(sequence))
        ]
    )


@pytest.mark.parametrize("batch_tokens", [1, 50, 10_000])
def test_pools_are_what_they_are_called(model: LanguageModel, batch_tokens: int) -> None:
    for layer in (None, 0, 1):
        expected = [features(model, sequence, layer) for sequence in SEQUENCES]
        for pool, of in (
            ("mean", lambda x: x[1:-1].mean(axis=0, keepdims=True)),  # without [CLS] and [SEP]
            ("cls", lambda x: x[:1]),
            ("token", lambda x: x[1:-1]),
        ):
            found = embedded(model, EmbedConfig(pool, layer, batch_tokens=batch_tokens), *SEQUENCES)  # type: ignore[arg-type]
            for rows, x_TD in zip(found, expected, strict=True):
                np.testing.assert_allclose(rows, of(x_TD), atol=1e-5)


def test_bases_have_the_mean_of_their_tokens(model: LanguageModel) -> None:
    for sequence, rows in zip(SEQUENCES, embedded(model, EmbedConfig("base"), *SEQUENCES), strict=True):
        np.testing.assert_allclose(rows, bases_by_hand(model, sequence), atol=1e-5)


def test_both_strands(model: LanguageModel) -> None:
    others = [reverse_complement(sequence) for sequence in SEQUENCES]
    for pool in ("mean", "cls"):
        both = embedded(model, EmbedConfig(pool, rc_average=True), *SEQUENCES)
        expected = zip(
            embedded(model, EmbedConfig(pool), *SEQUENCES),
            embedded(model, EmbedConfig(pool), *others),
            strict=True,
        )
        for found, (one, other) in zip(both, expected, strict=True):
            np.testing.assert_allclose(found, (one + other) / 2, atol=1e-5)
    config = EmbedConfig("base", rc_average=True, cut=CutConfig(40, 10))
    for found, turned in zip(
        embedded(model, config, *SEQUENCES), embedded(model, config, *others), strict=True
    ):
        if len(found) <= 40:  # windows of the other strand begin elsewhere
            np.testing.assert_allclose(found, turned[::-1], atol=1e-5)
    with pytest.raises(UsageError, match="no meaning with --pool token"):
        EmbedConfig("token", rc_average=True)


def test_windows_are_cut_in_the_middle_of_their_overlap(model: LanguageModel) -> None:
    sequence = SEQUENCES[2]  # 133 bases: windows 0-60, 40-100, 73-133; edges at 50 and 86
    cut = CutConfig(60, 20)
    (bases,) = embedded(model, EmbedConfig("base", cut=cut), sequence)
    parts = [bases_by_hand(model, sequence[a:b]) for a, b in ((0, 60), (40, 100), (73, 133))]
    expected = np.concatenate([parts[0][:50], parts[1][10:46], parts[2][13:]])
    np.testing.assert_allclose(bases, expected, atol=1e-5)
    tokens, weights = [], []
    for (a, b), (low, high) in zip(
        ((0, 60), (40, 100), (73, 133)), ((0, 50), (50, 86), (86, 133)), strict=True
    ):
        middles = model.tokenizer.encode_with_offsets(sequence[a:b], special=False).offsets.mean(axis=1) + a
        inside = (middles > low) & (middles <= high)
        tokens.append(features(model, sequence[a:b])[1:-1][inside])
        weights.append(inside.sum())
    (found,) = embedded(model, EmbedConfig("token", cut=cut), sequence)
    np.testing.assert_allclose(found, np.concatenate(tokens), atol=1e-5)
    (mean,) = embedded(model, EmbedConfig("mean", cut=cut, batch_tokens=1), sequence)
    np.testing.assert_allclose(mean[0], np.concatenate(tokens).mean(axis=0), atol=1e-5)
    (cls,) = embedded(model, EmbedConfig("cls", cut=cut), sequence)
    firsts = [features(model, sequence[a:b])[0] for a, b in ((0, 60), (40, 100), (73, 133))]
    np.testing.assert_allclose(cls[0], np.mean(firsts, axis=0), atol=1e-5)


def test_the_core_of_a_window_is_turned_with_its_strand(model: LanguageModel) -> None:
    sequence = SEQUENCES[2]
    (found,) = embedded(model, EmbedConfig("mean", cut=CutConfig(60, 20), rc_average=True), sequence)
    means, weights = [], []
    for (a, b), (low, high) in (((0, 60), (0, 50)), ((40, 100), (50, 86)), ((73, 133), (86, 133))):
        strands, count = [], 0
        for text, core in (
            (sequence[a:b], (low - a, high - a)),
            (reverse_complement(sequence[a:b]), (b - high, b - low)),
        ):
            middles = model.tokenizer.encode_with_offsets(text, special=False).offsets.mean(axis=1)
            inside = (middles > core[0]) & (middles <= core[1])
            strands.append(features(model, text)[1:-1][inside].mean(axis=0))
            count += inside.sum()
        means.append(np.mean(strands, axis=0))
        weights.append(count)
    np.testing.assert_allclose(found[0], np.average(means, axis=0, weights=weights), atol=1e-5)


def test_what_has_no_vector(random_language_model: Make) -> None:
    byte = open_language_model(random_language_model("byte"), device="cpu")
    with pytest.raises(UsageError, match="puts no token before"):
        embedded(byte, EmbedConfig("cls"), "ACGT")
    gap = Encoded(np.zeros(3, np.int32), np.array([[0, 0], [0, 1], [2, 4]]))
    with pytest.raises(BadInputError, match="'x': no token covers base 2"):
        base_vectors(np.ones((3, 2), np.float32), gap, 4, "x")
