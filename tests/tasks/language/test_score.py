"""Scores of variants: what is masked, what is added up, and that a trained model prefers what it has seen."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from lexome.checkpoint.build import weights_of
from lexome.checkpoint.store import load, save
from lexome.core.errors import UsageError
from lexome.features.tokens import bpe_tokenizer, load_tokenizer
from lexome.models.registry import new_language_network
from lexome.simulate.genome import random_genome
from lexome.tasks.language.model import LanguageModel, open_language_model
from lexome.tasks.language.regions import Genome, open_genome
from lexome.tasks.language.score import (
    ScoreConfig,
    changed_stretch,
    masked_spans,
    score_variants,
)
from lexome.tasks.language.targets import Target
from lexome.tasks.language.variants import Variant

Make = Callable[..., Path]
MERGES = np.array([[0, 1], [2, 3], [4, 5], [3, 3], [0, 0], [8, 0], [1, 2], [10, 3]], np.int32)
TOKENIZERS = {
    "bpe": bpe_tokenizer(MERGES),
    **{name: load_tokenizer(name) for name in ("nucleotide", "3mer-overlapping", "3mer-nonoverlapping")},
}
dna = st.text("ACGT", max_size=10)


@given(dna, dna, dna, dna)
def test_the_stretch_holds_all_ways_to_place_a_change(left: str, ref: str, alt: str, right: str) -> None:
    one, other = left + ref + right, left + alt + right
    (a, b), (c, d) = changed_stretch(one, other)
    assert one[:a] == other[:c]
    assert one[b:] == other[d:]
    assert a == c
    assert len(one) - b == len(other) - d
    if one != other:  # a smaller one would not do: each way (prefix, suffix) lies within
        ways = [
            (p, q)
            for p in range(min(len(one), len(other)) + 1)
            for q in range(min(len(one), len(other)) - p + 1)
            if one[:p] == other[:p] and one[len(one) - q :] == other[len(other) - q :]
        ]
        most = max(p + q for p, q in ways)
        best = [(p, q) for p, q in ways if p + q == most]
        assert a == min(p for p, _ in best)
        assert len(one) - b == min(q for _, q in best)


def test_repeats_are_one_stretch() -> None:
    assert changed_stretch("CAAAAG", "CAAAG") == ((1, 5), (1, 4))
    assert changed_stretch("ACGTA", "ACTTA") == ((2, 3), (2, 3))
    assert changed_stretch("GCACACT", "GCACT") == ((1, 6), (1, 4))


@pytest.mark.parametrize("name", TOKENIZERS)
@given(
    left=st.text("ACGT", max_size=12),
    right=st.text("ACGT", max_size=12),
    ref=st.text("ACGT", min_size=1, max_size=4),
    alt=st.text("ACGT", min_size=1, max_size=4),
)
@example(left="", right="G", ref="CA", alt="A")
@example(left="G", right="", ref="AC", alt="A")
def test_what_stays_visible_is_the_same_and_shows_no_changed_base(
    name: str, left: str, right: str, ref: str, alt: str
) -> None:
    tokenizer = TOKENIZERS[name]
    if ref == alt:
        return
    sequences = [left + allele + right for allele in (ref, alt)]
    encoded = [tokenizer.encode_with_offsets(sequence) for sequence in sequences]
    stretches = changed_stretch(*sequences)
    spans = masked_spans(encoded[0], encoded[1], stretches)
    visible = []
    for one, (first, end), (a, b) in zip(encoded, spans, stretches, strict=True):
        assert 1 <= first <= end <= len(one.ids) - 1  # [CLS] and [SEP] stay
        outside = np.r_[0:first, end : len(one.ids)]
        visible.append(one.ids[outside].tolist())
        offsets = one.offsets[outside]
        if a < b:
            assert not ((offsets[:, 0] < b) & (offsets[:, 1] > a)).any()
        else:
            assert not ((offsets[:, 0] < a) & (offsets[:, 1] > a)).any()
    assert visible[0] == visible[1]
    assert all(end > first for first, end in spans)


def test_all_kmers_over_a_base_are_masked() -> None:
    tokenizer = TOKENIZERS["3mer-overlapping"]
    ref, alt = "GATTACAGATT", "GATTAGAGATT"
    spans = masked_spans(
        tokenizer.encode_with_offsets(ref), tokenizer.encode_with_offsets(alt), changed_stretch(ref, alt)
    )
    assert spans == ((1 + 3, 1 + 6),) * 2  # those that begin at the bases 3, 4, 5


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Genome]:
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    path.write_text(f">one\n{random_genome(400, 4)}\n>two\n{'AC' * 120}\n")
    with open_genome(path) as opened:
        yield opened


def some_variants(genome: Genome) -> list[Variant]:
    variants = []
    for start in (0, 3, 57, 200, 399):
        base = genome.bases("one", start, start + 1)
        other = "C" if base != "C" else "G"
        variants.append(Variant("one", start, ".", base, other))
        variants.append(Variant("one", start, ".", base, base + "GT"))
    deleted = genome.bases("one", 100, 104)
    return [*variants, Variant("one", 100, ".", deleted, deleted[0])]


def network_log_p(model: LanguageModel, ids: np.ndarray, masked: list[int], truth: list[int]) -> list[float]:
    hidden = ids.astype(np.int64).copy()
    hidden[masked] = model.tokenizer.special_ids["mask"]
    with torch.no_grad():
        log_p = model.network(torch.from_numpy(hidden)[None])[0].double().log_softmax(-1)
    return [float(log_p[t, ids[t]]) for t in truth]


@pytest.mark.parametrize("method", ["masked", "full"])
@pytest.mark.parametrize("name", ["bpe", "3mer-overlapping"])
def test_scores_are_sums_of_the_network(
    name: str, method: str, genome: Genome, random_language_model: Make
) -> None:
    model = open_language_model(random_language_model(TOKENIZERS[name]), device="cpu")
    config = ScoreConfig(method, 40, 6)  # type: ignore[arg-type]
    variants = some_variants(genome)
    scores = list(score_variants(model, variants, genome, config))
    assert [one.variant for one in scores] == variants
    for scored, variant in zip(scores, variants, strict=True):
        start = min(max(0, variant.start_bp - (40 - len(variant.ref)) // 2), 400 - 40)
        window = genome.bases("one", start, start + 40)
        at = variant.start_bp - start
        texts = [window, window[:at] + variant.alt + window[at + len(variant.ref) :]]
        encoded = [model.tokenizer.encode_with_offsets(text) for text in texts]
        stretches = changed_stretch(*texts)
        spans = masked_spans(encoded[0], encoded[1], stretches)
        sums, counts = [], []
        for one, span, (a, b) in zip(encoded, spans, stretches, strict=True):
            wanted = list(range(*span))
            if method == "masked":
                found = network_log_p(model, one.ids, wanted, wanted)
            else:
                found = []
                for t, (low, high) in enumerate(one.offsets.tolist()):
                    if low == high or not (t in wanted or (low < b + 6 and high > a - 6)):
                        continue
                    over = [u for u, (c, d) in enumerate(one.offsets.tolist()) if c < high and d > low]
                    found += network_log_p(model, one.ids, over, [t])
            sums.append(sum(found))
            counts.append(len(found))
        assert (scored.ref_tokens, scored.alt_tokens) == tuple(counts)
        assert [scored.ref_log_p, scored.alt_log_p] == pytest.approx(sums, abs=1e-4)
        assert scored.score == pytest.approx(sums[1] - sums[0], abs=1e-4)
        assert scored.per_token == pytest.approx(sums[1] / counts[1] - sums[0] / counts[0], abs=1e-4)
    for batch_tokens in (1, 100):
        again = score_variants(model, variants, genome, replace(config, batch_tokens=batch_tokens))
        for one, other in zip(scores, again, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)


@pytest.fixture(scope="module")
def trained(random_language_model: Make, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """A model that has learned that A and C take turns."""
    checkpoint = load(random_language_model("nucleotide"))
    tokenizer = TOKENIZERS["nucleotide"]
    torch.manual_seed(1)
    architecture = checkpoint.architecture.config | {"initial_std": 0.1}
    network = new_language_network(
        {"name": "dnabert2", "config": architecture},
        {"name": "masked_lm", "config": checkpoint.head.config},
    )
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    rng = np.random.default_rng(3)
    for _ in range(120):
        texts = [("AC" * 21)[shift : shift + 40] for shift in rng.integers(0, 2, 8)]
        tokens = torch.from_numpy(np.stack(tokenizer.encode_batch(texts)).astype(np.int64))
        hidden = torch.from_numpy(rng.random(tokens.shape) < 0.15) & (tokens > 4)
        scores = network(tokens.masked_fill(hidden, 4))[hidden]
        loss = torch.nn.functional.cross_entropy(scores, tokens[hidden])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    folder = tmp_path_factory.mktemp("trained") / "pattern"
    made = replace(checkpoint, architecture=replace(checkpoint.architecture, config=architecture))
    save(folder, replace(made, weights=weights_of(network)), "A pattern.")
    return open_language_model(folder, device="cpu")


@pytest.mark.parametrize("method", ["masked", "full"])
def test_what_was_learned_is_preferred(trained: LanguageModel, genome: Genome, method: str) -> None:
    variants = []
    for start in (80, 100, 121):
        base = genome.bases("two", start, start + 1)
        variants += [Variant("two", start, ".", base, other) for other in "ACGT" if other != base]
        variants.append(Variant("two", start, ".", base, base + "GT"))
    config = ScoreConfig(method, 64, 8)  # type: ignore[arg-type]
    scores = list(score_variants(trained, variants, genome, config))
    assert all(one.score < -1 for one in scores), scores
    assert all(one.per_token < -0.3 for one in scores), scores


def test_what_cannot_be_scored(random_language_model: Make, genome: Genome) -> None:
    classifier = open_language_model(
        random_language_model("nucleotide", Target("classes", ("a", "b"))), device="cpu"
    )
    with pytest.raises(UsageError, match="masked language models only"):
        list(score_variants(classifier, [], genome, ScoreConfig()))
    byte = open_language_model(random_language_model("byte"), device="cpu")
    assert byte.tokenizer.mask_id == 259  # the first sentinel stands for what is masked
    assert list(score_variants(byte, [], genome, ScoreConfig())) == []
    with pytest.raises(UsageError, match="--flank 30 reaches beyond"):
        ScoreConfig("full", 50, 30)
