"""Language of docs, docstrings, comments and messages, and sources of tuned numbers."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import prose
import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("ecgdigit_rt", "engine/ecgdigit_engine", "kernels/ecgdigit_kernels", "export/ecgdigit_export")
MODULES = sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))


def test_no_house_words() -> None:
    command = [sys.executable, str(ROOT / "docs" / "tools" / "prose.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == ""


def test_house_words_are_detected(tmp_path: Path) -> None:
    text = '"""What is told."""\n\nX = "the file is no image"  # begun anew\n'
    lines = [line for _, line in prose.prose_of_python(text)]
    hits = [pattern.pattern for line in lines for pattern, _ in prose.house_words() if pattern.search(line)]
    assert len(hits) == 4
    assert len(list(prose.question_docstrings(tmp_path, text))) == 1


def is_number(node: ast.expr | None) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return bool(elements) and all(map(is_number, elements))
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
    return False


def unexplained_numbers(source: str) -> Iterator[str]:
    """Yield the names of module-level numbers without a comment or docstring.

    Assignments without a blank line between them form a group. A comment above or in the group, or a string
    below the group, explains all numbers of the group.
    """
    lines = source.splitlines()
    group: list[tuple[str, bool]] = []
    is_explained, last_line = False, -1

    def names() -> list[str]:
        return [] if is_explained else [name for name, is_tuned in group if is_tuned]

    for node in ast.parse(source).body:
        first, last = node.lineno, node.end_lineno or node.lineno
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            continue
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
            continue
        between = lines[last_line : first - 1] if last_line > 0 else []
        if last_line < 0 or any(not line.strip() for line in between) or first - last_line > 1 + len(between):
            yield from names()
            group, is_explained = [], first > 1 and lines[first - 2].lstrip().startswith("#")
        is_explained |= any("#" in line for line in [*between, *lines[first - 1 : last]])
        if isinstance(node, ast.Expr):
            is_explained |= bool(group)
        else:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            group.append((ast.unparse(target), is_number(node.value)))
        last_line = last
    yield from names()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_numbers_are_explained(path: Path) -> None:
    assert list(unexplained_numbers(path.read_text(encoding="utf-8"))) == []


def test_unexplained_numbers_are_detected() -> None:
    source = '"""Module."""\n\n_A = 1\n_B = 2.5\n\n_C = 3  # measured\n_D = (1, 2)\n\n_E = 4\n"""Chosen."""\n'
    assert list(unexplained_numbers(source)) == ["_A", "_B"]
