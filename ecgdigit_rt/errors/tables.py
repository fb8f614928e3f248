"""Errors of tables: CSV files, Parquet files, reports and ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class TableError(EcgDigitError):
    """Base class of errors about tables."""

    exit_code = 1


class TestCsvMalformed(TableError, ValueError):
    """A test.csv is invalid."""

    __test__ = False  # the name starts with Test; without this pytest collects the class
    id = "E-TEST-01"

    def __init__(self, path: Path, line: int, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}, column {column}: {problem}",
            "Use the header id,lead,fs,number_of_rows and exactly one line per lead of an image.",
        )
        self.path = path
        self.line = line
        self.column = column


class SubmissionMalformed(TableError, ValueError):
    """A submission.csv is invalid."""

    id = "E-SUBMISSION-01"

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}: {problem}",
            "Use the header id,value, ids of the form {image}_{row}_{lead}, and values in millivolts.",
        )
        self.path = path
        self.line = line


class PredictionsMalformed(TableError, ValueError):
    """The predictions in a folder of CSV files or in a Parquet file cannot be evaluated."""

    id = "E-SUBMISSION-02"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"Cannot evaluate {path}: {problem}",
            "Pass an output of `ecgdigit-rt run`: submission.csv, a folder of NAME.csv, or a .parquet file.",
        )
        self.path = path
        self.problem = problem


class ReportMalformed(TableError, ValueError):
    """A file is not the report of a run."""

    id = "E-REPORT-01"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Cannot read {path}: it is not the report of a run",
            "Pass the NAME.report.json that `ecgdigit-rt run` wrote with its output.",
        )
        self.path = path


class TruthMissing(TableError, FileNotFoundError):
    """A folder contains no ground truth, or none for some images. `images` are these images."""

    id = "E-TRUTH-01"

    def __init__(self, folder: Path, images: Sequence[str] = ()) -> None:
        names = ", ".join(images[:5]) + (" …" if len(images) > 5 else "")
        message = f"No ground truth for {names} in {folder}" if images else f"No NAME.csv in {folder}"
        super().__init__(message, "Add a NAME.csv with one column per lead for each image.")
        self.folder = folder
        self.images = tuple(images)


class TruthMalformed(TableError, ValueError):
    """A CSV file of ground truth is invalid."""

    id = "E-TRUTH-02"

    def __init__(self, path: Path, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, column {column}: {problem}",
            "Use one column per lead, in millivolts. Leave cells empty outside the time window of the lead.",
        )
        self.path = path
        self.column = column
