"""Sources and answers as batches for a decoder of text, and what it makes of them.

For a decoder without cross attention the source is written in front of the answer; only the answer is
asked for.

Legend: N pairs, T tokens of the source, U tokens written, M tokens that are asked for, V tokens of the
vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lexome.features.masking import NOT_ASKED
from lexome.features.token_batches import padded
from lexome.nn.language import LanguageNetwork
from lexome.nn.text_decoder import TextDecoder

PAD_ID = 0
END_ID = 1  # of the layout of bytes, see `lexome.features.tokens_byte`

Ids = Int[np.ndarray, " _"]


@dataclass(frozen=True)
class TextBatch:
    """Pairs as tensors.

    Attributes:
        tokens_NT: sources.
        visible_NT: False at padding.
        written_NU: what is written, the token that starts a text first.
        asked_NU: what is to be written next, `NOT_ASKED` where it does not matter.
    """

    tokens_NT: Tensor
    visible_NT: Tensor
    written_NU: Tensor
    asked_NU: Tensor


def text_batch(
    sources: Sequence[Ids], answers: Sequence[Ids], *, start_id: int = PAD_ID, in_front: bool = False
) -> TextBatch:
    """A batch of pairs, padded behind.

    Args:
        sources: tokens, usually with an end.
        answers: tokens, usually with an end.
        start_id: the decoder's first token.
        in_front: write the sources in front of the answers, for a decoder that looks at no source.
    """
    tokens_NT, visible_NT = padded(sources, PAD_ID)
    told = [len(source) if in_front else 0 for source in sources]
    texts = [
        np.concatenate([[start_id], source, answer] if in_front else [[start_id], answer])
        for source, answer in zip(sources, answers, strict=True)
    ]
    written_NU, is_text_NU = padded([text[:-1] for text in texts], PAD_ID)
    asked_NU, _ = padded([text[1:] for text in texts], PAD_ID)
    place_U = np.arange(written_NU.shape[1])
    asked_NU[~is_text_NU | (place_U < np.array(told)[:, None])] = NOT_ASKED
    return TextBatch(*(torch.from_numpy(a) for a in (tokens_NT, visible_NT, written_NU, asked_NU)))


def asked_scores(
    network: LanguageNetwork, batch: TextBatch
) -> tuple[Float[Tensor, "M V"], Int[Tensor, " M"]]:
    """Scores of the tokens that are asked for, in the order of the batch, and what they are."""
    scores_NUV = network(batch.tokens_NT, batch.visible_NT, batch.written_NU)
    is_asked_NU = batch.asked_NU != NOT_ASKED
    return scores_NUV[is_asked_NU], batch.asked_NU[is_asked_NU]


def decoder_of(network: LanguageNetwork) -> TextDecoder:
    """The decoder of text.

    Raises:
        ValueError: if the network has none.
    """
    if not isinstance(network.scorer, TextDecoder):
        raise ValueError("the network has no decoder of text")
    return network.scorer
