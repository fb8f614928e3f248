"""A training run cannot begin as it is told to."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class TrainingError(EcgDigitError):
    """A training run cannot begin as it is told to."""

    exit_code = 1


class SettingsMalformed(TrainingError, ValueError):
    """`key` is dotted, empty where the whole file is wrong."""

    id = "E-TRAIN-01"

    def __init__(self, source: str, key: str, problem: str) -> None:
        where = f"{source}, {key}" if key else source
        super().__init__(f"{where}: {problem}", "docs/howto/train.md has every key with its meaning.")
        self.source = source
        self.key = key


class CheckpointExists(TrainingError, FileExistsError):
    id = "E-TRAIN-02"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"a run was begun here: {path}",
            "--resume goes on with it, --restart begins anew and replaces it, --out names another folder.",
        )
        self.path = path


class TrainingPagesMissing(TrainingError, FileNotFoundError):
    id = "E-TRAIN-03"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"no pages with truth (NAME.jpg with NAME.npz) in {folder}",
            "Draw some with `ecgdigit-rt synth`, or make them of your own pages with `ecgdigit-rt label`.",
        )
        self.folder = folder


class RecordingsUnusable(TrainingError, ValueError):
    """Signals to draw pages from."""

    id = "E-TRAIN-04"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"no recordings in {path}: {problem}",
            "Give a folder of WFDB records with twelve leads, or an npz with signals_mv and rate_hz.",
        )
        self.path = path


class TruthDoesNotFit(TrainingError, ValueError):
    id = "E-TRAIN-05"

    def __init__(self, image: str, problem: str) -> None:
        super().__init__(
            f"the truth of {image} does not fit the page: {problem}",
            "Is it of this page, in mV? If so, tell what was misread: --layout, --speed, --gain.",
        )
        self.image = image
