"""Why a basecalling network does not learn: what its calls, its layers and its labels look like.

Shapes: N chunks, C channels (1), S samples, T steps, L bases of a label.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from lexome.decode.heads import Decoder
from lexome.train.diagnosis import activation_spreads

FADED, BLOWN_UP = 0.02, 50.0  # standard deviations between which the output of a layer should lie
SMALL_GRADIENT, LARGE_GRADIENT = 1e-4, 1e3
COLUMNS = 80


def diagnose(
    model: nn.Module,
    signal_NCS: Tensor,
    labels: Sequence[np.ndarray],
    decoder: Decoder,
    measured: Mapping[str, float],
) -> str:
    """Likely causes of a loss that does not fall, the likeliest first, and one call beside its label.

    Args:
        model: the network; unchanged.
        signal_NCS: some chunks, on the network's device.
        labels: their bases, codes 0 to 3.
        decoder: of the network's head.
        measured: `gradient_norm` and `learning_rate` of the last step.

    Returns:
        Several lines.
    """
    scores: list[Tensor] = []
    spreads = activation_spreads(model, lambda: scores.append(model(signal_NCS)))
    decoded = [decoder(scores_TK) for scores_TK in scores[0].float().cpu().numpy()]
    calls = [item.bases.astype(np.int64) for item in decoded]
    stays = 1 - float(np.mean([item.moves.mean() for item in decoded]))
    called, labelled = _shares(calls), _shares(labels)
    mean, sd = float(signal_NCS.mean()), float(signal_NCS.std())
    samples_per_base = signal_NCS.numel() / max(1, sum(map(len, labels)))
    odd = [f"{n} {s:.2g}" for n, s in spreads.items() if not FADED <= s <= BLOWN_UP]
    gradient = measured["gradient_norm"]

    causes = [
        (
            False,
            "labels: do they belong to their signal? They have "
            f"{samples_per_base:.1f} samples a base; bases of labels {_text(labelled)}; "
            f"bases of calls {_text(called)}; {stays:.0%} of the steps stay",
        ),
        (
            abs(mean) > 0.5 or not 0.5 < sd < 2 or bool(odd),
            f"scaling: the signal has mean {mean:.2f} and sd {sd:.2f} (wanted: about 0 and 1); "
            "sd of the layers: "
            + ", ".join(f"{name} {spread:.2g}" for name, spread in spreads.items())
            + (f"; out of bounds: {', '.join(odd)}" if odd else ""),
        ),
        (
            not SMALL_GRADIENT <= gradient <= LARGE_GRADIENT,
            f"learning rate: {measured['learning_rate']:.2g} at present, gradient norm {gradient:.3g}; "
            "try a third of optim.lr, or three times as much",
        ),
    ]
    # what was measured to be wrong comes first; a label cannot be seen to be wrong
    causes.sort(key=lambda cause: not cause[0])
    lines = ["likely causes:", *(f"- {text}" for _, text in causes), "a call and its label:"]
    return "\n".join([*lines, *aligned(calls[0], labels[0])])


def _shares(sequences: Sequence[np.ndarray]) -> np.ndarray:
    counts = np.bincount(np.concatenate(sequences), minlength=4)[:4]
    return counts / max(1, counts.sum())


def _text(shares: np.ndarray) -> str:
    return " ".join(f"{base} {share:.0%}" for base, share in zip("ACGT", shares, strict=True))


def aligned(call: np.ndarray, label: np.ndarray) -> list[str]:
    """A global alignment with the fewest edits, as three lines of text for every 80 columns of it.

    Args:
        call: base codes 0 to 3.
        label: likewise.
    """
    rows, columns = len(call), len(label)
    edits = np.zeros((rows + 1, columns + 1), np.int64)
    edits[:, 0], edits[0] = np.arange(rows + 1), np.arange(columns + 1)
    for i in range(1, rows + 1):
        # the gap within a row is the only chain: a running minimum takes it along
        pair = edits[i - 1, :-1] + (label != call[i - 1])
        best = np.concatenate([[i], np.minimum(pair, edits[i - 1, 1:] + 1)])
        edits[i] = np.minimum.accumulate(best - np.arange(columns + 1)) + np.arange(columns + 1)
    above, middle, below = [], [], []
    i, j = rows, columns
    while i or j:
        if i and j and edits[i, j] == edits[i - 1, j - 1] + (call[i - 1] != label[j - 1]):
            i, j = i - 1, j - 1
            above.append("ACGT"[call[i]])
            below.append("ACGT"[label[j]])
        elif i and edits[i, j] == edits[i - 1, j] + 1:
            i -= 1
            above.append("ACGT"[call[i]])
            below.append("-")
        else:
            j -= 1
            above.append("-")
            below.append("ACGT"[label[j]])
        middle.append("|" if above[-1] == below[-1] else " ")
    texts = ["".join(reversed(part)) for part in (above, middle, below)]
    lines = []
    for start in range(0, len(texts[0]), COLUMNS):
        cut = [text[start : start + COLUMNS] for text in texts]
        lines += [f"call  {cut[0]}", f"      {cut[1]}", f"label {cut[2]}"]
    return lines
