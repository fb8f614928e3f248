"""Tables of an HTML page that sort themselves where a heading is clicked, by a few lines of script within."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

SORT_SCRIPT = """
for (const head of document.querySelectorAll("table.sorted th")) head.addEventListener("click", () => {
  const body = head.closest("table").tBodies[0], column = head.cellIndex;
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => row.cells[column].dataset.value ?? "";
  const rows = [...body.rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === "" || y === "") return (x === "") - (y === "");
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return up ? order : -order;
  });
  body.append(...rows);
});
"""
"""What is not known stays below, whichever way the rest is sorted."""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, what it means, and how its numbers are written: digits after the point, a factor before."""

    name: str
    meaning: str = ""
    digits: int = 2
    factor: float = 1


Cell = str | float | int


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> str:
    """Rows of as many cells as there are columns. A number that is not finite is a dash."""
    heads = "".join(
        f'<th scope="col" title="{html.escape(one.meaning)}">{html.escape(one.name)}</th>' for one in columns
    )
    lines = "".join(
        f"<tr>{''.join(_cell(cell, column) for cell, column in zip(row, columns, strict=True))}</tr>\n"
        for row in rows
    )
    return f'<table class="sorted"><thead><tr>{heads}</tr></thead><tbody>\n{lines}</tbody></table>\n'


def _cell(cell: Cell, column: Column) -> str:
    if isinstance(cell, str):
        text = html.escape(cell)
        return f'<td class="text" data-value="{text}">{text}</td>'
    if isinstance(cell, int):
        return f'<td data-value="{cell}">{cell}</td>'
    if math.isnan(cell):
        return "<td>–</td>"
    shown = (
        f"{cell * column.factor:.{column.digits}f}" if math.isfinite(cell) else f"{cell}".replace("inf", "∞")
    )
    value = f"{cell:.6g}".replace("inf", "Infinity")
    return f'<td data-value="{value}">{shown.replace("-", "−")}</td>'
