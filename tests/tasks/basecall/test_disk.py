"""Whether the output will fit: never in the way when it does, never silent when it cannot."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from lexome.core.errors import LexomeError
from lexome.tasks.basecall.disk import BYTES_PER_SAMPLE, check_free_disk, file_size, least_bytes
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.model import open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls

ENDINGS = [*BYTES_PER_SAMPLE, ".fq", ".fq.gz", ".fa", ".fa.gz"]


def having(size: int):
    return lambda folder: SimpleNamespace(free=size, asked=folder)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("emit_moves", [False, True])
def test_the_limit(tmp_path: Path, ending: str, emit_moves: bool) -> None:
    output = tmp_path / f"calls{ending}"
    need = least_bytes(output, 10**12, emit_moves)
    assert 10e9 < need < 600e9
    check_free_disk(output, 10**12, emit_moves, having(need))
    with pytest.raises(
        LexomeError, match=r"calls.*need at least .* GB, but .* has .* GB free; .*--force"
    ) as error:
        check_free_disk(output, 10**12, emit_moves, having(need - 1))
    assert error.value.exit_code == 1
    assert "\n" not in str(error.value)


def test_it_is_less_than_what_was_measured(tmp_path: Path) -> None:
    """There are 12.5 samples for each base at 5 kHz and 400 bases/s, 15.4 at 4 kHz and 260; here 12.1."""
    for ending, sizes in BYTES_PER_SAMPLE.items():
        for emit_moves, size in enumerate(sizes):
            assert least_bytes(tmp_path / f"c{ending}", 10**9, bool(emit_moves)) < 12.1 / 15.4 * size * 10**9


def test_moves_need_more_where_they_are_written(tmp_path: Path) -> None:
    for ending in ENDINGS:
        sizes = [least_bytes(tmp_path / f"c{ending}", 10**9, moves) for moves in (False, True)]
        assert (sizes[1] > sizes[0]) == (ending in (".sam", ".bam", ".cram"))


def test_the_folder_of_the_output_is_asked(tmp_path: Path) -> None:
    asked: list[Path] = []

    def usage(folder: Path) -> SimpleNamespace:
        asked.append(folder)
        return SimpleNamespace(free=10)

    check_free_disk(Path("calls.bam"), 1, free=usage)
    check_free_disk(tmp_path / "calls.bam", 1, free=usage)
    check_free_disk(None, 10**15, free=usage)
    assert asked == [Path(), tmp_path]


def test_a_disk_that_does_not_tell(tmp_path: Path) -> None:
    def usage(_: Path) -> SimpleNamespace:
        raise OSError(38, "Function not implemented")

    check_free_disk(tmp_path / "calls.bam", 10**15, free=usage)


def test_the_real_disk_has_room_for_one_read(tmp_path: Path) -> None:
    check_free_disk(tmp_path / "calls.bam", 10_000)
    with pytest.raises(LexomeError):
        check_free_disk(tmp_path / "calls.bam", 10**19)


def test_sizes_in_words() -> None:
    assert [file_size(n) for n in (12, 12345, 12345678, 1.5e9, 2e12)] == [
        "0 kB",
        "12 kB",
        "12.3 MB",
        "1.5 GB",
        "2.0 TB",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("ending", list(BYTES_PER_SAMPLE))
@pytest.mark.parametrize("emit_moves", [False, True])
def test_the_constants_are_what_real_calls_take(
    shared: Path, tmp_path: Path, ending: str, emit_moves: bool
) -> None:
    """On reads of another flow cell than the one the constants were measured on."""
    if emit_moves and ending.startswith(".fast"):
        pytest.skip("no move table in this format")
    request = CallRequest(
        [shared / "data/nanopore/lambda_marcpaga"],
        tmp_path / f"calls{ending}",
        emit_moves=emit_moves,
        recursive=True,
        max_reads=15,
    )
    samples = call_files(request, plan_calls(request), open_model("r9.4.1_fast", threads=2)).samples
    size = (tmp_path / f"calls{ending}").stat().st_size
    assert least_bytes(tmp_path / f"calls{ending}", samples, emit_moves) < size
    assert size < 2.5 * BYTES_PER_SAMPLE[ending][emit_moves] * samples
