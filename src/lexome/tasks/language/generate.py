"""Writing answers with a decoder of text, by beam search.

Exact about when to stop: a search ends once no text that is still being written could become one of the best
that are finished. The same model and sources give the same texts, whatever they share a batch with up to
float noise; of equal scores the lower beam, then the lower token goes first.

Source: beam search with length normalisation as in GNMT (Wu 2016), without its constant 5; ENBED (2.5) takes
5 beams and ranks the finished texts anew with another model (see `ranked`).

Legend: N sources, B beams, T tokens of a source, V tokens of the vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lexome.nn.language import LanguageNetwork
from lexome.nn.text_decoder import Memory
from lexome.tasks.language.text_batches import END_ID, PAD_ID, Ids, decoder_of, text_batch


@dataclass(frozen=True)
class GenerateConfig:
    """How texts are written.

    Attributes:
        beams: texts that are followed at once; as many are given, if there are so many.
        max_tokens: of a text, its end not counted; one that is not ended by then is cut there.
        min_tokens: before a text may end.
        length_penalty: texts are ordered by log-probability / tokens ** penalty; 0: by probability.
    """

    beams: int = 5
    max_tokens: int = 512
    min_tokens: int = 0
    length_penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.beams < 1 or self.max_tokens < 1 or not 0 <= self.min_tokens <= self.max_tokens:
            raise ValueError("beams and max_tokens must be positive, min_tokens from 0 to max_tokens")
        if not 0 <= self.length_penalty < float("inf"):
            raise ValueError("length_penalty must be finite and not negative")

    def rank(self, log_prob: float, tokens: int) -> float:
        """By what texts are ordered; `tokens` counts the end."""
        return log_prob / max(tokens, 1) ** self.length_penalty


@dataclass(frozen=True)
class Written:
    """A text.

    Attributes:
        ids: its tokens, without start and end.
        log_prob: of all of them and the end, nats.
        rank: what it was ordered by.
        ended: whether it ends by itself.
    """

    ids: Ids
    log_prob: float
    rank: float
    ended: bool


@dataclass
class _Finished:
    """The best finished texts of a source."""

    room: int
    texts: list[Written] = field(default_factory=list)

    def add(self, text: Written) -> None:
        self.texts.append(text)
        self.texts.sort(key=lambda one: -one.rank)  # stable: of equals the first one found stays first
        del self.texts[self.room :]

    def cannot_improve(self, best_rank: float) -> bool:
        return len(self.texts) == self.room and self.texts[-1].rank >= best_rank


def generate(
    network: LanguageNetwork,
    sources: Sequence[Ids],
    config: GenerateConfig,
    *,
    allowed_V: Bool[np.ndarray, " V"] | None = None,
    end_id: int = END_ID,
) -> list[list[Written]]:
    """The best answers to sources, which are searched for together.

    Args:
        network: an encoder with a decoder of text, in evaluation mode.
        sources: tokens of each; for a decoder without cross attention they are what it goes on from.
        config: how.
        allowed_V: tokens that may be written (the end always may); None: all but padding.
        end_id: the token that ends a text.

    Returns:
        For each source its texts, the best first; one at least.

    Raises:
        ValueError: if the network has no decoder of text.
    """
    if not sources:
        return []
    decoder, device = decoder_of(network), next(network.parameters()).device
    allowed = np.ones(decoder.num_outputs, bool) if allowed_V is None else allowed_V.copy()
    allowed[PAD_ID], allowed[end_id] = False, True
    allowed_tensor_V = torch.from_numpy(allowed).to(device)
    with torch.no_grad():
        search = _Search(network, sources, config, allowed_tensor_V, end_id, device)
        return search.run()


class _Search:
    """One search for several sources; rows are sources times beams."""

    def __init__(
        self,
        network: LanguageNetwork,
        sources: Sequence[Ids],
        config: GenerateConfig,
        allowed_V: Tensor,
        end_id: int,
        device: torch.device,
    ) -> None:
        self.network, self.config, self.end_id, self.device = network, config, end_id, device
        self.decoder = decoder_of(network)
        self.allowed_V = allowed_V
        self.alive = list(range(len(sources)))  # the sources of the rows
        self.finished = [_Finished(config.beams) for _ in sources]
        self.texts: list[list[list[int]]] = [[[] for _ in range(config.beams)] for _ in sources]
        self.log_probs_NB = torch.full((len(sources), config.beams), -torch.inf, device=device)
        self.log_probs_NB[:, 0] = 0.0  # all beams are the same at first
        self.memory, self.scores_NBV = self._begin(sources)

    def _begin(self, sources: Sequence[Ids]) -> tuple[Memory, Tensor]:
        """The memory of all rows behind what is given, and the scores of the first token."""
        start_id, in_front = self.decoder.config.start_id, not self.decoder.config.cross_attention
        if in_front and len({len(source) for source in sources}) > 1:
            raise ValueError(
                "sources in front of their answers must be of one length to be searched together"
            )
        batch = text_batch(
            sources, [np.zeros(1, np.int64)] * len(sources), start_id=start_id, in_front=in_front
        )
        tokens_NT, visible_NT = batch.tokens_NT.to(self.device), batch.visible_NT.to(self.device)
        memory = self.decoder.begin(self.network.source(tokens_NT, visible_NT), visible_NT)
        scores_NUV = self.decoder.step(
            batch.written_NU.to(self.device), memory, self.network.tokens.token_vectors
        )
        beams = torch.arange(len(sources), device=self.device).repeat_interleave(self.config.beams)
        return memory.pick(beams), scores_NUV[:, -1][beams].unflatten(0, (len(sources), self.config.beams))

    def run(self) -> list[list[Written]]:
        """All texts of all sources."""
        for written in range(self.config.max_tokens + 1):
            self._choose(written)
            if not self.alive:
                break
        return [one.texts for one in self.finished]

    def _choose(self, written: int) -> None:
        """Takes the best tokens behind `written` ones, puts away what is finished, and goes on."""
        config = self.config
        log_probs_NBV = self.scores_NBV.float().log_softmax(-1)
        log_probs_NBV = log_probs_NBV.masked_fill(~self.allowed_V, -torch.inf)
        if written < config.min_tokens:
            log_probs_NBV[..., self.end_id] = -torch.inf
        if written == config.max_tokens:
            self._cut(log_probs_NBV[..., self.end_id])
            return
        totals = (self.log_probs_NB[..., None] + log_probs_NBV).flatten(1)
        # twice the beams, for each of them may end
        best, order = totals.sort(dim=1, descending=True, stable=True)
        best, order = best[:, : 2 * config.beams].tolist(), order[:, : 2 * config.beams].tolist()
        kept: list[int] = []
        rows: list[int] = []
        tokens: list[int] = []
        log_probs: list[list[float]] = []
        texts: list[list[list[int]]] = []
        vocabulary = log_probs_NBV.shape[-1]
        for row, source in enumerate(self.alive):
            going = self._of_source(row, source, best[row], order[row], vocabulary)
            highest = max((one[0] for one in going), default=-np.inf)
            most = config.rank(highest, config.max_tokens + 1) if np.isfinite(highest) else -np.inf
            if not going or self.finished[source].cannot_improve(most):
                continue
            going += [(-np.inf, *going[0][1:])] * (config.beams - len(going))
            kept.append(source)
            log_probs.append([one[0] for one in going])
            rows += [row * config.beams + one[1] for one in going]
            tokens += [one[2] for one in going]
            texts.append([[*self.texts[row][one[1]], one[2]] for one in going])
        same_sources = kept == self.alive
        self.alive, self.texts = kept, texts
        if kept:
            self._go_on(rows, tokens, log_probs, same_sources=same_sources)

    def _of_source(
        self, row: int, source: int, best: list[float], order: list[int], vocabulary: int
    ) -> list[tuple[float, int, int]]:
        """The (log-probability, beam, token) that a source goes on with; texts that end are put away."""
        going: list[tuple[float, int, int]] = []
        for log_prob, place in zip(best, order, strict=True):
            beam, token = divmod(place, vocabulary)
            if log_prob == -np.inf or len(going) == self.config.beams:
                break
            if token == self.end_id:
                self._put_away(source, self.texts[row][beam], log_prob, ended=True)
            else:
                going.append((log_prob, beam, token))
        return going

    def _put_away(self, source: int, ids: list[int], log_prob: float, *, ended: bool) -> None:
        rank = self.config.rank(log_prob, len(ids) + ended)
        self.finished[source].add(Written(np.array(ids, np.int64), log_prob, rank, ended))

    def _cut(self, of_end_NB: Tensor) -> None:
        """No token is left to be written: texts end, or are cut if nothing of their source has ended."""
        ends = (self.log_probs_NB + of_end_NB).tolist()
        cuts = self.log_probs_NB.tolist()
        for row, source in enumerate(self.alive):
            for ids, log_prob in zip(self.texts[row], ends[row], strict=True):
                if log_prob > -np.inf:
                    self._put_away(source, ids, log_prob, ended=True)
            if not self.finished[source].texts:
                for ids, log_prob in zip(self.texts[row], cuts[row], strict=True):
                    if log_prob > -np.inf:
                        self._put_away(source, ids, log_prob, ended=False)
        self.alive = []

    def _go_on(
        self, rows: list[int], tokens: list[int], log_probs: list[list[float]], *, same_sources: bool
    ) -> None:
        self.log_probs_NB = torch.tensor(log_probs, device=self.device)
        # the beams of a source are rows side by side, so while all sources go on each row keeps its own
        self.memory = self.memory.pick(torch.tensor(rows, device=self.device), same_sources=same_sources)
        next_R1 = torch.tensor(tokens, device=self.device)[:, None]
        scores_R1V = self.decoder.step(next_R1, self.memory, self.network.tokens.token_vectors)
        self.scores_NBV = scores_R1V[:, 0].unflatten(0, (len(self.alive), self.config.beams))


def ranked(
    texts: Sequence[Written], score: Callable[[Sequence[Written]], Float[np.ndarray, " B"]]
) -> list[Written]:
    """Texts in the order of another model's scores, the highest first; of equals the order stays.

    Args:
        texts: of one source.
        score: gives one number for each, higher for what it likes better.
    """
    order = np.argsort(-np.asarray(score(texts)), kind="stable")
    return [texts[i] for i in order]


def letters(allowed: str, vocab_size: int, first_byte: int = 3) -> Bool[np.ndarray, " V"]:
    """Which tokens of the layout of bytes are one of some letters."""
    mask_V = np.zeros(vocab_size, bool)
    mask_V[np.frombuffer(allowed.encode(), np.uint8).astype(int) + first_byte] = True
    return mask_V
