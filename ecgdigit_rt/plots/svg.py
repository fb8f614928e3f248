"""SVG plots for reports, drawn by matplotlib (extra `report`).

matplotlib is imported only when a plot is drawn. The plots contain no script, no external font and no
external image.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.sanitize import escape_control_chars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {
    "ink": "#1b1f24",
    "quiet": "#6a7280",
    "grid": "#e3e6ea",
    "accent": "#0064be",
    "soft": "#b9d6f2",
}
"""Colours of a plot by name. In an HTML report, they are replaced with the CSS variables of the same
names."""

Titles = Mapping[str, Sequence[str]]
"""Tooltips by the `gid` of a matplotlib artist, with one text for each mark of the artist."""

_PX_PER_INCH = 96  # defined by CSS
_STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": COLOURS["grid"],
    "axes.grid": True,
    "axes.labelcolor": COLOURS["quiet"],
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "font.size": 9,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.75,
    "svg.fonttype": "none",  # text is not converted to paths
    "svg.hashsalt": "ecgdigit-rt",  # equal plots give equal files
    "text.color": COLOURS["ink"],
    "text.parse_math": False,  # labels are untrusted input
    "xtick.color": COLOURS["grid"],
    "xtick.labelcolor": COLOURS["quiet"],
    "ytick.color": COLOURS["grid"],
    "ytick.labelcolor": COLOURS["quiet"],
    "ytick.major.size": 0,
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_SVG = "http://www.w3.org/2000/svg"
_NOT_XML = re.compile("[\ufffe\uffff]")


def check_matplotlib() -> None:
    """Raise DependencyMissing if matplotlib is not installed."""
    with missing_dependency_as_error("an SVG plot", "matplotlib", "report"):
        import matplotlib as mpl  # noqa: F401


def svg_from_drawing(
    draw: Callable[[Figure], Titles], size_px: tuple[float, float], label: str, *, is_file: bool = False
) -> str:
    """Return the `<svg>` element of a plot.

    `draw` draws into the figure and returns the tooltips. `size_px` is (width, height). `label` describes the
    plot to screen readers. By default the element is for an HTML page: it is transparent and uses the CSS
    variables of `COLOURS`. With `is_file` it is a separate document with a white background and fixed
    colours. Raises DependencyMissing if matplotlib is not installed.
    """
    check_matplotlib()
    from matplotlib import style
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about characters that matplotlib's font lacks
        figure = Figure(figsize=(size_px[0] / _PX_PER_INCH, size_px[1] / _PX_PER_INCH), layout="constrained")
        titles = draw(figure)
        figure.savefig(buffer, format="svg", transparent=not is_file, metadata=_NO_METADATA)
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 matplotlib's own output
    _add_titles(root, titles)
    _drop_unused_ids(root)
    root.set("role", "img")
    root.set("aria-label", xml_text(label))
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")  # the prefix that HTML requires
    svg = ET.tostring(root, encoding="unicode")
    return svg if is_file else _with_css_variables(svg)


def xml_text(text: str) -> str:
    """Return the text, in which all characters that XML does not allow are escaped or replaced."""
    return _NOT_XML.sub("\ufffd", escape_control_chars(text))


def _add_titles(root: ET.Element, titles: Titles) -> None:
    groups = {element.get("id"): element for element in root.iter(f"{{{_SVG}}}g")}
    for gid, texts in titles.items():
        group = groups[gid]
        definitions = {element for defs in group.iter(f"{{{_SVG}}}defs") for element in defs.iter()}
        drawn = (element for element in group.iter() if element not in definitions)
        marks = [element for element in drawn if element.tag in (f"{{{_SVG}}}use", f"{{{_SVG}}}path")]
        for mark, title in zip(marks, texts, strict=True):
            ET.SubElement(mark, f"{{{_SVG}}}title").text = xml_text(title)


def _drop_unused_ids(root: ET.Element) -> None:
    """Remove ids without references.

    matplotlib numbers ids per plot, so that the ids of two plots on one HTML page would collide.
    """
    references = {
        name
        for element in root.iter()
        for value in element.attrib.values()
        for name in re.findall(r"#([\w-]+)", value)
    }
    for element in root.iter():
        if element.get("id", "") not in references:
            element.attrib.pop("id", None)


def _with_css_variables(svg: str) -> str:
    for name, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{name}, {colour})")
    return svg
