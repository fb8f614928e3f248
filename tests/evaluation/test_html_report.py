"""Tests of the tables and plots of the HTML report, and of the extra that they require."""

from __future__ import annotations

import math
import sys
from xml.etree import ElementTree as ET

import pytest

from ecgdigit_rt.errors import DependencyMissing
from ecgdigit_rt.evaluation.reports.distributions import box_plot_svg, histogram_svg
from ecgdigit_rt.evaluation.reports.html_report import (
    Column,
    Table,
    html_from_evaluation,
    template_environment,
)
from ecgdigit_rt.evaluation.scores import Evaluation

TITLE = "{http://www.w3.org/2000/svg}title"
HOSTILE = "$a^{ <b> & \x01 \ufffe \ud800 " + "long " * 20


def titles(svg: str) -> list[str | None]:
    return [element.text for element in ET.fromstring(svg).iter(TITLE)]


def test_cells_are_escaped_and_have_sort_keys() -> None:
    columns = [Column("x<y", 'a "b"'), Column("share", factor=100, decimals=1)]
    rows = [("<script>", 0.5), ("b", -0.25), ('"', math.nan), ("", math.inf), ("", 3)]
    cells = [[columns[0].cell(text), columns[1].cell(value)] for text, value in rows]
    template = template_environment().get_template("table.html.jinja")
    got = str(template.module.table(Table(columns, cells)))  # type: ignore[attr-defined]
    assert '<th scope="col" class="text" title="a &#34;b&#34;">x&lt;y</th>' in got
    assert (
        '<td class="text" data-value="&lt;script&gt;">&lt;script&gt;</td><td data-value="0.5">50.0</td>'
        in got
    )
    assert '<td data-value="-0.25">−25.0</td>' in got
    assert '<td class="text" data-value="&#34;">&#34;</td><td>–</td>' in got
    assert '<td data-value="Infinity">∞</td>' in got
    assert '<td data-value="3">3</td>' in got


def test_bars_have_tooltips() -> None:
    svg = histogram_svg([10.5, 11.9, 12.1, 17, math.inf], "images")
    assert titles(svg) == [
        "10 to 12 dB: 2 images",
        "12 to 14 dB: 1 images",
        "14 to 16 dB: 0 images",
        "16 to 18 dB: 1 images",
    ]
    assert 'aria-label="histogram of dB over 4 images"' in svg
    assert "var(--accent, #0064be)" in svg
    assert histogram_svg([math.inf], "images") == ""


def test_boxes_and_values_have_tooltips() -> None:
    svg = box_plot_svg({"I": [("a", 10), ("b", 20), ("c", math.nan)], "II": [("a", 5.25)]}, "lead")
    assert sorted(map(str, titles(svg))) == [
        "a: 10.0 dB",
        "a: 5.2 dB",
        "b: 20.0 dB",
        "median 15.0, quartiles 12.5 and 17.5 dB, 2 values",
        "median 5.2, quartiles 5.2 and 5.2 dB, 1 values",
    ]
    assert box_plot_svg({"I": [("a", math.nan)]}, "lead") == ""


def test_labels_are_untrusted_input() -> None:
    svg = box_plot_svg({HOSTILE: [(HOSTILE, 1.0), ("心電図", 2.0)]}, "kind")
    assert "$a^{ &lt;b&gt; &amp; \\x01 \ufffd \\ud800 long" in svg
    assert svg.encode()


def test_equal_values_give_equal_plots() -> None:
    assert histogram_svg([1, 2, 3], "images") == histogram_svg([1, 2, 3], "images")


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_missing_extra_is_reported(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DependencyMissing, match=rf"needs {package}") as caught:
        if package == "jinja2":
            html_from_evaluation(Evaluation((), ()), "empty")
        histogram_svg([1.0], "images")
    assert "ecgdigit-rt[report]" in caught.value.hint
