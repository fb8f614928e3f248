"""Text of a page: heatmaps of the locate stage, completed with the words of the file or of text recognition.

The locate stage reads lead names, speeds and gains. Words are read in addition if the file contains them, or
if the locate stage leaves the speed, the gain or the lead names open.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.marks import find_labels, printed_value
from ecgdigit_rt.layout.paper_heatmap import CELL_U_MM, CELL_V_MM, PaperHeatmap
from ecgdigit_rt.results import FURTHER_LEADS, LEADS
from ecgdigit_rt.stages import GAINS, HEATMAPS, SPEEDS
from ecgdigit_rt.text.facts import PrintedFacts, facts_from_words
from ecgdigit_rt.words import Word

_EXACT, _RECOGNIZED = 0.98, 0.6
"""Activation of a lead name that the file contains, and of one that was recognized. Hand-picked, not tuned: a
clear name of the locate stage has an activation of 0.3 to 0.9."""
_CLEAR = 0.4  # activation above which a name of the locate stage is not replaced with a recognized one
_MIN_NAMES = 4
"""Number of names below which words are read. Hand-picked, not tuned: layouts have 6 to 15 names."""
_REACH_U_MM, _REACH_V_MM = 5.0, 3.0
"""Distance from a word within which it replaces the names of the locate stage. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class FurtherName:
    """Name of a right-sided or posterior chest lead, with its position on paper."""

    lead: str
    u_mm: float
    v_mm: float


@dataclass(frozen=True, slots=True)
class PageText:
    """Text of a page.

    heatmap: heatmaps of the locate stage with the lead names of the words.
    facts: facts that the words state.
    further_names: names of leads that the locate stage does not read.
    is_recognized: whether text recognition found words.
    is_exact: whether the words are those of the file.
    """

    heatmap: PaperHeatmap
    facts: PrintedFacts = field(default_factory=PrintedFacts)
    further_names: tuple[FurtherName, ...] = ()
    is_recognized: bool = False
    is_exact: bool = False


def is_text_open(heatmap: PaperHeatmap) -> bool:
    """Return whether the locate stage leaves the speed, the gain or nearly all lead names open.

    A speed is open if it is faint.
    """
    (_, activation), (gain, _) = printed_value(heatmap, SPEEDS), printed_value(heatmap, GAINS)
    return activation < _CLEAR or gain is None or len(find_labels(heatmap)) < _MIN_NAMES


def text_from_words(heatmap: PaperHeatmap, words: Sequence[Word], mesh: Mesh, *, is_exact: bool) -> PageText:
    """Return the text of a page with words, whose boxes are in the upright image.

    `is_exact` means that the file contains the words. Otherwise they were recognized.
    """
    facts = facts_from_words(words)
    is_recognized = bool(words) and not is_exact
    if not facts.leads:
        return PageText(heatmap, facts, (), is_recognized, is_exact)
    boxes = np.array([lead.box_px for lead in facts.leads])
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    u, v = mesh.mm_from_pixels(x, y)
    maps = heatmap.heatmaps.copy()
    names = np.array([HEATMAPS.index(lead) for lead in LEADS])
    further = []
    for lead, u_mm, v_mm in zip(facts.leads, u, v, strict=True):
        rows = np.flatnonzero(np.abs(heatmap.v_mm - v_mm) < _REACH_V_MM)
        columns = np.flatnonzero(np.abs(heatmap.u_mm - u_mm) < _REACH_U_MM)
        if not rows.size or not columns.size:
            continue
        near = maps[np.ix_(names, rows, columns)]
        if not is_exact and near.max() > _CLEAR and lead.name in LEADS:
            continue
        maps[np.ix_(names, rows, columns)] = 0
        if lead.name in LEADS:
            i = min(max(round((v_mm - heatmap.v_mm[0]) / CELL_V_MM), 0), heatmap.v_mm.size - 1)
            j = min(max(round((u_mm - heatmap.u_mm[0]) / CELL_U_MM), 0), heatmap.u_mm.size - 1)
            maps[HEATMAPS.index(lead.name), i, j] = _EXACT if is_exact else _RECOGNIZED
        elif lead.name in FURTHER_LEADS:
            further.append(FurtherName(lead.name, float(u_mm), float(v_mm)))
    completed = dataclasses.replace(heatmap, heatmaps=maps)
    return PageText(completed, facts, tuple(further), is_recognized, is_exact)
