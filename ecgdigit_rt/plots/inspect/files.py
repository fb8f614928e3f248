"""An inspected page's folder: the pictures, and the facts behind them as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2

from ecgdigit_rt.errors import OutputNotWritable
from ecgdigit_rt.plots.inspect.inspection import PICTURES, Inspection, pictures_from_inspection
from ecgdigit_rt.plots.inspect.plot import TrueLead
from ecgdigit_rt.results import Digitized

FACTS = "inspect.json"


def write_inspection(seen: Inspection, folder: Path) -> list[Path]:
    """Write the pictures as PNG and the facts as `FACTS`; a former page's pictures go. Gives the files.

    Raises OutputNotWritable.
    """
    _tried(folder, lambda: folder.mkdir(parents=True, exist_ok=True))
    for name in PICTURES:
        _tried(folder, (folder / f"{name}.png").unlink, missing_ok=True)
    written = []
    for name, image in pictures_from_inspection(seen):
        path = folder / f"{name}.png"
        png = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
        _tried(path, path.write_bytes, png)
        written.append(path)
    facts = json.dumps(facts_from_inspection(seen, written), indent=1, ensure_ascii=False, allow_nan=False)
    _tried(folder / FACTS, (folder / FACTS).write_text, facts + "\n", encoding="utf-8")
    return [*written, folder / FACTS]


def facts_from_inspection(seen: Inspection, written: Sequence[Path] = ()) -> dict[str, object]:
    """The facts behind the pictures, for programs; null is what is not known."""
    page, mesh, failed = seen.page, seen.mesh, seen.failed
    layout = page.layout if page else seen.reading.layout if seen.reading else None
    return {
        "path": str(seen.source.path),
        "status": "failed" if failed else "digitized",
        "error": {"id": failed.error_id, "message": failed.message, "hint": failed.hint} if failed else None,
        "steps": seen.steps,
        "pictures": [path.name for path in written],
        "quarter_turns": seen.located.quarter_turns if seen.located else None,
        "sheet_px": seen.located.page_px if seen.located else None,
        "residual_px": _known(mesh.residual_px, 3) if mesh else None,
        "coverage": _known(mesh.coverage, 3) if mesh else None,
        "layout": {
            "name": layout.name,
            "speed_mm_s": layout.speed_mm_s,
            "gain_mm_mv": layout.gain_mm_mv,
            "rows": [[segment.lead for segment in row.segments] for row in layout.rows],
        }
        if layout
        else None,
        "seconds": {step: round(s, 4) for step, s in page.seconds.items()} if page else None,
        "leads": _leads(page, seen.truth) if page else {},
    }


def _leads(page: Digitized, truth: Mapping[str, TrueLead]) -> dict[str, dict[str, float | None]]:
    leads: dict[str, dict[str, float | None]] = {}
    for name, lead in page.leads.items():
        leads[name] = {
            "start_s": round(lead.start_s, 4),
            "duration_s": round(lead.duration_s, 4),
            "confidence": round(lead.confidence, 4),
        }
        if name in truth:
            leads[name] |= {
                "snr_db": _known(truth[name].db, 3),
                "nrmse_percent": _known(truth[name].nrmse_percent, 3),
                "pearson": _known(truth[name].pearson, 5),
            }
    return leads


def _known(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def _tried(path: Path, write: Callable[..., object], *arguments: object, **options: object) -> None:
    try:
        write(*arguments, **options)
    except OSError as error:
        raise OutputNotWritable(path, error.strerror or str(error)) from error
