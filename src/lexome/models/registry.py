"""Names of architectures and heads, loaded when asked for; the only place that knows them all."""

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from lexome.core.config import from_dict
from lexome.core.errors import UsageError, nearest
from lexome.models import plugins
from lexome.nn.language import LanguageNetwork
from lexome.nn.network import Network

ENCODERS: dict[str, str] = {
    "bigbird": "lexome.models.bigbird:BigBirdConfig:BigBird",
    "bonito": "lexome.models.bonito:BonitoConfig:Bonito",
    "catcaller": "lexome.models.catcaller:CATCallerConfig:CATCaller",
    "causalcall": "lexome.models.causalcall:CausalcallConfig:Causalcall",
    "deepconsensus": "lexome.models.deepconsensus:DeepConsensusConfig:DeepConsensus",
    "dense_base_conv": "lexome.models.dense_base_conv:DenseBaseConvConfig:DenseBaseConv",
    "mamba": "lexome.models.mamba:MambaConfig:MambaEncoder",
    "parallel_rnn": "lexome.models.parallel_rnn:ParallelRnnConfig:ParallelRnn",
    "quartznet": "lexome.models.quartznet:QuartzNetConfig:QuartzNet",
    "reformer": "lexome.models.reformer:ReformerConfig:Reformer",
    "s4": "lexome.models.s4:S4Config:S4",
    "sacall": "lexome.models.sacall:SACallConfig:SACall",
    "transformer": "lexome.models.transformer:TransformerConfig:Transformer",
    "with_inputs": "lexome.models.with_inputs:WithInputsConfig:WithInputs",
}
SCORERS: dict[str, str] = {
    "classes": "lexome.nn.classes_scorer:ClassesScorerConfig:ClassesScorer",
    "consensus": "lexome.models.deepconsensus:ConsensusScorerConfig:ConsensusScorer",
    "crf": "lexome.nn.scorer:CrfScorerConfig:CrfScorer",
    "ctc": "lexome.nn.ctc_scorer:CtcScorerConfig:CtcScorer",
}
# Encoders of tokens, and what stands on them; they take no signal.
LANGUAGE_ENCODERS: dict[str, str] = {
    "dnabert2": "lexome.models.dnabert2:Dnabert2Config:Dnabert2",
    "enbed": "lexome.models.enbed:EnbedConfig:Enbed",
    "sequence_cnn": "lexome.models.sequence_cnn:SequenceCnnConfig:SequenceCnn",
}
LANGUAGE_SCORERS: dict[str, str] = {
    "masked_lm": "lexome.nn.language:MaskedLmConfig:MaskedLmScorer",
    "sequence": "lexome.nn.language:SequenceConfig:SequenceScorer",
    "text": "lexome.nn.text_decoder:TextConfig:TextDecoder",
}
# Keys of a head's configuration that belong to its decoder or loss, not to the network.
DECODER_KEYS: dict[str, frozenset[str]] = {
    "classes": frozenset(),
    "consensus": frozenset({"calibration", "max_quality"}),
    "crf": frozenset({"qscore_scale", "qscore_bias", "qscore_ceiling"}),
    "ctc": frozenset({"qscore_scale", "qscore_bias", "qscore_ceiling", "label_smoothing"}),
}


def build_encoder(name: str, config: Mapping[str, Any]) -> nn.Module:
    """A new encoder with fresh weights.

    Args:
        name: registered name of the architecture.
        config: its configuration as a plain dict.

    Returns:
        A module (N, C, S) -> (N, T, D) with `stride`, `num_features`, `skips` and `prunable`.

    Raises:
        UsageError: for an unknown name (with the nearest ones) or a wrong configuration.
    """
    config_class, encoder_class = _encoder_classes(name)
    return encoder_class(from_dict(config_class, config, f"[architecture], {name}"))


def build_scorer(name: str, in_features: int, config: Mapping[str, Any]) -> nn.Module:
    """A new scorer with fresh weights; keys of the head that concern only decoding or loss are set aside.

    Args:
        name: registered name of the head.
        in_features: features of the encoder.
        config: the head's configuration as a plain dict.

    Returns:
        A module (N, T, D) -> (N, T, K) with `num_outputs`.

    Raises:
        UsageError: for an unknown name (with the nearest ones) or a wrong configuration.
    """
    config_class, scorer_class = _resolve(SCORERS, name, "head")
    own = {key: value for key, value in config.items() if key not in DECODER_KEYS[name]}
    return scorer_class(in_features, from_dict(config_class, own, f"[head], {name}"))


def new_network(architecture: Mapping[str, Any], head: Mapping[str, Any]) -> Network:
    """A new network with fresh weights.

    Args:
        architecture: {"name": ..., "config": {...}} of the encoder.
        head: {"name": ..., "config": {...}} of the head.

    Returns:
        The network; `nn.initialise.scale_to_data` prepares it for training.

    Raises:
        UsageError: for unknown names or a wrong configuration.
    """
    encoder = build_encoder(*_named(architecture, "architecture"))
    name, config = _named(head, "head")
    return Network(encoder, build_scorer(name, int(encoder.num_features), config))  # type: ignore[arg-type]


def new_language_network(architecture: Mapping[str, Any], head: Mapping[str, Any]) -> LanguageNetwork:
    """A new language model with fresh weights.

    Args:
        architecture: {"name": ..., "config": {...}} of the encoder of tokens.
        head: {"name": ..., "config": {...}} of the head.

    Returns:
        The network, ready to be trained.

    Raises:
        UsageError: for unknown names or a wrong configuration, or if the two do not fit together.
    """
    name, config = _named(architecture, "architecture")
    config_class, encoder_class = _resolve(LANGUAGE_ENCODERS, name, "architecture of language models")
    encoder = encoder_class(from_dict(config_class, config, f"[architecture], {name}"))
    name, config = _named(head, "head")
    config_class, scorer_class = _resolve(LANGUAGE_SCORERS, name, "head of language models")
    scorer = scorer_class(encoder.num_features, from_dict(config_class, config, f"[head], {name}"))
    try:
        return LanguageNetwork(encoder, scorer)
    except ValueError as error:
        raise UsageError(f"[head], {name}: {error}") from error


def language_config(name: str) -> type:
    """The configuration, a dataclass, of an architecture of language models.

    Raises:
        UsageError: for an unknown name (with the nearest one).
    """
    return _resolve(LANGUAGE_ENCODERS, name, "architecture of language models")[0]


def _named(table: Mapping[str, Any], what: str) -> tuple[str, Mapping[str, Any]]:
    if set(table) != {"name", "config"} or not isinstance(table["name"], str):
        raise UsageError(f"[{what}]: expected the keys 'name' and 'config', got {sorted(map(str, table))}")
    if not isinstance(table["config"], Mapping):
        raise UsageError(f"[{what}]: 'config' must be a table")
    return table["name"], table["config"]


def _encoder_classes(name: str) -> tuple[type, type]:
    if name in ENCODERS:
        return _resolve(ENCODERS, name, "architecture")
    other = plugins.foreign(name)
    if other is not None:
        return other.config, other.encoder
    known = nearest(name, [*ENCODERS, *plugins.foreign_names()])
    raise UsageError(
        f"unknown architecture '{name}'; {known}; "
        "an architecture of another package is known once that package is installed"
    )


def _resolve(table: Mapping[str, str], name: str, what: str) -> tuple[type, type]:
    if name not in table:
        raise UsageError(f"unknown {what} '{name}'; {nearest(name, table)}")
    module_name, config_name, class_name = table[name].split(":")
    module = importlib.import_module(module_name)
    return getattr(module, config_name), getattr(module, class_name)
