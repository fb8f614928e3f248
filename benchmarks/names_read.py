"""Lead names that the locate stage reads, and false names, per page.

    python benchmarks/names_read.py PAGES RESULT.json [--models lite] [--precision fp32] [--threads 1]

PAGES is a folder written by `ecgdigit-rt synth` (NAME.jpg with its truth NAME.npz). It may also contain
other images, NAME.jpg with NAME.json: a list of objects with `name`, `x` and `y`, the centre of each printed
name in pixels of the image.

A name is read if, after the close-ups, the activation of its channel within 3 mm of its mark is above 0.3
and higher than those of the other leads. A clear name at another position, or with another lead, is false.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_export.synth.truth import load_truth
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.geometry.grid_stage import grid_phase, mesh_from_grid
from ecgdigit_rt.geometry.locate_stage import locate
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.marks import find_labels
from ecgdigit_rt.layout.paper_heatmap import PaperHeatmap, paper_heatmap
from ecgdigit_rt.layout.text_closeup import refine_text_heatmaps
from ecgdigit_rt.models import load_models
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.tracing.assemble import rotate_points

# Distance in mm within which an activation belongs to a mark, and minimum activation of a name: that of clear
# labels in the layout step. Hand-picked, not tuned.
_REACH_MM, _MIN_ACTIVATION = 3.0, 0.3
_SAME_PRINT_MM = 5.0
"""Distance in mm from the mark of a name within which a label with this name is not false. Hand-picked."""


@dataclass(frozen=True, slots=True)
class PrintedNames:
    """Printed names of a page, and the positions of their centres in the image, (n, 2) in pixels."""

    kind: str
    leads: tuple[str, ...]
    centres_px: NDArray[np.float64]
    image_size: tuple[int, int]
    quarter_turns: int


@dataclass(frozen=True, slots=True)
class NamesRead:
    """Counts of one page. `failed` is the reason if there is no mesh, and all names are then missed."""

    page: str
    kind: str
    printed: int
    read: int
    false: int
    missed: tuple[str, ...]
    failed: str | None = None


def printed_names(path: Path, image_size: tuple[int, int]) -> PrintedNames:
    """Return the printed names of an image with its truth, NAME.npz or NAME.json."""
    if path.with_suffix(".npz").is_file():
        truth = load_truth(path.with_suffix(".npz"))
        marks = [mark for mark in truth.marks if mark.name in LEADS]
        u, v = (np.array([getattr(mark, key) for mark in marks]) for key in ("u_mm", "v_mm"))
        centres = np.stack(truth.pixels_from_mm(u, v), -1) if marks else np.zeros((0, 2))
        names = tuple(mark.name for mark in marks)
        return PrintedNames(truth.kind, names, centres, truth.image_size, truth.quarter_turns)
    names_at = json.loads(path.with_suffix(".json").read_text())
    centres = np.array([(name["x"], name["y"]) for name in names_at], float).reshape(-1, 2)
    return PrintedNames("real", tuple(name["name"] for name in names_at), centres, image_size, 0)


def marks_on_mesh(names: PrintedNames, mesh: Mesh) -> NDArray[np.float64]:
    """Return the centres of the printed names in mm of a mesh of the upright image, (n, 2)."""
    upright = rotate_points(names.centres_px.astype(np.float32), names.image_size, -names.quarter_turns)
    return np.stack(mesh.mm_from_pixels(*upright.astype(np.float64).T), -1)


def is_read(heatmap: PaperHeatmap, lead: str, centre_mm: NDArray[np.float64]) -> bool:
    """Return whether the name of a lead is read at a position in mm."""
    near = np.hypot(heatmap.u_mm - centre_mm[0], (heatmap.v_mm - centre_mm[1])[:, None]) <= _REACH_MM
    if not near.any():
        return False
    peaks = {name: float(heatmap.channel(name)[near].max()) for name in LEADS}
    return peaks[lead] > _MIN_ACTIVATION and max(peaks, key=lambda name: peaks[name]) == lead


def false_names(heatmap: PaperHeatmap, leads: tuple[str, ...], centres_mm: NDArray[np.float64]) -> int:
    """Return the number of labels with clear names that are not printed at their positions."""
    count = 0
    for label in find_labels(heatmap):
        distances = np.hypot(centres_mm[:, 0] - label.u_mm, centres_mm[:, 1] - label.v_mm)
        near = {leads[k] for k in np.flatnonzero(distances <= _SAME_PRINT_MM)}
        count += label.activation > _MIN_ACTIVATION and label.lead not in near
    return count


class NameReader:
    """The steps of the pipeline up to the lead names, with the networks of a model family."""

    def __init__(self, models: str, precision: str, threads: int) -> None:
        graphs = load_models(models, precision=precision).graphs
        self._locate = OnnxRuntimeRunner(graphs["locate"], threads)
        self._grid = OnnxRuntimeRunner(graphs["grid"], threads)

    def count_names(self, path: Path) -> NamesRead:
        """Return the counts of one image."""
        image = rgb_from_file(path)
        names = printed_names(path, (image.shape[1], image.shape[0]))
        missed_all = NamesRead(path.stem, names.kind, len(names.leads), 0, 0, names.leads)
        try:
            located = locate(self._locate, image)
            if located.quarter_turns != names.quarter_turns:
                return NamesRead(**(asdict(missed_all) | {"failed": "wrong rotation"}))
            mesh = mesh_from_grid(grid_phase(self._grid, located))
        except PageError as error:
            return NamesRead(**(asdict(missed_all) | {"failed": error.message}))
        heatmap = refine_text_heatmaps(self._locate, located.image, mesh, paper_heatmap(located, mesh))
        centres = marks_on_mesh(names, mesh)
        read = [is_read(heatmap, lead, at) for lead, at in zip(names.leads, centres, strict=True)]
        missed = tuple(lead for lead, done in zip(names.leads, read, strict=True) if not done)
        false = false_names(heatmap, names.leads, centres)
        return NamesRead(path.stem, names.kind, len(read), sum(read), false, missed)


def summary(pages: list[NamesRead]) -> dict[str, Any]:
    """Return the counts over all pages and over the pages of each kind."""
    groups = {"all": pages} | {
        kind: [page for page in pages if page.kind == kind] for kind in sorted({page.kind for page in pages})
    }
    return {
        kind: {
            "pages": len(group),
            "printed": sum(page.printed for page in group),
            "read": sum(page.read for page in group),
            "read_share": round(sum(page.read for page in group) / max(1, sum(p.printed for p in group)), 4),
            "pages_with_all_names": sum(page.read == page.printed for page in group),
            "false_per_page": round(sum(page.false for page in group) / len(group), 3),
            "without_mesh": sum(page.failed is not None for page in group),
        }
        for kind, group in groups.items()
    }


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--models", default="lite")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    reader = NameReader(arguments.models, arguments.precision, arguments.threads)
    paths = [
        path
        for path in sorted(arguments.pages.glob("*.jpg"))
        if path.with_suffix(".npz").is_file() or path.with_suffix(".json").is_file()
    ]
    if not paths:
        raise SystemExit(f"{arguments.pages} does not contain a NAME.jpg with NAME.npz or NAME.json.")
    pages = [reader.count_names(path) for path in paths]
    by_kind = summary(pages)
    figures = {"precision": arguments.precision, "kinds": by_kind, "pages": [asdict(page) for page in pages]}
    models = str(load_models(arguments.models))
    write_result(arguments.result, "names_read", arguments.threads, figures, models)
    sys.stdout.write(json.dumps(by_kind, indent=1) + "\n")


if __name__ == "__main__":
    main()
