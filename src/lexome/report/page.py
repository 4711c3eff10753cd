"""One self-contained HTML page from plain results: cards, figures, tables, text; nothing is loaded.

The page has no script and no link, states a policy that forbids loading anything, and follows the reader's
light or dark setting. It holds no date: the same results give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from lexome.report.files import write_text
from lexome.report.tables import Table

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # nothing may be loaded


@dataclass(frozen=True)
class Card:
    """One headline number: what it is, the number as text, and a line below it (its interval, say)."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Cards:
    """A row of headline numbers; the first is set off."""

    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Figure:
    """A chart (SVG from `charts`) with a title, a caption, and its numbers as a table to unfold."""

    title: str
    svg: str
    caption: str = ""
    data: Table | None = None


@dataclass(frozen=True)
class Figures:
    """Figures side by side where the window is wide enough."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Prose:
    """A paragraph of text."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Names and values, such as how a result was made; set in a fixed-width font if `mono`."""

    facts: Mapping[str, str]
    mono: bool = True


Block = Cards | Figures | Table | Prose | Facts


@dataclass(frozen=True)
class Section:
    """A part of a page: a title, a sentence that leads in, and its blocks; the title may be empty."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""


def write_page(path: Path, title: str, sections: Sequence[Section], *, subtitle: str = "") -> None:
    """Writes a report page.

    Args:
        path: the HTML file; written whole or not at all.
        title: heading and window title.
        sections: the parts, in order.
        subtitle: a line below the heading.

    Raises:
        LexomeError: if the file cannot be written.
    """
    write_text(path, page(title, sections, subtitle=subtitle))


def page(title: str, sections: Sequence[Section], *, subtitle: str = "") -> str:
    """The text of a report page; see `write_page`."""
    style = files("lexome.report").joinpath("page.css").read_text(encoding="utf-8")
    below = f"<p>{escape(subtitle)}</p>" if subtitle else ""
    body = "\n".join(_section(section) for section in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f'<header><div class="brand">lexome</div><h1>{escape(title)}</h1>{below}</header>\n'
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    heading = f"<h2>{escape(section.title)}</h2>" if section.title else ""
    lead = f'<p class="lead">{escape(section.lead)}</p>' if section.lead else ""
    return f"<section>{heading}{lead}{''.join(_block(block) for block in section.blocks)}</section>"


def _block(block: Block) -> str:
    match block:
        case Cards():
            cards = (
                _card(card, "card lead-card" if i == 0 else "card") for i, card in enumerate(block.cards)
            )
            return f'<div class="cards">{"".join(cards)}</div>'
        case Figures():
            return f'<div class="figures">{"".join(_figure(figure) for figure in block.figures)}</div>'
        case Table():
            return _table(block)
        case Prose():
            return f"<p>{escape(block.text)}</p>"
        case Facts():
            style = ' class="mono"' if block.mono else ""
            pairs = (f"<dt>{escape(k)}</dt><dd{style}>{escape(v)}</dd>" for k, v in block.facts.items())
            return f"<dl>{''.join(pairs)}</dl>"


def _card(card: Card, style: str) -> str:
    note = f'<div class="note">{escape(card.note)}</div>' if card.note else ""
    return (
        f'<div class="{style}"><div class="label">{escape(card.label)}</div>'
        f'<div class="value">{escape(card.value)}</div>{note}</div>'
    )


def _figure(figure: Figure) -> str:
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    data = f"<details><summary>Numbers</summary>{_table(figure.data)}</details>" if figure.data else ""
    return f"<figure><h3>{escape(figure.title)}</h3>{figure.svg}{caption}{data}</figure>"


def _table(table: Table) -> str:
    sides = ['<{0} class="r">{1}</{0}>' if side == "r" else "<{0}>{1}</{0}>" for side in table.alignment()]
    head = "".join(side.format("th", escape(cell)) for side, cell in zip(sides, table.columns, strict=True))
    rows = "".join(
        f"<tr>{''.join(side.format('td', escape(cell)) for side, cell in zip(sides, row, strict=True))}</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table>{caption}{body}</table></div>'
