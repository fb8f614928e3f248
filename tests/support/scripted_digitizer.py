"""Digitizer for runs in real processes, which returns the truth of pages or fails on purpose.

`install_scripted_digitizer` writes a sitecustomize.py that replaces the real digitizer in every process of
a run.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from paper_page import TruthDigitizer, signals, write_truth

from ecgdigit_rt.results import Digitized, PageRef, Result

ROOT = Path(__file__).parents[2]
SITE = """
import sys
if any("ecgdigit_rt" in word for word in sys.orig_argv) or "--multiprocessing-fork" in sys.orig_argv:
    import scripted_digitizer
    scripted_digitizer.replace_digitizer()
"""


class ScriptedDigitizer(TruthDigitizer):
    """Digitizer whose behaviour depends on the name of the page.

    "crash" in the name ends the process, "hang" takes a minute, and "memory" raises MemoryError.
    """

    device = "scripted"
    identity: ClassVar[dict[str, str]] = {"software": "scripted"}

    def __init__(self, threads: int | None, **options: object) -> None:
        self.threads = threads or 2
        type(self).truth = Path("truth").absolute()

    def network_threads(self, pages: int) -> int:
        return 1 if pages >= 3 * self.threads else self.threads

    def _digitize(self, page: PageRef) -> Digitized:
        if "crash" in page.id:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "memory" in page.id:
            raise MemoryError("3 GB")
        time.sleep(60 if "hang" in page.id else 0.05)
        return replace(super()._digitize(page), seconds={"trace": time.perf_counter()})


def open_scripted_digitizer(arguments: Mapping[str, object], threads: int) -> Callable[[PageRef], Result]:
    """Counterpart of `ecgdigit_rt.digitizer.open_page_digitizer`."""
    digitizer = ScriptedDigitizer(threads, **arguments)
    return lambda page: next(digitizer.digitize_many([page], network_threads=threads))


def replace_digitizer() -> None:
    """Replace the real digitizer in this process."""
    stub = types.ModuleType("ecgdigit_rt.digitizer")
    stub.__dict__["Digitizer"] = ScriptedDigitizer
    stub.__dict__["open_page_digitizer"] = open_scripted_digitizer
    sys.modules["ecgdigit_rt.digitizer"] = stub


def install_scripted_digitizer(folder: Path) -> dict[str, str]:
    """Write FOLDER/site, and return the environment in which `python -m ecgdigit_rt` uses it."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(SITE)
    import_paths = [
        folder / "site",
        ROOT / "tests" / "support",
        ROOT,
        *(ROOT / name for name in ("export", "engine", "kernels")),
    ]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, import_paths))}


def write_scripted_pages(folder: Path, names: list[str]) -> None:
    """Write FOLDER/scans with a page per name, and FOLDER/truth."""
    for name in ("scans", "truth"):
        (folder / name).mkdir()
    for seed, name in enumerate(names):
        image = np.full((200, 200, 3), 255 - seed, np.uint8)
        cv2.imwrite(str(folder / "scans" / f"{name}.png"), image)
        write_truth(folder / "truth" / f"{name}.csv", signals(seed))
