"""Errors of training, of exporting, of rendering synthetic pages, and of labeling pages."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class TrainingError(EcgDigitError):
    """Base class of errors of `train`, `distill`, `export`, `synth` and `label`."""

    exit_code = 1


class SettingsMalformed(TrainingError, ValueError):
    """A settings file or a KEY=VALUE override is invalid.

    `source` is the path or the name of the settings, or the text of the override. `key` is a dotted name such
    as `trace.steps`. It is empty if the error does not concern a single key.
    """

    id = "E-TRAIN-01"

    def __init__(self, source: str, key: str, problem: str) -> None:
        location = f"{source}, {key}" if key else source
        super().__init__(f"{location}: {problem}", "See docs/howto/train.md for all keys.")
        self.source = source
        self.key = key


class CheckpointExists(TrainingError, FileExistsError):
    """The output folder contains the checkpoint of an earlier training run."""

    id = "E-TRAIN-02"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"A checkpoint of an earlier training run exists: {path}",
            "Resume the run with --resume, replace it with --restart, or choose another --out.",
        )
        self.path = path


class TrainingPagesMissing(TrainingError, FileNotFoundError):
    """A folder contains no pages with ground truth."""

    id = "E-TRAIN-03"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"No pages with ground truth (NAME.jpg with NAME.npz) in {folder}",
            "Render pages with `ecgdigit-rt synth`, or label your own pages with `ecgdigit-rt label`.",
        )
        self.folder = folder


class RecordingsUnusable(TrainingError, ValueError):
    """Synthetic pages cannot be rendered from the recordings."""

    id = "E-TRAIN-04"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"No usable recordings in {path}: {problem}",
            "Pass a folder of WFDB records with twelve leads, or an npz with signals_mv and rate_hz.",
        )
        self.path = path


class TruthMismatch(TrainingError, ValueError):
    """The ground truth does not match the digitized page."""

    id = "E-TRAIN-05"

    def __init__(self, image: str, problem: str) -> None:
        super().__init__(
            f"The ground truth of {image} does not match the page: {problem}",
            "Check that the ground truth is of this page and in mV. If it is, override misread values with "
            "--layout, --speed or --gain.",
        )
        self.image = image


class WeightsUnusable(TrainingError, ValueError):
    """A file of trained weights is missing, damaged, or belongs to another network."""

    id = "E-TRAIN-06"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"Cannot use the weights in {path}: {problem}",
            "Pass files that `ecgdigit-rt train` or `distill` wrote: STAGE.pt of the stages locate, grid and "
            "trace, of the family that is specified.",
        )
        self.path = path
        self.problem = problem
