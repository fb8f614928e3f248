"""Errors of tables: CSV files, reports and ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class TableError(EcgDigitError):
    """Base class of errors about tables."""

    exit_code = 1


class TestCsvMalformed(TableError, ValueError):
    """Invalid test.csv."""

    __test__ = False  # the name starts with Test; without this pytest collects the class
    id = "E-TEST-01"

    def __init__(self, path: Path, line: int, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}, column {column}: {problem}",
            "The header is id,lead,fs,number_of_rows. Each lead of an image has exactly one line.",
        )
        self.path = path
        self.line = line
        self.column = column


class SubmissionMalformed(TableError, ValueError):
    """Invalid submission.csv."""

    id = "E-SUBMISSION-01"

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}: {problem}",
            "The header is id,value. Each id is {image}_{row}_{lead}, each value is in millivolts.",
        )
        self.path = path
        self.line = line


class PredictionsMalformed(TableError, ValueError):
    """Folder of CSV files or Parquet file that cannot be evaluated."""

    id = "E-SUBMISSION-02"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"Cannot evaluate {path}: {problem}",
            "Pass an output of `ecgdigit-rt run`: submission.csv, a folder of NAME.csv, or a .parquet file.",
        )
        self.path = path
        self.problem = problem


class ReportMalformed(TableError, ValueError):
    """File that is not the report of a run."""

    id = "E-REPORT-01"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Cannot read {path}: it is not the report of a run",
            "Pass the NAME.report.json that `ecgdigit-rt run` wrote beside its output.",
        )
        self.path = path


class TruthMissing(TableError, FileNotFoundError):
    """Folder without ground truth, or without that of some images."""

    id = "E-TRUTH-01"

    def __init__(self, folder: Path, images: Sequence[str] = ()) -> None:
        names = ", ".join(images[:5]) + (" …" if len(images) > 5 else "")
        message = f"No ground truth for {names} in {folder}" if images else f"No NAME.csv in {folder}"
        super().__init__(message, "Each image needs a NAME.csv there, with one column per lead.")
        self.folder = folder
        self.images = tuple(images)


class TruthMalformed(TableError, ValueError):
    """Invalid CSV file of ground truth."""

    id = "E-TRUTH-02"

    def __init__(self, path: Path, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, column {column}: {problem}",
            "One column per lead, in millivolts, with empty cells outside the time that the page shows.",
        )
        self.path = path
        self.column = column
