"""Reading a tree in Newick form, with quoted names, comments, polytomies, missing names and branch lengths.

Legend: M nodes.

Source: the grammar of Olsen and Felsenstein (1990). Differs: an underscore stays one, as the names of an
alignment have them.
"""

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lexome.core.errors import BadInputError

MOST_BYTES = 1 << 28  # of a file; a tree of a million tips has some 50 MB
_TOKEN = re.compile(r"\s+|\[[^\]]*\]|'(?:[^']|'')*'|[(),:;]|[^\s()\[\],:;']+")
_SHOWN = 30


@dataclass(frozen=True)
class Tree:
    """A rooted tree; a node stands before its children.

    Attributes:
        parents: of every node the index of its parent; -1 for the root, which is node 0.
        names: as written; empty where there is none.
        lengths: of the branch above every node; None where none is written.
    """

    parents: tuple[int, ...]
    names: tuple[str, ...]
    lengths: tuple[float | None, ...]

    def __len__(self) -> int:
        return len(self.parents)

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """The children of every node, in the order of the file."""
        found: list[list[int]] = [[] for _ in self.parents]
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                found[parent].append(node)
        return tuple(tuple(one) for one in found)

    @cached_property
    def tips(self) -> tuple[int, ...]:
        """The nodes without children."""
        return tuple(node for node, below in enumerate(self.children) if not below)

    @property
    def polytomies(self) -> int:
        """Nodes with more than two children; three at the root are what an unrooted tree looks like."""
        return sum(len(below) > (3 if node == 0 else 2) for node, below in enumerate(self.children))


def read_newick(path: Path) -> Tree:
    """Reads the tree of a file.

    Raises:
        BadInputError: if the file cannot be read, or is not one tree in Newick form.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInputError(f"{path}: larger than {MOST_BYTES >> 20} MB, which no tree is")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not a text file ({error.reason})") from error
    return parse_newick(text, str(path))


def parse_newick(text: str, where: str = "the tree") -> Tree:
    """The tree of a text.

    Args:
        text: one tree, ended by ";".
        where: what to call the text in an error.

    Raises:
        BadInputError: if it is no tree, or more than one.
    """
    return _Reader(text, where).tree()


class _Reader:
    """Reads node by node, without recursion: trees may be deep."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where, self.at = text, where, 0
        self.parents: list[int] = []
        self.names: list[str] = []
        self.lengths: list[float | None] = []
        self.open: list[int] = []  # nodes whose children are being read
        self.node = self._new(-1)
        self.is_fresh = True  # whether children may follow
        self.is_named = False
        self.wants_length = False
        self.is_done = False

    def _new(self, parent: int) -> int:
        self.parents.append(parent)
        self.names.append("")
        self.lengths.append(None)
        return len(self.parents) - 1

    def tree(self) -> Tree:
        while self.at < len(self.text):
            found = _TOKEN.match(self.text, self.at)
            if found is None:
                raise self._wrong("a quote or a comment that does not end")
            token = found[0]
            if not token.isspace() and not token.startswith("["):
                self._take(token)
            self.at = found.end()
        if not self.is_done:
            empty = len(self.parents) == 1 and self.is_fresh
            raise BadInputError(f"{self.where}: {'holds no tree' if empty else 'cut off: no ; at its end'}")
        return Tree(tuple(self.parents), tuple(self.names), tuple(self.lengths))

    def _take(self, token: str) -> None:
        if self.is_done:
            raise self._wrong("something behind the tree; one tree is wanted")
        if self.wants_length and token in "(),:;":
            raise self._wrong("no branch length behind ':'")
        match token:
            case "(":
                if not self.is_fresh or self.lengths[self.node] is not None:
                    raise self._wrong("'(' behind a node")
                self.open.append(self.node)
                self._begin(self.node)
            case ",":
                self._end()
                if not self.open:
                    raise self._wrong("',' outside all brackets")
                self._begin(self.open[-1])
            case ")":
                self._end()
                if not self.open:
                    raise self._wrong("a ')' too many")
                self.node, self.is_fresh, self.is_named = self.open.pop(), False, False
            case ";":
                self._end()
                if self.open:
                    raise self._wrong(f"{len(self.open)} brackets are not closed")
                self.is_done = True
            case ":":
                if self.lengths[self.node] is not None:
                    raise self._wrong("a second branch length")
                self.wants_length = True
            case _:
                self._word(token)

    def _begin(self, parent: int) -> None:
        self.node, self.is_fresh, self.is_named = self._new(parent), True, False

    def _end(self) -> None:
        """A node is complete."""
        if self.is_fresh:
            raise self._wrong("a tip without a name")

    def _word(self, token: str) -> None:
        if self.wants_length:
            self.lengths[self.node], self.wants_length = self._length(token), False
            return
        if self.is_named or self.lengths[self.node] is not None:
            raise self._wrong("a second name; a name with blanks or brackets stands in quotes")
        is_quoted = token.startswith("'")
        self.names[self.node] = token[1:-1].replace("''", "'") if is_quoted else token
        self.is_named, self.is_fresh = True, False

    def _length(self, token: str) -> float:
        try:
            length = float(token)
        except ValueError:
            length = math.nan
        if not math.isfinite(length):
            raise self._wrong("a branch length that is no number")
        return length

    def _wrong(self, what: str) -> BadInputError:
        near = " ".join(self.text[self.at : self.at + _SHOWN].split())
        return BadInputError(f"{self.where}: {what}, at letter {self.at + 1}: '{near}'")
