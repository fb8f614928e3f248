"""A CSV file, a report or a truth cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class TableError(EcgDigitError):
    """A CSV file cannot be used."""

    exit_code = 1


class TestCsvMalformed(TableError, ValueError):
    __test__ = False  # pytest takes Test* for a test class
    id = "E-TEST-01"

    def __init__(self, path: Path, line: int, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}, column {column}: {problem}",
            "The header is id,lead,fs,number_of_rows; each lead of an image stands once.",
        )
        self.path = path
        self.line = line
        self.column = column


class SubmissionMalformed(TableError, ValueError):
    id = "E-SUBMISSION-01"

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(
            f"{path}, line {line}: {problem}",
            "The header is id,value; each id is {image}_{row}_{lead}, each value a millivolt.",
        )
        self.path = path
        self.line = line


class PredictionsMalformed(TableError, ValueError):
    """A folder of pages or a Parquet file that was given to be scored."""

    id = "E-SUBMISSION-02"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} cannot be scored: {problem}",
            "Give what `ecgdigit-rt run` wrote: submission.csv, a folder of NAME.csv, or a .parquet file.",
        )
        self.path = path
        self.problem = problem


class ReportMalformed(TableError, ValueError):
    id = "E-REPORT-01"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is no report of a run",
            "Give the NAME.report.json that `ecgdigit-rt run` wrote beside its output.",
        )
        self.path = path


class TruthMissing(TableError, FileNotFoundError):
    id = "E-TRUTH-01"

    def __init__(self, folder: Path, images: Sequence[str] = ()) -> None:
        shown = ", ".join(images[:5]) + (" …" if len(images) > 5 else "")
        what = f"no truth for {shown} in {folder}" if images else f"no NAME.csv in {folder}"
        super().__init__(what, "Each image needs its NAME.csv there, one column per lead.")
        self.folder = folder
        self.images = tuple(images)


class TruthMalformed(TableError, ValueError):
    id = "E-TRUTH-02"

    def __init__(self, path: Path, column: str, problem: str) -> None:
        super().__init__(
            f"{path}, column {column}: {problem}",
            "One column per lead, in millivolt, empty outside the window that the page shows.",
        )
        self.path = path
        self.column = column
