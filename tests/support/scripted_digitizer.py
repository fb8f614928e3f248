"""A digitizer for runs in real processes: it knows its pages' truth, and some pages end badly.

`scripted_site` writes the sitecustomize.py that puts it in the real one's place, in every process that a
run starts.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import types
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from paper_page import TruthDigitizer, signals, write_truth

from ecgdigit_rt.results import Digitized, PageRef

ROOT = Path(__file__).parents[2]
SITE = """
import sys
if any("ecgdigit_rt" in word for word in sys.orig_argv) or "--multiprocessing-fork" in sys.orig_argv:
    import scripted_digitizer
    scripted_digitizer.take_over()
"""


class ScriptedDigitizer(TruthDigitizer):
    """A page called crash ends its process, hang takes a minute, memory is out of memory."""

    device = "scripted"
    identity: ClassVar[dict[str, str]] = {"software": "scripted"}

    def __init__(self, threads: int | None, **told: object) -> None:
        self.threads = threads or 2
        type(self).truth = Path("truth").absolute()

    def network_threads(self, pages: int) -> int:
        return 1 if pages >= 3 * self.threads else self.threads

    def _digitized(self, page: PageRef) -> Digitized:
        if "crash" in page.id:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "memory" in page.id:
            raise MemoryError("3 GB")
        time.sleep(60 if "hang" in page.id else 0.05)
        return replace(super()._digitized(page), seconds={"trace": time.perf_counter()})


def take_over() -> None:
    """Stand in for the real digitizer in this process."""
    stub = types.ModuleType("ecgdigit_rt.digitizer")
    stub.__dict__["Digitizer"] = ScriptedDigitizer
    sys.modules["ecgdigit_rt.digitizer"] = stub


def scripted_site(folder: Path) -> dict[str, str]:
    """The environment in which `python -m ecgdigit_rt` reads with it."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(SITE)
    places = [
        folder / "site",
        ROOT / "tests" / "support",
        ROOT,
        *(ROOT / name for name in ("export", "engine", "kernels")),
    ]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}


def scripted_pages(folder: Path, names: list[str]) -> None:
    """FOLDER/scans with a page of each name, and FOLDER/truth."""
    for name in ("scans", "truth"):
        (folder / name).mkdir()
    for seed, name in enumerate(names):
        picture = np.full((200, 200, 3), 255 - seed, np.uint8)
        cv2.imwrite(str(folder / "scans" / f"{name}.png"), picture)
        write_truth(folder / "truth" / f"{name}.csv", signals(seed))
