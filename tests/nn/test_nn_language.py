"""What stands on an encoder of tokens."""

from typing import Any

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models.registry import new_language_network
from lexome.nn.language import (
    LanguageNetwork,
    MaskedLmConfig,
    MaskedLmScorer,
    SequenceConfig,
    SequenceScorer,
    TiedDecoder,
    draw_weights,
    pool,
)

TINY: dict[str, Any] = {"vocab_size": 11, "size": 12, "num_layers": 2, "num_heads": 3, "hidden": 8}


def network(head: str, config: dict[str, Any], **changes: Any) -> LanguageNetwork:
    torch.manual_seed(0)
    architecture = {"name": "dnabert2", "config": TINY | {"initial_std": 0.5} | changes}
    return new_language_network(architecture, {"name": head, "config": config}).eval()


def tokens(*shape: int) -> torch.Tensor:
    return torch.randint(0, 11, shape, generator=torch.Generator().manual_seed(1))


def test_scores_come_from_the_vectors_of_the_vocabulary() -> None:
    made = network("masked_lm", {"vocab_size": 11})
    ids = tokens(2, 5)
    scorer = made.scorer
    assert isinstance(scorer, MaskedLmScorer)
    torch.nn.init.normal_(scorer.decoder.bias)
    features = made.encoder(ids)
    hidden = torch.nn.functional.gelu(scorer.transform.dense(features))
    normed = (hidden - hidden.mean(-1, keepdim=True)) / hidden.std(-1, correction=0, keepdim=True)
    expected = normed @ made.tokens.token_vectors.T + scorer.decoder.bias
    torch.testing.assert_close(made(ids), expected, rtol=1e-4, atol=1e-4)
    assert not [name for name in made.state_dict() if "decoder.weight" in name]
    masked = torch.rand(2, 5) < 0.5  # only some of them
    torch.testing.assert_close(scorer(features[masked], made.tokens.token_vectors), made(ids)[masked])


def test_learning_to_score_moves_the_vectors_too() -> None:
    made = network("masked_lm", {"vocab_size": 11})
    ids = torch.full((1, 4), 3)
    made(ids).log_softmax(-1)[..., 7].sum().backward()
    gradient = made.tokens.token_vectors.grad
    assert gradient is not None
    assert gradient[9].abs().sum() > 0  # token 9 is not in the input


@pytest.mark.parametrize("pooling", ["mean", "first", "pooler"])
def test_sequences_are_scored_alike_wherever_padding_stands(pooling: str) -> None:
    made = network("sequence", {"num_outputs": 3, "pooling": pooling}, pooler=pooling == "pooler")
    ids, visible = tokens(2, 9), torch.zeros(2, 9, dtype=torch.bool)
    visible[0, 2:6] = visible[1, 5:] = True
    expected = torch.cat([made(ids[:1, 2:6]), made(ids[1:, 5:])])
    torch.testing.assert_close(made(ids, visible), expected)
    assert made.num_outputs == 3


def test_pooling_is_what_it_says() -> None:
    x = torch.arange(12.0).view(2, 3, 2)
    visible = torch.tensor([[False, True, True], [True, False, False]])
    assert pool(x, visible, "mean").tolist() == [[3, 4], [6, 7]]
    assert pool(x, visible, "first").tolist() == [[2, 3], [6, 7]]
    assert pool(-x, visible, "max").tolist() == [[-2, -3], [-6, -7]]
    assert pool(x, None, "mean").tolist() == [[2, 3], [8, 9]]
    assert pool(x, None, "first").tolist() == [[0, 1], [6, 7]]
    with pytest.raises(ValueError, match="nothing to pool"):
        pool(x, torch.tensor([[True] * 3, [False] * 3]), "mean")


def test_the_pooler_is_a_layer_over_the_first_token() -> None:
    made = network("sequence", {"num_outputs": 2, "pooling": "pooler"}, pooler=True)
    ids = tokens(3, 4)
    dense = made.encoder.get_submodule("pooler.dense")
    pooled = dense(made.encoder(ids)[:, 0]).tanh()
    assert isinstance(made.scorer, SequenceScorer)
    torch.testing.assert_close(made(ids), made.scorer.classifier(pooled))


@pytest.mark.parametrize(
    ("head", "config", "complaint"),
    [
        ("masked_lm", {"vocab_size": 12}, "vocab_size is 12, the architecture's 11"),
        ("sequence", {"num_outputs": 2, "pooling": "pooler"}, "does not have"),
        ("sequence", {"num_outputs": 0}, "must be positive"),
        ("sequence", {"num_outputs": 2, "dropout": 1.0}, "below 1"),
        ("sequence", {"num_outputs": 2, "pooling": "least"}, "'least' is not allowed"),
        ("sequences", {"num_outputs": 2}, "did you mean 'sequence'"),
    ],
)
def test_what_does_not_fit_is_refused(head: str, config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        network(head, config)


def test_new_weights_are_those_of_bert() -> None:
    torch.manual_seed(0)
    scorer = MaskedLmScorer(64, MaskedLmConfig(50))
    torch.nn.init.normal_(scorer.decoder.bias)
    assert float(scorer.transform.dense.weight.detach().std()) == pytest.approx(0.02, rel=0.1)
    draw_weights(scorer, 0.3)
    assert float(scorer.transform.dense.weight.detach().std()) == pytest.approx(0.3, rel=0.1)
    assert not scorer.transform.dense.bias.any()
    assert not scorer.decoder.bias.any()
    assert bool((scorer.transform.LayerNorm.weight == 1).all())
    assert not SequenceScorer(8, SequenceConfig(2)).classifier.bias.any()
    assert TiedDecoder(3)(torch.eye(2), torch.ones(3, 2)).tolist() == [[1, 1, 1]] * 2
