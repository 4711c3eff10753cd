"""Checks of a language model on this machine, on simulated sequences, the same at every call."""

import time

import numpy as np
import torch

from lexome.checkpoint.build import build_language_network
from lexome.checkpoint.store import Checkpoint
from lexome.core.errors import LexomeError
from lexome.features.masking import MaskingConfig
from lexome.features.tokens_tokenizer import Tokenizer
from lexome.nn.language import LanguageNetwork, MaskedLmScorer
from lexome.nn.packed_linear import pack_linears
from lexome.nn.text_decoder import TextDecoder
from lexome.simulate.genome import random_genome
from lexome.tasks.checking import CheckLine, alike_line, weights_line
from lexome.tasks.language.model import target_of, tokenizer_of
from lexome.tasks.language.networks import Masker, hidden_scores, padded_tensors

SEED = 20
SEQUENCES, LENGTH_BP = 24, 400
ALLOWED = 1e-4  # between scores of two ways to the same; rounding makes a tenth of it


def check_language_model(checkpoint: Checkpoint) -> list[CheckLine]:
    """Checks a language model: weights, tokenizer, that padding and packed layers change nothing, speed.

    Args:
        checkpoint: a model of the task "language".

    Returns:
        One line per check; a check that fails and leaves nothing to look at ends the list.
    """
    try:
        network, tokenizer = build_language_network(checkpoint), tokenizer_of(checkpoint)
        target = target_of(checkpoint)
    except LexomeError as error:
        return [CheckLine("files", "FAIL", str(error))]
    lines = [
        CheckLine(
            "files",
            "pass",
            f"language model {checkpoint.name}: {checkpoint.architecture.name}, "
            f"{checkpoint.num_parameters:,} parameters",
        ),
        weights_line(checkpoint),
        CheckLine("tokenizer", "info", f"{tokenizer.kind}, {tokenizer.vocab_size:,} tokens"),
    ]
    if target is not None:
        lines.append(CheckLine("outputs", "info", f"{target.kind}: {', '.join(target.names)[:200]}"))
    genome = random_genome(SEQUENCES * LENGTH_BP, SEED)
    sequences = [genome[i * LENGTH_BP : (i + 1) * LENGTH_BP - i] for i in range(SEQUENCES)]
    lines.append(_round_trip(tokenizer, sequences))
    ids = tokenizer.encode_batch(sequences)
    with torch.no_grad():
        lines.append(_padding(network, tokenizer, ids))
        if isinstance(network.scorer, MaskedLmScorer) and tokenizer.mask_id is not None:
            lines.append(_hidden(network, tokenizer, ids))
        lines.append(_packed(network, tokenizer, ids))
    return lines


def _round_trip(tokenizer: Tokenizer, sequences: list[str]) -> CheckLine:
    back = [tokenizer.decode(tokenizer.encode(sequence)) for sequence in sequences]
    same = sum(a == b for a, b in zip(sequences, back, strict=True))
    result = "pass" if same == len(sequences) else "FAIL"
    return CheckLine(
        "round trip", result, f"{same} of {len(sequences)} sequences come back from their tokens"
    )


def _padding(network: LanguageNetwork, tokenizer: Tokenizer, ids: list[np.ndarray]) -> CheckLine:
    """Scores of short sequences beside long ones are those of each alone."""
    together = _scores(network, *padded_tensors(ids, tokenizer))
    alone = _scores(network, torch.from_numpy(ids[-1][None].astype(np.int64)))[0]
    of_tokens = isinstance(network.scorer, MaskedLmScorer | TextDecoder)
    beside = together[-1, : len(ids[-1])] if of_tokens else together[-1]
    difference = float((beside - alone).abs().max())
    return alike_line("padding", difference, ALLOWED, "alone and in a padded batch")


def _packed(network: LanguageNetwork, tokenizer: Tokenizer, ids: list[np.ndarray]) -> CheckLine:
    """The layers that are used on a CPU give the same; with the speed."""
    tokens_NT, visible_NT = padded_tensors(ids, tokenizer)
    before = _scores(network, tokens_NT, visible_NT)
    pack_linears(network)
    start_s = time.perf_counter()
    after = _scores(network, tokens_NT, visible_NT)
    rate = SEQUENCES * LENGTH_BP / (time.perf_counter() - start_s)
    difference = float((before - after).abs().max())
    speed = f"; about {rate:,.0f} bases/s"
    return alike_line("packed", difference, ALLOWED, "of plain and packed layers", speed)


def _scores(
    network: LanguageNetwork, tokens_NT: torch.Tensor, visible_NT: torch.Tensor | None = None
) -> torch.Tensor:
    """Scores of sequences; a decoder of text writes each behind itself."""
    written = (tokens_NT,) if isinstance(network.scorer, TextDecoder) else ()
    return network(tokens_NT, visible_NT, *written)


def _hidden(network: LanguageNetwork, tokenizer: Tokenizer, ids: list[np.ndarray]) -> CheckLine:
    batch = Masker(tokenizer).batch(ids, MaskingConfig(), np.random.default_rng(SEED))
    scores_MV, asked_M = hidden_scores(network, batch)
    loss = float(torch.nn.functional.cross_entropy(scores_MV, asked_M))
    hits = float((scores_MV.argmax(-1) == asked_M).float().mean())
    return CheckLine(
        "hidden tokens",
        "info",
        f"loss {loss:.3f}, {hits:.1%} right of {len(asked_M)}, in a random genome (where little can be told)",
    )
