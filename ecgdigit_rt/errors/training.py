"""Errors that prevent the start of a training run."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class TrainingError(EcgDigitError):
    """Base class of errors that prevent the start of a training run."""

    exit_code = 1


class SettingsMalformed(TrainingError, ValueError):
    """Invalid settings file. `key` is dotted, or empty if the whole file is invalid."""

    id = "E-TRAIN-01"

    def __init__(self, source: str, key: str, problem: str) -> None:
        location = f"{source}, {key}" if key else source
        super().__init__(f"{location}: {problem}", "docs/howto/train.md documents all keys.")
        self.source = source
        self.key = key


class CheckpointExists(TrainingError, FileExistsError):
    """Output folder that holds an earlier training run."""

    id = "E-TRAIN-02"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"A training run already exists: {path}",
            "Continue it with --resume, replace it with --restart, or choose another --out.",
        )
        self.path = path


class TrainingPagesMissing(TrainingError, FileNotFoundError):
    """Folder without training pages."""

    id = "E-TRAIN-03"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"No pages with ground truth (NAME.jpg with NAME.npz) in {folder}",
            "Render some with `ecgdigit-rt synth`, or make them from your pages with `ecgdigit-rt label`.",
        )
        self.folder = folder


class RecordingsUnusable(TrainingError, ValueError):
    """Recordings that synthetic pages cannot be rendered from."""

    id = "E-TRAIN-04"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"No usable recordings in {path}: {problem}",
            "Pass a folder of WFDB records with twelve leads, or an npz with signals_mv and rate_hz.",
        )
        self.path = path


class TruthMismatch(TrainingError, ValueError):
    """Ground truth that does not match the digitized page."""

    id = "E-TRAIN-05"

    def __init__(self, image: str, problem: str) -> None:
        super().__init__(
            f"The ground truth of {image} does not match the page: {problem}",
            "Check that it is of this page and in mV. If so, override what was misread: "
            "--layout, --speed, --gain.",
        )
        self.image = image
