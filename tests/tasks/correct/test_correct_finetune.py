"""Fine-tuning a corrector: who trains, chooses and judges, what is left behind, going on."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.checkpoint.store import load, save
from lexome.core.errors import UsageError
from lexome.io.truth import Place, read_places
from lexome.io.windows import read_windows
from lexome.simulate.hifi import SubreadConfig
from lexome.tasks.correct.finetune import (
    FEWEST,
    CorrectorFinetuneRequest,
    divided,
    finetune_corrector,
)
from lexome.tasks.correct.simulate import BED, CCS, SUBREADS, TRUTH, simulate_to_folder


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, random_corrector_model) -> CorrectorFinetuneRequest:
    """Sixteen molecules, and a model that knows nothing."""
    folder = tmp_path_factory.mktemp("tune") / "set"
    simulate_to_folder(folder, SubreadConfig(900.0, 50.0, 500, 4, 6), 16, 5, genome_bp=90_000)
    save(folder.parent / "model", random_corrector_model, "# random")
    return CorrectorFinetuneRequest(
        str(folder.parent / "model"), folder / SUBREADS, folder / CCS, folder / TRUTH, folder / BED, steps=3,
        lr=1e-2,
    )  # fmt: skip


def test_it_learns_and_says_so(request_: CorrectorFinetuneRequest, tmp_path: Path, graph_cache: Path) -> None:
    notes: list[str] = []
    done = finetune_corrector(request_, tmp_path / "out", "0", on_note=notes.append)
    gain = done.gain
    assert gain.tuned.total < gain.base.total
    assert done.notes == []
    assert gain.ratio.value == gain.tuned.total / gain.base.total
    assert gain.molecules == 2
    assert notes[0].endswith("2 to choose by, 2 to judge by")
    model = load(done.model)
    assert model.provenance["finetuned_from"] == "random"
    card = (done.model / "README.md").read_text()
    assert f"| random | {gain.base.total} |" in card
    assert f"| this one | {gain.tuned.total} |" in card
    assert f"| CCS reads | {gain.ccs.total} |" in card
    with pytest.raises(UsageError, match="is done"):
        finetune_corrector(request_, tmp_path / "out", "0", resume=True)


def test_no_molecule_is_in_two_parts(
    request_: CorrectorFinetuneRequest, tmp_path: Path, graph_cache: Path
) -> None:
    finetune_corrector(request_, tmp_path / "out", "0")
    store = read_windows(tmp_path / "out" / "store")
    parts = divided(read_places(request_.places))
    for split in ("training", "validation", "test"):
        names = {name.decode() for name in np.unique(store.source_N["ccs"][store.indices(split)])}
        assert names == {name for name, part in parts.items() if part == split}
        assert names


def test_stopped_and_gone_on_it_ends_with_the_same_bits(
    request_: CorrectorFinetuneRequest, tmp_path: Path, graph_cache: Path
) -> None:
    def stop(row: dict) -> None:
        raise KeyboardInterrupt

    straight = finetune_corrector(request_, tmp_path / "straight", "0").model
    with pytest.raises(KeyboardInterrupt):
        finetune_corrector(request_, tmp_path / "broken", "0", on_log=stop)
    with pytest.raises(UsageError, match="add --resume"):
        finetune_corrector(request_, tmp_path / "broken", "0")
    broken = finetune_corrector(request_, tmp_path / "broken", "0", resume=True).model
    first, second = ((folder / "model.safetensors").read_bytes() for folder in (straight, broken))
    assert first == second


places = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 300), st.integers(1, 60)).map(
    lambda p: (p[0], p[1], p[1] + p[2])
)


@given(st.lists(places, min_size=FEWEST, max_size=60))
def test_what_trains_or_chooses_lies_apart_from_what_judges(found: list[Place]) -> None:
    by_name = {str(n): place for n, place in enumerate(found)}
    parts = divided(by_name)
    held = max(1, round(len(found) / 10))
    assert list(parts.values()).count("test") == held
    assert list(parts.values()).count("validation") <= held
    for one, part in parts.items():
        for other, later in parts.items():
            if (part, later) in (("training", "validation"), ("training", "test"), ("validation", "test")):
                (contig, start, end), (contig2, start2, end2) = by_name[one], by_name[other]
                assert contig != contig2 or end <= start2 or end2 <= start


def test_what_cannot_be_is_refused(request_: CorrectorFinetuneRequest, tmp_path: Path) -> None:
    import dataclasses

    with pytest.raises(UsageError, match=r"3 molecules .* too few"):
        divided({str(n): ("c", n, n + 1) for n in range(3)})
    with pytest.raises(UsageError, match="needs --reads and --reference"):
        finetune_corrector(dataclasses.replace(request_, model="r9.4.1_fast"), tmp_path / "x", "0")
    assert not (tmp_path / "x").exists()
