"""What the basecalling thesis measured (Ordonez Cardenas 2024), for comparison with trials of this machine.

Numbers are facts of the tables named; none of them was measured here.
"""

# Table 5.1: (validation accuracy, accuracy on human DNA) after 5 epochs on 52 GB, by architecture and width.
TABLE_5_1: dict[tuple[str, int], tuple[float, float]] = {
    ("sacall", 128): (0.847, 0.765),
    ("bonito", 64): (0.871, 0.817),
    ("bonito", 128): (0.883, 0.840),
    ("bonito_gru", 64): (0.847, 0.785),  # with distillation; the other is not given
    ("bonito_gru", 128): (0.879, 0.836),
    ("bonito_parallel_lstm", 64): (0.858, 0.775),
    ("bonito_parallel_lstm", 128): (0.862, 0.789),
    ("dense_base_conv", 64): (0.861, 0.786),
    ("dense_base_conv", 128): (0.873, 0.812),
    ("parallel_rnn", 64): (0.808, 0.706),
    ("parallel_rnn", 128): (0.839, 0.741),
}
# Table 4.1: change of the best validation loss against the GRU, per cent, after 5 epochs on 2 GB.
TABLE_4_1: dict[str, float] = {
    "5.4.0": -1.11, "5.4.2": -0.22, "5.4.1": -0.07, "baseline": 0.0, "5.5": 0.74, "5.4.3": 1.56, "6.2": 1.56,
    "4.5.4": 1.63, "4.5.3": 2.30, "4.5.2": 3.42, "2.4.0": 4.39, "4.5.1": 4.61, "alt_baseline": 5.73,
    "1": 6.03,
    "2.4.1": 6.11, "4.5.0": 7.07, "2.4.2": 9.53, "2.4.3": 12.07, "6.1": 22.05, "2.1": 76.37, "3.1": 76.37,
    "4.4": 76.37, "5.3": 76.37, "2.3": 76.67, "3.3": 76.67, "3.4": 76.75, "4.1": 76.75, "2.2": 76.90,
    "3.2": 76.90, "2.4.4": 76.97, "4.2": 76.97, "4.3": 76.97, "5.1": 76.97, "5.2": 76.97, "3.5": 77.04,
}  # fmt: skip
# Table 4.2: best validation loss after 15 epochs on 2 GB.
TABLE_4_2: dict[str, float] = {
    "two-layer transformer": 0.01186, "chain of thought, version 5": 0.01176, "two-layer GRU": 0.01192,
}  # fmt: skip
# Table 4.4: validation accuracy on 52 GB, Bonito of width 384.
TABLE_4_4: dict[str, float] = {"bonito": 0.905, "bonito_kan_conv1": 0.901, "bonito_kan_conv2": 0.907}


def published(experiment: str, labels: dict[str, object]) -> tuple[str, float] | None:
    """What the thesis has for a row of an experiment: what it is, and its value, higher being better.

    Losses and increases of losses are given with their sign turned.
    """
    width = labels.get("width")
    match experiment:
        case "architectures":
            name = str(labels["architecture"])
            pair = TABLE_5_1.get((name, width)) if isinstance(width, int) else None
            if labels.get("head", "") != ("ctc" if name == "sacall" else "crf"):
                pair = None  # Bonito's family had a CRF there, SACall CTC
            return None if pair is None else ("validation accuracy", pair[0])
        case "ablations":
            change = TABLE_4_1.get(str(labels["ablation"]))
            return None if change is None else ("minus the change of the loss, %", -change)
        case "thoughts":
            loss = TABLE_4_2.get(str(labels["network"]))
            return None if loss is None else ("minus the validation loss", -loss)
        case "kan":
            accuracy = TABLE_4_4.get(str(labels["architecture"]))
            return None if accuracy is None else ("validation accuracy", accuracy)
    return None
