"""Reads chosen by id and by number, alone and through the whole path."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lexome.core.errors import BadInputError, LexomeError, UsageError
from lexome.core.records import Skipped
from lexome.io.calls import read_calls
from lexome.tasks.basecall.files import call_files
from lexome.tasks.basecall.model import BasecallModel, open_model
from lexome.tasks.basecall.plan import CallRequest, plan_calls
from lexome.tasks.basecall.selection import Selection, of_known_runs, read_id_list
from lexome.tasks.basecall.shard import Shard


@pytest.fixture(scope="module")
def model(small_model: Path) -> BasecallModel:
    return open_model(small_model, device="cpu")


@pytest.fixture
def ids(mixed_reads: list) -> list[str]:
    """The ids of the reads that can be called, in the input's order."""
    return [r.read_id for r in mixed_reads if int(r.read_id.replace("-", ""), 16) not in (102, 105, 108, 111)]


def called(model: BasecallModel, request: CallRequest) -> tuple[list[str], int]:
    assert request.output is not None
    summary = call_files(request, plan_calls(request), model)
    return [c.read_id for c in read_calls(request.output)], summary.missing_ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n\nc\n", {"a", "b", "c"}),
        ("read_id\tchannel\na\t1\nb\t2\n", {"a", "b"}),
        ("  a  \r\nb extra words\n", {"a", "b"}),
        ("a\nread_id\n", {"a", "read_id"}),
    ],
)
def test_a_list_of_ids(text: str, expected: set[str], tmp_path: Path) -> None:
    (tmp_path / "ids").write_text(text)
    assert read_id_list(tmp_path / "ids") == expected


def test_what_is_no_list_of_ids(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_id_list(tmp_path / "none")
    for content in (b"", b"\n\n", b"read_id\n", b"\xff\xfe\x00"):
        (tmp_path / "ids").write_bytes(content)
        with pytest.raises(BadInputError, match="read id"):
            read_id_list(tmp_path / "ids")


def test_only_the_listed_reads_are_called_in_input_order(model, mixed_pod5, ids, tmp_path) -> None:
    listed = [ids[5], ids[1], "not-there", ids[8]]
    (tmp_path / "ids").write_text("\n".join(listed))
    request = CallRequest([mixed_pod5], tmp_path / "o.fastq", read_ids=tmp_path / "ids")
    assert called(model, request) == ([ids[1], ids[5], ids[8]], 1)


def test_the_first_reads_are_called_as_among_all(model, mixed_pod5, ids, mixed_reads, tmp_path) -> None:
    everything, _ = called(model, CallRequest([mixed_pod5], tmp_path / "all.fastq"))
    assert everything == ids
    few, missing = called(model, CallRequest([mixed_pod5], tmp_path / "few.fastq", max_reads=4))
    taken = {r.read_id for r in mixed_reads[:4]}  # a read that cannot be called counts as taken
    assert few == [i for i in ids if i in taken]
    assert missing == 0
    text = (tmp_path / "all.fastq").read_text()
    assert text.startswith((tmp_path / "few.fastq").read_text())


def test_both_together(model, mixed_pod5, ids, tmp_path) -> None:
    (tmp_path / "ids").write_text("\n".join(ids[3:]))
    request = CallRequest([mixed_pod5], tmp_path / "o.fastq", read_ids=tmp_path / "ids", max_reads=2)
    assert called(model, request) == (ids[3:5], 0)


def test_nothing_of_what_was_asked_for_is_an_error(model, mixed_pod5, tmp_path) -> None:
    (tmp_path / "ids").write_text("x\ny\n")
    request = CallRequest([mixed_pod5], tmp_path / "o.fastq", read_ids=tmp_path / "ids")
    with pytest.raises(LexomeError, match="none of the 2 read ids"):
        call_files(request, plan_calls(request), model)
    assert not list(tmp_path.glob("o.fastq*"))


def test_no_more_reads_are_looked_at_than_wanted(raw_read: Callable) -> None:
    looked_at: list[int] = []

    def reads():
        for number in range(1, 9):
            looked_at.append(number)
            yield raw_read(number)

    assert len(list(Selection(max_reads=3).first(reads()))) == 3
    assert looked_at == [1, 2, 3]


@pytest.mark.parametrize("max_reads", [None, 1, 3, 4, 9])
@pytest.mark.parametrize("num_done", [0, 1, 3, 5])
def test_reads_done_count_as_taken(raw_read: Callable, max_reads: int | None, num_done: int) -> None:
    """Whatever was called before an interruption, both parts together are the reads wanted."""
    reads = [raw_read(number, 300) for number in range(1, 7)]
    reads.insert(1, reads[0])  # a second copy counts once
    whole = Selection(None, max_reads)
    wanted = [read.read_id for read in whole.first(reads[:1] + reads[2:])]
    done = set(wanted[:num_done])
    rest = Selection(None, max_reads)
    rest.leave_out(done.__contains__)
    asked = (read for read in reads if rest.wants(read.read_id))
    unique = {read.read_id: read for read in asked} if num_done == 0 else asked  # as `iter_reads` does
    again = [read.read_id for read in rest.first(unique.values() if isinstance(unique, dict) else unique)]
    assert again[: len(wanted) - len(done)] == wanted[len(done) :]
    if max_reads is not None:
        assert len(done) + len(again) <= max_reads


def test_a_shard_takes_its_part_only(raw_read: Callable) -> None:
    reads = [raw_read(number, 300) for number in range(1, 40)]
    parts = [Selection(shard=Shard(number, 3)) for number in (1, 2, 3)]
    taken = [[read.read_id for read in reads if part.wants(read.read_id)] for part in parts]
    assert sorted(sum(taken, [])) == sorted(read.read_id for read in reads)
    assert not parts[0].is_everything
    assert Selection(frozenset("ab"), 1, Shard(1, 4)).share(100) == 0.01
    assert Selection(None, None, Shard(1, 4)).share(100) == 0.25


def test_a_list_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")  # as some editors write it
    assert read_id_list(tmp_path / "ids") == {"a", "b"}


def test_a_list_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lexome.tasks.basecall.selection.MAX_LIST_BYTES", 2000)
    with pytest.raises(BadInputError, match="too large for a list of read ids"):
        read_id_list(Path("/dev/zero"))


@pytest.mark.parametrize("spelled", [str.upper, lambda read_id: read_id.replace("-", "")])
def test_the_spelling_of_a_uuid_does_not_matter(spelled: Callable[[str], str]) -> None:
    read_id = "00aabbcc-1234-5678-9abc-def012345678"
    selection = Selection(frozenset([spelled(read_id), "another"]))
    assert selection.wants(read_id)
    assert not selection.wants("00aabbcc-1234-5678-9abc-def012345679")
    assert selection.num_missing == 1


def test_reads_of_runs_unknown_to_the_header_are_reported(raw_read: Callable) -> None:
    reads = [raw_read(n, run_id=run) for n, run in enumerate(("one", "late", "one", "later"))]
    skipped: list[Skipped] = []
    known = list(of_known_runs(reads, [reads[0].info.run], skipped.append))
    assert known == [reads[0], reads[2]]
    assert [one.name for one in skipped] == [reads[1].read_id, reads[3].read_id]
    assert "its run late was in no file when lexome began" in skipped[0].reason
