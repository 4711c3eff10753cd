"""What an interruption leaves, and what the next run makes of it: nothing lost, twice or mixed."""

import contextlib
import dataclasses
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from lexome.core.errors import LexomeError, UsageError
from lexome.tasks.basecall.journal import InputFile, Settings, read_journal, write_journal
from lexome.tasks.basecall.resume import Earlier, resumable

SETTINGS = Settings(
    "0.1.0", "fast", "d1", "onnx on cpu", 10000, 500, True, False, None, None, None, None, None, None,
    (InputFile("a.pod5", 20),),
)  # fmt: skip


def entry(number: int) -> str:
    return f"@{UUID(int=number)}\tRG:Z:x\n{'ACGT' * number}\n+\n{'!' * 4 * number}\n"


def text(*numbers: int) -> str:
    return "".join(map(entry, numbers))


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours may run after it."""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "calls.fastq"


@pytest.fixture
def partial(output: Path) -> Path:
    return output.with_name("calls.fastq.partial")


@pytest.fixture
def resumed(output: Path) -> Path:
    return output.with_name("calls.fastq.resumed")


@pytest.fixture
def journal(output: Path) -> Path:
    return output.with_name("calls.fastq.partial.json")


def names(folder: Path) -> set[str]:
    return {path.name.removeprefix("calls.fastq") for path in folder.iterdir()}


def run(
    output: Path, resume: bool, upto: int = 6, settings: Settings = SETTINGS, fail: int | None = None
) -> list[int]:
    """Writes the entries 1 to `upto`, those finished earlier copied; gives the numbers called anew.

    It fails before it calls the entry `fail`.
    """
    called = []
    with resumable(output, settings, resume) as earlier:
        partial = output.with_name(output.name + ".partial")
        with partial.open("w") as file:
            for _, records in earlier.reads():
                file.writelines(str(record) for record in records)
            for number in range(1, upto + 1):
                if earlier.is_done(str(UUID(int=number))):
                    continue
                if number == fail:
                    raise RuntimeError("stopped")
                file.write(entry(number))
                called.append(number)
        partial.replace(output)
    return called


def stopped(output: Path, before: int, **options) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        run(output, fail=before, **({"resume": False} | options))


class TestRuns:
    def test_a_run_leaves_its_output_only(self, output, tmp_path) -> None:
        assert run(output, resume=False) == [1, 2, 3, 4, 5, 6]
        assert names(tmp_path) == {""}

    def test_interrupted_and_resumed(self, output, partial, tmp_path) -> None:
        stopped(output, before=5)
        assert names(tmp_path) == {".partial", ".partial.json"}
        assert run(output, resume=True) == [4, 5, 6], "the last one found is called again"
        assert output.read_text() == text(1, 2, 3, 4, 5, 6)
        assert names(tmp_path) == {""}

    def test_interrupted_again_and_again(self, output, tmp_path) -> None:
        stopped(output, before=3)
        for before in (3, 4, 4, 6):
            stopped(output, before=before, resume=True)
            assert names(tmp_path) == {".partial", ".partial.json", ".resumed"}
        assert run(output, resume=True) == [5, 6]
        assert output.read_text() == text(1, 2, 3, 4, 5, 6)
        assert names(tmp_path) == {""}

    def test_without_resume_it_begins_anew(self, output, partial, resumed, tmp_path) -> None:
        stopped(output, before=5)
        resumed.write_text(text(1, 2, 3))
        stopped(output, before=2, settings=dataclasses.replace(SETTINGS, model="other"))
        assert partial.read_text() == text(1)
        assert names(tmp_path) == {".partial", ".partial.json"}
        assert run(output, resume=False) == [1, 2, 3, 4, 5, 6]
        assert names(tmp_path) == {""}

    def test_nothing_to_resume_is_a_beginning(self, output) -> None:
        assert run(output, resume=True) == [1, 2, 3, 4, 5, 6]

    def test_stopped_before_the_first_read(self, output, partial, tmp_path) -> None:
        with pytest.raises(RuntimeError), resumable(output, SETTINGS, resume=False):
            raise RuntimeError
        assert names(tmp_path) == set()

    def test_stopped_before_anything_was_copied(self, output, partial, tmp_path) -> None:
        stopped(output, before=5)
        before = partial.read_text()
        with pytest.raises(RuntimeError), resumable(output, SETTINGS, resume=True):
            raise RuntimeError
        assert partial.read_text() == before
        assert names(tmp_path) == {".partial", ".partial.json"}

    def test_more_input_behind_the_rest(self, output, journal) -> None:
        stopped(output, before=5)
        more = dataclasses.replace(SETTINGS, files=(*SETTINGS.files, InputFile("b.pod5", 1)))
        stopped(output, before=6, settings=more, resume=True)
        with pytest.raises(UsageError, match=r"b\.pod5 there, not here"):
            run(output, resume=True)
        assert run(output, True, 8, more) == [5, 6, 7, 8]

    def test_stdout(self) -> None:
        with resumable(None, SETTINGS, resume=False) as earlier:
            assert not earlier.found
            assert list(earlier.reads()) == []
            assert not earlier.is_done(str(UUID(int=1)))
        with (
            pytest.raises(UsageError, match="--resume needs an output file"),
            resumable(None, SETTINGS, resume=True),
        ):
            pass


class TestRefusals:
    """What may not be continued stays as it is."""

    @pytest.fixture
    def unchanged(self, tmp_path: Path) -> Iterator[None]:
        before: dict[Path, bytes] = {}

        def state() -> dict[Path, bytes]:
            return {path: path.read_bytes() for path in tmp_path.iterdir()}

        with contextlib.ExitStack() as checking:
            checking.callback(lambda: before and state() == before or pytest.fail("files were changed"))
            yield lambda: before.update(state())

    def test_other_settings(self, output, unchanged) -> None:
        stopped(output, before=5)
        unchanged()
        other = dataclasses.replace(SETTINGS, model="hac", chunk_size=4000)
        with pytest.raises(UsageError) as error:
            run(output, resume=True, settings=other)
        message = str(error.value)
        assert "model fast there, hac here; chunk size 10000 there, 4000 here" in message
        assert "leave out --resume" in message
        assert "\n" not in message

    @pytest.mark.parametrize("content", [None, b"", b"{", b"\0\0\0"])
    def test_unknown_settings(self, output, partial, journal, content) -> None:
        partial.write_text(text(1, 2, 3))
        if content is not None:
            journal.write_bytes(content)
        with pytest.raises(
            UsageError,
            match=r"calls\.fastq\.partial: cannot be resumed: .*partial\.json, is missing or damaged",
        ):
            run(output, resume=True)
        assert partial.read_text() == text(1, 2, 3)

    def test_a_complete_output(self, output, unchanged) -> None:
        run(output, resume=False)
        unchanged()
        with pytest.raises(UsageError, match=r"calls\.fastq: is complete, there is nothing to resume"):
            run(output, resume=True)

    @pytest.mark.parametrize("resume", [True, False])
    def test_an_output_that_is_being_written(self, output, partial, journal, tmp_path, resume) -> None:
        with resumable(output, SETTINGS, resume=False):
            partial.write_text(text(1, 2))
            with pytest.raises(UsageError, match=r"calls\.fastq: another lexome is writing it"):
                run(output, resume=resume)
            assert names(tmp_path) == {".partial", ".partial.json"}
            assert partial.read_text() == text(1, 2)

    def test_another_process_is_noticed_until_it_is_killed(self, output, partial) -> None:
        code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from lexome.tasks.basecall.journal import *
from lexome.tasks.basecall.resume import resumable
settings = {SETTINGS!r}
with resumable(Path({str(output)!r}), settings, resume=False):
    Path({str(partial)!r}).write_text({text(1, 2, 3)!r})
    print("ready", flush=True)
    time.sleep(600)
"""
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            with pytest.raises(UsageError, match="another lexome"):
                run(output, resume=True)
            process.kill()
        assert run(output, resume=True) == [3, 4, 5, 6]
        assert output.read_text() == text(1, 2, 3, 4, 5, 6)

    def test_a_file_system_without_locks_works(self, output, monkeypatch) -> None:
        def no_locks(*_: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(fcntl, "flock", no_locks)
        stopped(output, before=4)
        assert run(output, resume=True) == [3, 4, 5, 6]

    def test_a_folder_that_cannot_be_written(self, output, monkeypatch) -> None:
        def refused(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refused)
        with pytest.raises(LexomeError, match=r"calls\.fastq\.partial\.json: cannot be written \(Permission"):
            run(output, resume=False)


class TestKilled:
    """The process ends between two steps: whatever is left, the next run makes the same output of it."""

    @pytest.mark.parametrize(
        ("in_partial", "in_resumed", "called"),
        [
            (None, [1, 2, 3, 4], [4, 5, 6]),  # after the renaming
            ([], [1, 2, 3, 4], [4, 5, 6]),  # while copying
            ([1, 2], [1, 2, 3, 4], [4, 5, 6]),
            ([1, 2, 3], [1, 2, 3, 4], [4, 5, 6]),
            ([1, 2, 3, 4], [1, 2, 3, 4], [4, 5, 6]),
            ([1, 2, 3, 4, 5], [1, 2, 3, 4], [5, 6]),  # after the copying
            ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4], [6]),
            ([1], None, [1, 2, 3, 4, 5, 6]),
            ([], None, [1, 2, 3, 4, 5, 6]),
        ],
    )
    def test_the_fuller_file_is_used(
        self, output, partial, resumed, journal, tmp_path, in_partial, in_resumed, called
    ) -> None:
        write_journal(journal, SETTINGS)
        for path, numbers in ((partial, in_partial), (resumed, in_resumed)):
            if numbers is not None:
                path.write_text(text(*numbers))
        assert run(output, resume=True) == called
        assert output.read_text() == text(1, 2, 3, 4, 5, 6)
        assert names(tmp_path) == {""}

    @pytest.mark.parametrize("step", range(20))
    def test_at_any_step_of_ours(self, output, partial, tmp_path, monkeypatch, step) -> None:
        """Every change of the folder by this module is where the process may end; then it is resumed."""
        stopped(output, before=4)
        steps = 0

        def maybe_killed() -> None:
            nonlocal steps
            steps += 1
            if steps > step:
                raise Killed

        def watch(kind: type, name: str) -> None:
            original = getattr(kind, name)

            def watched(*arguments, **options):
                maybe_killed()
                return original(*arguments, **options)

            monkeypatch.setattr(kind, name, watched)

        for name in ("unlink", "replace", "open"):
            watch(Path, name)
        watch(os, "fsync")
        finished = False
        with contextlib.suppress(Killed):
            run(output, resume=True)
            finished = True
        monkeypatch.undo()
        if not finished and output.exists():
            assert output.read_text() == text(1, 2, 3, 4, 5, 6), "it was renamed: then it is complete"
        if not finished:
            assert {".partial", ".resumed"} & names(tmp_path) or output.exists()
            with contextlib.suppress(UsageError):  # complete but for the cleaning up
                run(output, resume=True)
        assert output.read_text() == text(1, 2, 3, 4, 5, 6)
        assert names(tmp_path) == {""} or finished

    def test_a_finished_output_with_rests_beside_it(self, output, resumed, journal, tmp_path) -> None:
        """Killed between the renaming and the cleaning up."""
        output.write_text(text(1, 2, 3, 4, 5, 6))
        write_journal(journal, SETTINGS)
        resumed.write_text(text(1, 2, 3))
        assert run(output, resume=True) == [3, 4, 5, 6]
        assert output.read_text() == text(1, 2, 3, 4, 5, 6)
        assert names(tmp_path) == {""}


def test_ids_are_compared_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "calls.fasta.resumed"
    path.write_text(">odd_name\nAC\n>0F0E0D0C-0B0A-4908-8706-050403020100\nAC\n>last\nAC\n")
    earlier = Earlier(path)
    assert not earlier.is_done("odd\tname")
    assert [read_id for read_id, _ in earlier.reads()] == ["odd_name", "0F0E0D0C-0B0A-4908-8706-050403020100"]
    assert earlier.is_done("odd\tname")
    assert earlier.is_done("0f0e0d0c-0b0a-4908-8706-050403020100")
    assert not earlier.is_done("last")
    assert len(earlier.done) == 2


def test_what_stands_in_place_of_the_partial_file_is_left_to_the_writer(tmp_path: Path) -> None:
    """A folder or a device there gives its error when it is opened, and no journal stays behind."""
    (tmp_path / "calls.fastq.partial").mkdir()
    with pytest.raises(IsADirectoryError):
        run(tmp_path / "calls.fastq", resume=False)
    assert names(tmp_path) == {".partial"}


def test_the_journal_holds_the_settings(output: Path, journal: Path) -> None:
    with resumable(output, SETTINGS, resume=False):
        content = read_journal(journal)
        assert content is not None
        assert content["model"] == "fast"
