"""What dorado takes for given of a network, whatever its config.toml says.

Source: dorado 1.x, which reads only what its own models differ in. A network that differs elsewhere would
load and call nonsense without a word.
"""

from collections.abc import Iterator

from lexome.checkpoint.export_bonito import shared_obstacles
from lexome.checkpoint.export_network import PlainNetwork, padding_of, plain_convs
from lexome.models.bonito import BonitoConfig
from lexome.models.transformer import TransformerConfig
from lexome.nn.conv import ConvConfig
from lexome.nn.scorer import CrfScorerConfig

NUM_CONVS, NUM_LSTMS = 3, 5
FIRST_SIZES = (4, 16)
STATE_LENS = (3, 4, 5)
SCORE_BOUNDS = (-5.0, 5.0)
BLANK_SCORE = 2.0  # of transformers: not read
SWISH_MIN, SWISH_BOUND = -0.2784646, 3.5  # below all values of x * sigmoid(x); where dorado cuts it
MIN_BIASED_LSTM = 129  # a linear layer after smaller LSTMs would lose its bias
FLAT_KERNELS = (5, 5, 19)


def has_tanh(encoder: BonitoConfig) -> bool:
    """Whether dorado puts a tanh over the scores of such a network: it goes by the first convolution."""
    return plain_convs(encoder)[0].size == FIRST_SIZES[0] and not encoder.linears


def dorado_obstacles(network: PlainNetwork) -> list[str]:
    """Names all that dorado would run differently or not at all.

    Args:
        network: the network.

    Returns:
        Names for the complaint; none if dorado runs just this network.
    """
    found = list(shared_obstacles(network))
    encoder, scorer = network.encoder, network.scorer
    if isinstance(encoder, TransformerConfig):
        return [*found, *_common_convs(plain_convs(encoder)), *_transformer(encoder, scorer)]
    return [*found, *_convs(encoder), *_lstms(encoder), *_scores(encoder, scorer)]


def _common_convs(convs: tuple[ConvConfig, ...]) -> Iterator[str]:
    for i, conv in enumerate(convs):
        if padding_of(conv) != conv.kernel // 2:
            yield f"convolution {i}: padding {conv.padding} with a kernel of {conv.kernel}"
        if conv.activation not in ("swish", "tanh"):
            yield f"convolution {i}: activation {conv.activation} (it has swish and tanh)"


def _convs(encoder: BonitoConfig) -> Iterator[str]:
    convs = plain_convs(encoder)
    if len(convs) != NUM_CONVS:
        yield f"{len(convs)} convolutions (it has {NUM_CONVS})"
        return
    if convs[0].size not in FIRST_SIZES:
        yield f"a first convolution {convs[0].size} wide (it has 4 and 16)"
    yield from _common_convs(convs)
    for i, conv in enumerate(convs):
        if conv.clamp is not None and not _clamps_alike(conv):
            yield f"convolution {i}: a clamp to {conv.clamp} after {conv.activation}"
    if has_tanh(encoder):
        kernels, strides = tuple(c.kernel for c in convs), tuple(c.stride for c in convs[:2])
        swish = all(conv.activation == "swish" and conv.clamp is None for conv in convs)
        if kernels != FLAT_KERNELS or strides != (1, 1) or convs[1].size != 16 or not swish:
            yield (
                "with a first convolution 4 wide anything but kernels 5, 5, 19, a second convolution 16 "
                "wide, a stride in the third only, swish and no clamps"
            )


def _clamps_alike(conv: ConvConfig) -> bool:
    """Whether dorado's own bound for the activation gives the same: it cuts swish at 3.5, tanh not at all."""
    assert conv.clamp is not None
    low, high = conv.clamp
    if conv.activation == "swish":
        return high == SWISH_BOUND and low <= SWISH_MIN
    return conv.activation == "tanh" and low <= -1 and high >= 1


def _lstms(encoder: BonitoConfig) -> Iterator[str]:
    sizes, directions = [lstm.size for lstm in encoder.lstms], [lstm.reverse for lstm in encoder.lstms]
    if directions != [i % 2 == 0 for i in range(NUM_LSTMS)]:
        yield f"LSTMs other than {NUM_LSTMS} in turn backwards and forwards, backwards first"
    if set(sizes) != {plain_convs(encoder)[-1].size}:
        before = plain_convs(encoder)[-1].size
        yield f"LSTMs {sizes} wide after a convolution {before} wide (it has one width)"
    if len(encoder.linears) > 1:
        yield f"{len(encoder.linears)} linear layers before the scores (it has at most one)"
    elif encoder.linears and sizes[-1] < MIN_BIASED_LSTM:
        yield f"a linear layer after LSTMs {sizes[-1]} wide (it has one after more than 128)"


def _scores(encoder: BonitoConfig, scorer: CrfScorerConfig) -> Iterator[str]:
    yield from _common_scores(scorer)
    clamped = scorer.clamp is not None or any(conv.clamp is not None for conv in plain_convs(encoder))
    if clamped and scorer.clamp != SCORE_BOUNDS:
        yield f"scores bounded by {scorer.clamp} (it bounds them by -5 and 5 as soon as anything is)"
    elif scorer.clamp is not None and scorer.stay_score != scorer.blank_score:
        yield f"a bounded score for staying of {scorer.blank_score}"
    if has_tanh(encoder):
        if (scorer.activation, scorer.scale, scorer.clamp) != ("tanh", 5.0, None):
            yield "with a first convolution 4 wide anything but 5 * tanh for the scores"
    elif (scorer.activation, scorer.scale, scorer.bias) != ("none", 1.0, False):
        yield (
            "a tanh, a factor or a bias in the scores (it has them only with a first convolution 4 wide and "
            "no linear layer)"
        )


def _transformer(encoder: TransformerConfig, scorer: CrfScorerConfig) -> Iterator[str]:
    yield from _common_scores(scorer)
    if encoder.upsample == 1:
        yield "a transformer without upsampling"
    if scorer.activation != "none" or scorer.bias:
        yield "a tanh or a bias in the scores of a transformer"
    if scorer.blank_score not in (None, BLANK_SCORE):
        yield f"a score for staying of {scorer.blank_score} in a transformer (it has {BLANK_SCORE:g})"


def _common_scores(scorer: CrfScorerConfig) -> Iterator[str]:
    if scorer.state_len not in STATE_LENS:
        yield f"states of {scorer.state_len} bases (it has 3 to 5)"
    if scorer.blank_score is None:
        yield "learned scores for staying"
