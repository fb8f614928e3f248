"""Digitization methods: the networks of one model family, or the classical pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.errors import GraphUnusable
from ecgdigit_engine.runner import Runner, close_runner
from ecgdigit_engine.stage_opener import StageOpener, StageRequest
from ecgdigit_rt import __version__
from ecgdigit_rt.classical.pipeline import ClassicalPipeline
from ecgdigit_rt.layout.match import LayoutOverrides
from ecgdigit_rt.models import STAGES, load_models, load_sampler
from ecgdigit_rt.pipeline import Pipeline, PipelineOptions
from ecgdigit_rt.results import Digitized, PageRef, Provenance
from ecgdigit_rt.stages import OUTPUTS, SAMPLED_TRACE
from ecgdigit_rt.text.ocr import ocr_version
from ecgdigit_rt.tracing.assemble import AssemblyOptions
from ecgdigit_rt.vector.pipeline import VectorOptions, VectorPipeline
from ecgdigit_rt.words import WordSource

_SOFTWARE = f"ecgdigit-rt {__version__}"


class PageReader(Protocol):
    """Pipeline that digitizes single pages: `Pipeline` or `ClassicalPipeline`."""

    def read(self, image: NDArray[np.uint8], source: PageRef, words: WordSource) -> Digitized:
        """Digitize one page. `image` is (height, width, 3) uint8 RGB. Raises PageError.

        `words` returns the words that the file contains.
        """
        ...


class Method(Protocol):
    """Digitization method. It creates page readers.

    `device` and `models` are descriptions for display, and `notes` are remarks for the user. `identity`
    describes the software, the models and the device, which together affect the results. `is_accelerated` is
    true if the networks run on a device with its own memory.
    """

    @property
    def device(self) -> str: ...  # noqa: D102

    @property
    def models(self) -> str: ...  # noqa: D102

    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def identity(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def is_accelerated(self) -> bool: ...  # noqa: D102

    def reader(self, threads: int) -> PageReader:
        """Return a page reader whose networks, if it has any, use `threads` CPU threads each."""
        ...

    def close(self) -> None:
        """Release networks and worker threads."""
        ...


class NeuralMethod:
    """Method that runs the networks of one model family. It opens them once per number of threads.

    `threads` is the number of CPU threads of the digitizer. `owns_runners` is false if the runners that
    `opener` opens are shared with other callers, so that `close` must leave them open. Raises ModelMissing or
    ModelCorrupt.
    """

    def __init__(
        self, models: str, opener: StageOpener, threads: int, options: PipelineOptions, *, owns_runners: bool
    ) -> None:
        self._family = load_models(models, precision=opener.graph_precision)
        self._opener, self._threads = opener, threads
        self._options = options.with_provenance(Provenance(_SOFTWARE, str(self._family), str(opener)))
        self._owns_runners = owns_runners
        self._pipelines: dict[int, Pipeline] = {}
        self._opening = Lock()
        self._opened = ExitStack()
        size_mb = sum(len(graph) for graph in self._family.graphs.values()) / 1e6
        self.device, self.notes, self.is_accelerated = str(opener), opener.notes, opener.is_accelerator
        self.models = f"{self._family} ({size_mb:.1f} MB)"
        weights = sha256(b"".join(self._family.graphs[stage] for stage in STAGES)).hexdigest()
        self.identity: Mapping[str, str] = {
            "software": _SOFTWARE,
            "models": f"{self._family} (SHA-256 {weights[:16]})",
            "device": str(opener),
            "text recognition": ocr_version() if options.ocr else "off",
        }

    def reader(self, threads: int) -> Pipeline:
        """Return the pipeline whose networks use `threads` CPU threads. Raises SetupError."""
        with self._opening:
            if threads not in self._pipelines:
                graphs = self._family.graphs
                runners = {stage: self._open(stage, graphs[stage], threads) for stage in STAGES}
                if self._opener.is_accelerator:
                    sampler = load_sampler(str(self._family.root))
                    runners[SAMPLED_TRACE] = self._open("trace", graphs["trace"], threads, sampler)
                self._pipelines[threads] = Pipeline(runners, self._options)
            return self._pipelines[threads]

    def close(self) -> None:
        """Release the networks. If this method owns them, also stop the threads that feed a GPU."""
        self._pipelines.clear()
        self._opened.close()

    def _open(self, stage: str, graph: bytes, threads: int, prefix_graph: bytes | None = None) -> Runner:
        concurrency = 1 if threads == self._threads else self._threads
        network = f"The network {stage} of {self._family}"
        try:
            runner = self._opener.open(StageRequest(graph, threads, concurrency, prefix_graph))
        except GraphUnusable as error:
            raise GraphUnusable(network, error.reason) from error
        missing = set(OUTPUTS[stage]) - {port.name for port in runner.spec.outputs}
        if missing:
            raise GraphUnusable(network, f"it has no output {', '.join(sorted(missing))}")
        if self._owns_runners:
            self._opened.callback(close_runner, runner)
        return runner


def vector_pipeline(overrides: LayoutOverrides, assembly: AssemblyOptions) -> VectorPipeline:
    """Return the pipeline for line drawings, which uses no networks."""
    provenance = Provenance(_SOFTWARE, "none", "none (vector)")
    return VectorPipeline(VectorOptions(overrides, replace(assembly, provenance=provenance)))


class ClassicalMethod:
    """Method that runs the classical pipeline. It uses no networks."""

    device = "none (classical)"
    models = "none"
    notes = ("no text is read: rows and pulses determine layout, speed and gain unless they are specified",)
    identity: Mapping[str, str] = {"software": _SOFTWARE, "models": "none"}
    is_accelerated = False

    def __init__(self, overrides: LayoutOverrides, options: AssemblyOptions) -> None:
        provenance = Provenance(_SOFTWARE, self.models, self.device)
        self._pipeline = ClassicalPipeline(overrides, replace(options, provenance=provenance))

    def reader(self, threads: int) -> ClassicalPipeline:  # noqa: ARG002
        """Return the pipeline. `threads` has no effect, because there are no networks."""
        return self._pipeline

    def close(self) -> None:
        """Do nothing: there are no networks to release."""
