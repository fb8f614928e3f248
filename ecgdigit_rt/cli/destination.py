"""`run --out`, `--format` and `--test` become a format, a place and a report beside it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ecgdigit_rt.outputs.formats.chosen import STDOUT, chosen_format
from ecgdigit_rt.outputs.formats.page_writer import Destination, PageWriter
from ecgdigit_rt.outputs.formats.registry import Format

if TYPE_CHECKING:
    from ecgdigit_rt.outputs.competition import Asked
    from ecgdigit_rt.outputs.report import Report


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run's pages and its report go."""

    out: Path
    form: Format
    questions: Mapping[str, Sequence[Asked]] | None

    def writer(self) -> PageWriter:
        """Raises DependencyMissing."""
        stream = sys.stdout if self._is_stdout else None
        return self.form.opener(Destination(self.out, stream, self.questions))

    def finish(self, report: Report) -> None:
        """Write the report and say where things are; beside standard output there is no report."""
        from ecgdigit_rt.outputs.report import report_path, write_report

        if not self._is_stdout:
            path = report_path(self.out, is_folder=self.form.is_folder)
            write_report(report, path)
            typer.echo(f"written  {self.out} · {path}", err=True)

    @property
    def _is_stdout(self) -> bool:
        return str(self.out) == STDOUT


def target(out: Path, form: str | None, questions: Mapping[str, Sequence[Asked]] | None) -> Target:
    """Raises UnknownChoice, FormatNotNamed and FormatContradicted."""
    return Target(out, chosen_format(form, out, has_questions=questions is not None), questions)
