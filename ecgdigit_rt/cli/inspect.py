"""`ecgdigit-rt inspect`: one page's way in eight pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgdigit_rt.cli.options import Gain, LayoutName, Speed, Threads

if TYPE_CHECKING:
    from ecgdigit_rt.evaluation.truth import Truth
    from ecgdigit_rt.plots.inspect.inspection import Inspection


def inspect(
    page: Annotated[Path, typer.Argument(metavar="PAGE", help="The page's file: image, PDF, TIFF, DICOM.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures and inspect.json.")],
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="The page's true signals: a CSV with a column per lead, in millivolt."),
    ] = None,
    number: Annotated[
        int, typer.Option("--page", min=1, help="Which page of a PDF, TIFF or DICOM file.")
    ] = 1,
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    threads: Threads = None,
) -> None:
    """Show what every step made of one page, so that a person sees which one went wrong.

    Eight pictures: labels, page, vertical and horizontal grid lines, mesh, the page laid flat, traces,
    leads. A page that fails is shown as far as it came, and the exit code is 2.
    """
    from ecgdigit_rt.decode.decode_page import rgb_from_page
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.errors import PageError
    from ecgdigit_rt.evaluation.aligned_truth import align_truth
    from ecgdigit_rt.evaluation.truth import find_test_csv, read_truth
    from ecgdigit_rt.plots.inspect.files import write_inspection
    from ecgdigit_rt.plots.inspect.inspection import Inspection
    from ecgdigit_rt.results import PageRef, failed_from_error

    source = PageRef(page, number - 1)
    image = rgb_from_page(source)
    known = None
    if truth is not None:
        known = read_truth(truth, find_test_csv(truth.parent).get(truth.stem, ()))
    seen, failure = Inspection(source, image), None
    try:
        digitizer = Digitizer(threads=threads, layout=layout, speed_mm_s=speed, gain_mm_mv=gain)
        steps = digitizer.steps(image, source, seen.watch)
    except PageError as error:
        failure = error
        seen.failed = failed_from_error(source, error)
    else:
        seen.traces, seen.page = steps.traces, steps.page
        seen.truth = {} if known is None else align_truth(known, steps.page)
    written = write_inspection(seen, out)
    _say(seen, known)
    typer.echo(f"written  {out}: {len(written) - 1} pictures · {written[-1].name}", err=True)
    if failure is not None:
        raise failure


def _say(seen: Inspection, truth: Truth | None) -> None:
    """One line on what was read, and one on how near it is."""
    if seen.page is None:
        return
    layout = seen.page.layout
    read = f"{layout.name} · {layout.speed_mm_s:g} mm/s · {layout.gain_mm_mv:g} mm/mV"
    typer.echo(f"read     {read} · {len(seen.page.leads)} leads", err=True)
    if truth is not None:
        from ecgdigit_rt.evaluation.evaluate import image_score

        leads = seen.page.leads
        rate_hz = next((lead.rate_hz for lead in leads.values()), None)
        score = image_score(truth, {name: lead.mv.astype(float) for name, lead in leads.items()}, rate_hz)
        missing = f" · without {', '.join(score.missing)}" if score.missing else ""
        typer.echo(f"score    {score.db:.2f} dB over all leads{missing}", err=True)
