"""`run --out`, `--format` and `--test` become a format and a place, with what stands beside it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecgdigit_rt.atomic_files import check_file, check_folder, is_stream
from ecgdigit_rt.formats.registry import OutputFormat
from ecgdigit_rt.formats.selection import STDOUT, select_format
from ecgdigit_rt.formats.writer import OutputDestination, PageWriter

if TYPE_CHECKING:
    from ecgdigit_rt.formats.test_csv import LeadRequest
    from ecgdigit_rt.runs.run_files import RunFiles


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """Where a run's pages and its report go."""

    out: Path
    form: OutputFormat
    questions: Mapping[str, Sequence[LeadRequest]] | None

    @property
    def is_stream(self) -> bool:
        """Standard output, a pipe, a device: nothing can stand beside it, and no run can go on there."""
        return str(self.out) == STDOUT or is_stream(self.out)

    @property
    def files(self) -> RunFiles:
        from ecgdigit_rt.runs.run_files import run_files

        return run_files(self.out, self.form.name, is_folder=self.form.is_folder)

    @property
    def report_path(self) -> Path:
        from ecgdigit_rt.runs.report import report_path

        return report_path(self.out, is_folder=self.form.is_folder)

    def writer(self) -> PageWriter:
        """Raises DependencyMissing."""
        stream = sys.stdout if str(self.out) == STDOUT else None
        return self.form.opener(OutputDestination(self.out, stream, self.questions))

    def check(self) -> None:
        """Find out what would keep a run from writing, before a page is read. Raises OutputNotWritable."""
        if not self.is_stream:
            (check_folder if self.form.is_folder else check_file)(self.out)


def output_target(
    out: Path, form: str | None, questions: Mapping[str, Sequence[LeadRequest]] | None
) -> OutputTarget:
    """Raises UnknownChoice, FormatNotNamed and FormatContradicted."""
    return OutputTarget(out, select_format(form, out, has_questions=questions is not None), questions)
