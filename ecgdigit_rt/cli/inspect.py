"""`ecgdigit-rt inspect`: show every step of one page in eight images."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgdigit_rt.cli.console import SOME_FAILED, print_message
from ecgdigit_rt.cli.options import Gain, LayoutName, Speed, Threads

if TYPE_CHECKING:
    from ecgdigit_rt.evaluation.truth import Truth
    from ecgdigit_rt.plots.inspect.inspection import Inspection


def inspect(
    page: Annotated[
        Path, typer.Argument(metavar="PAGE", help="File of the page: image, PDF, TIFF or DICOM.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the images and inspect.json.")],
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth", help="True signals of the page: a CSV file with a column per lead, in millivolts."
        ),
    ] = None,
    number: Annotated[
        int, typer.Option("--page", min=1, help="Page number in a PDF, TIFF or DICOM file.")
    ] = 1,
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    threads: Threads = None,
) -> None:
    """Show the result of every step for one page, to find the step that went wrong.

    Writes eight images: labels, page, vertical and horizontal grid lines, mesh, rectified page, traces and
    leads. A page that fails is shown up to the failed step. If the page fails or is doubtful, the exit code
    is 2. For a vector PDF, a ninth image compares its lines with the traces of its picture.
    """
    from ecgdigit_rt.decode.sources import page_from_source
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.drawing import DrawingNotUnderstood
    from ecgdigit_rt.errors import PageError
    from ecgdigit_rt.evaluation.alignment import align_truth
    from ecgdigit_rt.evaluation.truth import find_test_csv, read_truth
    from ecgdigit_rt.plots.inspect.inspection import Inspection
    from ecgdigit_rt.plots.inspect.writer import write_inspection
    from ecgdigit_rt.results import PageRef, failed_from_error

    source = PageRef(page, number - 1)
    decodable = page_from_source(source)
    image = decodable.pixels()
    true_signals = None
    if truth is not None:
        true_signals = read_truth(truth, find_test_csv(truth.parent).get(truth.stem, ()))
    inspection, failure = Inspection(source, image), None
    drawing = decodable.drawing()
    try:
        digitizer = Digitizer(threads=threads, layout=layout, speed_mm_s=speed, gain_mm_mv=gain)
        if drawing is not None:
            with suppress(DrawingNotUnderstood):
                vector = digitizer.digitize_drawing(drawing, source, None, decodable.words)
                inspection.vector = vector.page
        steps = digitizer.digitize_steps(image, source, inspection.observe, decodable.words)
    except PageError as error:
        if inspection.vector is None:
            failure = error
            inspection.failed = failed_from_error(source, error)
    else:
        inspection.traces, inspection.page = steps.traces, steps.page
    if inspection.result is not None and true_signals is not None:
        inspection.truth = align_truth(true_signals, inspection.result)
    written = write_inspection(inspection, out)
    _print_result(inspection, true_signals)
    print_message("written", f"{out}: {len(written) - 1} images · {written[-1].name}")
    if failure is not None:
        raise failure
    if inspection.doubts:
        raise typer.Exit(SOME_FAILED)


def _print_result(inspection: Inspection, truth: Truth | None) -> None:
    """Print the layout, the doubts and, if the truth is known, the score.

    Print nothing for a failed page.
    """
    page = inspection.result
    if page is None:
        return
    layout = page.layout
    scale = f"{layout.name} · {layout.speed_mm_s:g} mm/s · {layout.gain_mm_mv:g} mm/mV"
    print_message("layout", f"{scale} · {len(page.leads)} leads")
    for doubt in page.doubts:
        print_message(page.status, str(doubt))
    if truth is not None:
        from ecgdigit_rt.evaluation.scores import image_score

        leads = page.leads
        rate_hz = next((lead.rate_hz for lead in leads.values()), None)
        score = image_score(truth, {name: lead.mv.astype(float) for name, lead in leads.items()}, rate_hz)
        missing = f" · without {', '.join(score.missing)}" if score.missing else ""
        print_message("score", f"{score.db:.2f} dB over all leads{missing}")
