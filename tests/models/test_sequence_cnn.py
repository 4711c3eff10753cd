"""The small convolutional network."""

import pytest
import torch

from lexome.core.errors import UsageError
from lexome.models.registry import new_language_network
from lexome.models.sequence_cnn import SequenceCnn, SequenceCnnConfig

HEAD = {"name": "sequence", "config": {"num_outputs": 2, "pooling": "max", "dropout": 0.0}}


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    for segments in (1, 4):
        network = new_language_network(
            {"name": "sequence_cnn", "config": {"segments": segments}}, HEAD
        ).eval()
        tokens = torch.randint(5, 10, (3, 40))
        longer = torch.cat([tokens, torch.full((3, 9), 3)], 1)
        visible = torch.arange(49)[None].expand(3, 49) < 40
        torch.testing.assert_close(network(longer, visible), network(tokens))


def test_a_motif_counts_wherever_it_is_and_segments_tell_where() -> None:
    torch.manual_seed(0)
    tokens = torch.full((2, 60), 6)
    tokens[0, 20:24] = tokens[1, 40:44] = torch.tensor([5, 7, 8, 5])
    for segments, same in ((1, True), (3, False)):
        encoder = SequenceCnn(SequenceCnnConfig(segments=segments)).eval()
        pooled = encoder(tokens).max(1).values
        assert pooled.shape == (2, 64 * segments)
        assert torch.allclose(pooled[0], pooled[1], atol=1e-6) is same


def test_gradients_reach_everything() -> None:
    network = new_language_network({"name": "sequence_cnn", "config": {"segments": 2}}, HEAD)
    network(torch.randint(5, 10, (4, 30))).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize(
    "wrong", [{"widths": [4]}, {"widths": []}, {"size": 0}, {"dropout": 1.0}, {"pad_id": 10}]
)
def test_wrong_shapes(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        new_language_network({"name": "sequence_cnn", "config": wrong}, HEAD)
