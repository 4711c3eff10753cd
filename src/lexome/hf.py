"""Opens lexome's language models with transformers: `import lexome.hf` registers them with its Auto classes.

The layers are those of `models.dnabert2`, with the names of the published DNABERT-2, so
`Dnabert2ForMaskedLM.from_pretrained` opens the published weights as well, without code from elsewhere, and
PEFT finds its layers (Wqkv, dense, gated_layers, wo). Needs the extra `lm`; nothing inside the package
imports this module.

What differs from models of transformers: padding may stand on either side but not inside a sequence; there is
no pooler unless the configuration says so, because the published weights have none; the vocabulary cannot be
resized.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

try:
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForMaskedLM,
        AutoModelForSequenceClassification,
        PreTrainedConfig,
        PreTrainedModel,
    )
    from transformers.modeling_outputs import (
        BaseModelOutputWithPooling,
        MaskedLMOutput,
        SequenceClassifierOutput,
    )
except ImportError as error:
    raise ImportError("lexome.hf needs transformers: pip install 'lexome[lm]'") from error

from lexome.checkpoint.export_huggingface import MODEL_TYPE, huggingface_sizes
from lexome.checkpoint.huggingface import SIZES
from lexome.models.dnabert2 import Dnabert2, Dnabert2Config, embed_tokens
from lexome.nn.language import MaskedLmConfig, MaskedLmScorer, TiedDecoder, draw_weights, pool
from lexome.nn.ragged import of_batch


class Dnabert2HfConfig(PreTrainedConfig):
    """The configuration of a language model in the words of transformers; defaults are DNABERT-2's.

    Args:
        pooler: whether the model has the layer over the first token.
        pooling: what a classifier looks at: "mean" of all tokens, "first" token, or "pooler".
        classifier_dropout: part of that dropped in training; None: as in the layers.
        pad_token_id: the token that fills batches.
        conv_widths: of convolutions before the layers.
        sizes: see `models.dnabert2.Dnabert2Config`, under the names of `checkpoint.huggingface.SIZES`.
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        pooler: bool = False,
        pooling: str = "mean",
        classifier_dropout: float | None = None,
        pad_token_id: int = Dnabert2Config.pad_id,
        conv_widths: Sequence[int] = (),
        **sizes: Any,
    ) -> None:
        defaults = huggingface_sizes(Dnabert2Config())
        for name in SIZES:
            setattr(self, name, sizes.pop(name, defaults[name]))
        self.pooler = pooler
        self.pooling = pooling
        self.classifier_dropout = classifier_dropout
        self.conv_widths = list(conv_widths)
        super().__init__(**sizes)
        self.pad_token_id = pad_token_id

    def architecture(self) -> Dnabert2Config:
        """The same in lexome's words."""
        sizes = {ours: getattr(self, theirs) for theirs, (ours, _) in SIZES.items()}
        return Dnabert2Config(
            **sizes, pad_id=self.pad_token_id, pooler=self.pooler, conv_widths=tuple(self.conv_widths)
        )


class Dnabert2PreTrainedModel(PreTrainedModel):
    """What the models have in common for transformers."""

    config_class = Dnabert2HfConfig
    base_model_prefix = "bert"

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding | nn.LayerNorm | TiedDecoder):  # not what is inside it
            draw_weights(module, self.config.initializer_range)


class Dnabert2Model(Dnabert2PreTrainedModel):
    """Tokens -> features: `last_hidden_state` (N, T, D), zeros at padding."""

    def __init__(self, config: Dnabert2HfConfig) -> None:
        super().__init__(config)
        network = Dnabert2(config.architecture())
        self.embeddings, self.encoder, self.pooler = network.embeddings, network.encoder, network.pooler
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The vectors of the vocabulary."""
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replaces the vectors of the vocabulary."""
        assert isinstance(value, nn.Embedding)
        self.embeddings.word_embeddings = value

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutputWithPooling | tuple:
        """Features, as models of transformers give them.

        Args:
            input_ids: (N, T) tokens.
            attention_mask: (N, T), 0 at padding.
            token_type_ids: (N, T) kinds of segments.
            output_hidden_states: also the features before and after every layer.
            output_attentions: also the attention maps (N, H, T, T) of every layer.
            return_dict: False: a tuple.
            inputs_embeds: must be None; programs such as PEFT name it anyway.

        Raises:
            ValueError: for padding inside a sequence, a token outside the vocabulary, or `inputs_embeds`.
        """
        if inputs_embeds is not None:
            raise ValueError("inputs_embeds is not supported; give input_ids")
        visible = None if attention_mask is None else attention_mask.bool()
        ragged = of_batch(input_ids, visible)
        embedded = embed_tokens(self.embeddings, input_ids.flatten(), ragged, token_type_ids)
        batch = (input_ids.shape[0], input_ids.shape[1])
        chosen = {"states": output_hidden_states, "maps": output_attentions}
        usual = {"states": self.config.output_hidden_states, "maps": self.config.output_attentions}
        wanted = {key: usual[key] if value is None else value for key, value in chosen.items()}
        states = []
        packed = embedded
        for packed in self.encoder.outputs(embedded, ragged):
            if wanted["states"]:
                states.append(ragged.unpack(packed).unflatten(0, batch))
        hidden = ragged.unpack(packed).unflatten(0, batch)
        maps = self.encoder.attention_maps(embedded, ragged, batch) if wanted["maps"] else ()
        output = BaseModelOutputWithPooling(
            last_hidden_state=hidden,
            pooler_output=None if self.pooler is None else self.pooler(pool(hidden, visible, "first")),
            hidden_states=tuple(states) or None,
            attentions=tuple(maps) or None,
        )
        return output if self._returns_dict(return_dict) else output.to_tuple()

    def _returns_dict(self, return_dict: bool | None) -> bool:
        return bool(self.config.return_dict if return_dict is None else return_dict)


class MaskedLmHead(nn.Module):
    """The scorer under the name that it has in published weights."""

    def __init__(self, config: Dnabert2HfConfig) -> None:
        super().__init__()
        self.predictions = MaskedLmScorer(
            config.hidden_size, MaskedLmConfig(config.vocab_size, config.layer_norm_eps)
        )


class Dnabert2ForMaskedLM(Dnabert2PreTrainedModel):
    """Tokens -> scores of all tokens of the vocabulary, `logits` (N, T, V)."""

    _keys_to_ignore_on_load_unexpected = [r"cls\.predictions\.decoder\.weight"]  # equal to the vectors

    def __init__(self, config: Dnabert2HfConfig) -> None:
        super().__init__(config)
        self.bert = Dnabert2Model(config)
        self.cls = MaskedLmHead(config)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **options: Any,
    ) -> MaskedLMOutput | tuple:
        """Scores; with labels (N, T), -100 where there is none, also the mean loss."""
        return_dict = options.pop("return_dict", None)
        output = self.bert(input_ids, attention_mask, return_dict=True, **options)
        logits = self.cls.predictions(output.last_hidden_state, self.bert.get_input_embeddings().weight)
        loss = None if labels is None else cross_entropy(logits.flatten(0, 1), labels.flatten())
        result = MaskedLMOutput(
            loss=loss, logits=logits, hidden_states=output.hidden_states, attentions=output.attentions
        )
        return result if self.bert._returns_dict(return_dict) else result.to_tuple()


class Dnabert2ForSequenceClassification(Dnabert2PreTrainedModel):
    """Tokens -> scores of sequences, `logits` (N, num_labels)."""

    def __init__(self, config: Dnabert2HfConfig) -> None:
        if config.pooling == "pooler":
            config.pooler = True
        super().__init__(config)
        self.num_labels = len(config.id2label or ())
        self.bert = Dnabert2Model(config)
        rate = config.classifier_dropout
        self.dropout = nn.Dropout(config.hidden_dropout_prob if rate is None else rate)
        self.classifier = nn.Linear(config.hidden_size, self.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **options: Any,
    ) -> SequenceClassifierOutput | tuple:
        """Scores; with labels (N,) or, for several labels each, (N, num_labels), also the mean loss."""
        return_dict = options.pop("return_dict", None)
        output = self.bert(input_ids, attention_mask, return_dict=True, **options)
        pooled = output.pooler_output
        if self.config.pooling != "pooler":
            visible = None if attention_mask is None else attention_mask.bool()
            pooled = pool(output.last_hidden_state, visible, self.config.pooling)
        logits = self.classifier(self.dropout(pooled))
        result = SequenceClassifierOutput(
            loss=None if labels is None else self._loss(logits, labels),
            logits=logits,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )
        return result if self.bert._returns_dict(return_dict) else result.to_tuple()

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """As transformers does by `problem_type`; without one, by the number and the type of the labels."""
        problem = self.config.problem_type
        if problem is None:
            whole = labels.dtype in (torch.int32, torch.int64)
            several = "single_label_classification" if whole else "multi_label_classification"
            problem = "regression" if self.num_labels == 1 else several
        if problem == "regression":
            return mse_loss(logits.squeeze(-1), labels.to(logits.dtype).view_as(logits.squeeze(-1)))
        if problem == "multi_label_classification":
            return binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        return cross_entropy(logits, labels.flatten())


AutoConfig.register(MODEL_TYPE, Dnabert2HfConfig, exist_ok=True)
AutoModel.register(Dnabert2HfConfig, Dnabert2Model, exist_ok=True)
AutoModelForMaskedLM.register(Dnabert2HfConfig, Dnabert2ForMaskedLM, exist_ok=True)
AutoModelForSequenceClassification.register(
    Dnabert2HfConfig, Dnabert2ForSequenceClassification, exist_ok=True
)
