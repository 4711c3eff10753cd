"""Tables as text: aligned and free of control codes in a pipe, drawn in a terminal."""

import io

import pytest

from lexome.report.tables import Table, plain_text, print_table

TABLE = Table(("figure", "value"), (("reads", "48"), ("identity_median", "0.9015")))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_text_is_aligned() -> None:
    assert plain_text(TABLE) == (
        "figure            value\n"
        "reads                48\n"
        "identity_median  0.9015\n"
    )  # fmt: skip


def test_caption_and_alignment() -> None:
    table = Table(("a", "b"), (("1", "x"), ("22", "yy")), caption="two rows", align="rl")
    assert plain_text(table) == "two rows\n a  b\n 1  x\n22  yy\n"


def test_a_pipe_gets_plain_text() -> None:
    stream = io.StringIO()
    print_table(TABLE, stream)
    assert stream.getvalue() == plain_text(TABLE)


def test_standard_output_is_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(TABLE)
    assert capsys.readouterr().out == plain_text(TABLE)


def test_a_terminal_gets_a_drawn_table_and_brackets_stay() -> None:
    stream = Terminal()
    print_table(Table(("name", "value"), (("[bold]x[/bold]", "1"),), caption="what"), stream)
    assert stream.getvalue() != plain_text(TABLE)
    assert "[bold]x[/bold]" in stream.getvalue()
    assert "what" in stream.getvalue()


@pytest.mark.parametrize("align", ["l", "lrr"])
def test_an_alignment_that_does_not_fit_is_refused(align: str) -> None:
    with pytest.raises(ValueError, match="does not fit 2 columns"):
        Table(("a", "b"), (), align=align)


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 1 cells"):
        Table(("a", "b"), (("1",),))
