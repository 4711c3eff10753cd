"""Tests of `lexome.io.newick`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexome.core.errors import BadInputError
from lexome.io.newick import Tree, parse_newick, read_newick

NAMES = st.text(st.sampled_from("ab_ '(),:;[]|/"), min_size=1, max_size=6).filter(lambda s: bool(s.strip()))


def test_names_lengths_comments_and_polytomies() -> None:
    tree = parse_newick("((a:0.1,'b c''s [x]':2e-3[note]) 0.98 :1,c,d,\n'e')root;")
    assert tree.parents == (-1, 0, 1, 1, 0, 0, 0)
    assert tree.names == ("root", "0.98", "a", "b c's [x]", "c", "d", "e")
    assert tree.lengths == (None, 1.0, 0.1, 0.002, None, None, None)
    assert tree.tips == (2, 3, 4, 5, 6)
    assert tree.polytomies == 1
    assert parse_newick("(a,b,c);").polytomies == 0
    assert parse_newick("a;").tips == (0,)


def written(tree: Tree, node: int = 0) -> str:
    """A tree as text, all names quoted."""
    inner = ",".join(written(tree, child) for child in tree.children[node])
    name = "'" + tree.names[node].replace("'", "''") + "'"
    length = tree.lengths[node]
    return f"{f'({inner})' if inner else ''}{name}{'' if length is None else f':{length!r}'}"


@given(st.lists(st.tuples(st.integers(0, 10**6), NAMES, st.none() | st.floats(-1, 1)), max_size=12), NAMES)
def test_what_is_written_is_read(nodes: list[tuple[int, str, float | None]], root: str) -> None:
    order: list[tuple[int, str, float | None]] = [(-1, root, None)]
    below: dict[int, list[tuple[str, float | None]]] = {}
    parents = [-1]
    for number, (drawn, name, length) in enumerate(nodes, 1):  # a random tree, any numbering
        parents.append(drawn % number)
        below.setdefault(drawn % number, []).append((name, length))
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(parents[1:], 1):
        children.setdefault(parent, []).append(node)
    order, new = [], {}

    def visit(node: int, parent: int) -> None:
        new[node] = len(order)
        name, length = (root, None) if node == 0 else nodes[node - 1][1:]
        order.append((parent, name, length))
        for child in children.get(node, []):
            visit(child, new[node])

    visit(0, -1)
    tree = Tree(*(tuple(column) for column in zip(*order, strict=True)))
    assert parse_newick(written(tree) + ";") == tree


def test_a_deep_tree_is_read() -> None:
    assert len(parse_newick("(" * 5000 + "a" + ")" * 5000 + ";")) == 5001


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no tree"),
        ("  \n", "holds no tree"),
        ("(a,b)", "cut off"),
        ("(a,b;", "1 brackets are not closed"),
        ("(a,b));", r"a '\)' too many"),
        ("(a,);", "a tip without a name"),
        ("();", "a tip without a name"),
        ("a,b;", "outside all brackets"),
        ("(a:x,b);", "no number"),
        ("(a:nan,b);", "no number"),
        ("(a:,b);", "no branch length"),
        ("(a:1:2,b);", "second branch length"),
        ("(a b,c);", "second name"),
        ("(a,b)(c,d);", r"'\(' behind a node"),
        ("(:1(a,b),c);", r"'\(' behind a node"),
        ("(:1,b);", "a tip without a name"),
        ("('a,b);", "does not end"),
        ("(a,b);(c,d);", "one tree"),
        ("(a,b);]", "does not end"),
    ],
)
def test_what_is_no_tree_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        parse_newick(text)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "tree.nwk"
    with pytest.raises(BadInputError, match="cannot be read"):
        read_newick(path)
    path.write_bytes(b"\xff\xfe(")
    with pytest.raises(BadInputError, match="not a text file"):
        read_newick(path)
    path.write_text("(a:1,b:2)c;")
    assert read_newick(path).names == ("c", "a", "b")


def test_a_real_tree(shared: Path) -> None:
    folder = shared / "data" / "dna" / "phylogeny" / "neherlab_treetime_examples" / "data" / "h3n2_na"
    tree = read_newick(folder / "h3n2_na_500.nwk")
    lines = (folder / "h3n2_na_500.fasta").read_text().splitlines()
    headers = [line[1:].strip() for line in lines if line.startswith(">")]
    assert sorted(tree.names[tip] for tip in tree.tips) == sorted(headers)
